"""The commands ``airflow damstra ...``. Their implementation is imported when one of them runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.cli.cli_config import (
    ARG_OUTPUT,
    ARG_VERBOSE,
    ActionCommand,
    Arg,
    GroupCommand,
    lazy_load_command,
)

if TYPE_CHECKING:
    from argparse import ArgumentParser

TEST_EVENT = "airflow.test"
"""Name of the event that ``send-test-event`` sends by default; Damstra has no event of this name."""

STATES = ("open", "waiting", "refused", "confirmed", "all")


class _EmulatorOptions(Arg):
    """The options of ``damstra-emulator``, which adds them to the parser itself."""

    def add_to_parser(self, parser: ArgumentParser) -> None:
        from airflow_provider_damstra.emulator.__main__ import add_options

        add_options(parser)


def _option(flag: str, **options: Any) -> Arg:
    return Arg((flag,), **options)  # type: ignore[no-untyped-call]


def _command(name: str, summary: str, description: str, *arguments: Arg) -> ActionCommand:
    """Return the command whose function in the module ``commands`` has the same name."""
    return ActionCommand(
        name=name,
        help=summary,
        description=f"{summary}. {description}",
        func=lazy_load_command(f"{__name__}.commands.{name.replace('-', '_')}"),
        args=(*arguments, ARG_VERBOSE),
    )


_CONN_ID = _option("--conn-id", help="id of the connection (default: %(default)s)", default="damstra_default")
_COMMANDS = (
    _command(
        "webhook-url",
        "Print the webhook URL to paste into Damstra, and create its token if it does not exist",
        "The URL contains a secret: anyone who knows it can send events. Only the URL is written to standard "
        "output; further steps are written to standard error.",
        _CONN_ID,
        _option(
            "--rotate",
            help="create a new token; the previous one is accepted for one more day",
            action="store_true",
        ),
    ),
    _command(
        "send-test-event",
        "Send an event to the receiver, and wait until it is an asset event",
        "The name of the default event does not exist in Damstra: it starts no DAG, or with [damstra] "
        "allow_unknown_events those that are scheduled on all events of the connection. With --name and ids, "
        "the event is verified like any other.",
        _CONN_ID,
        _option("--name", help="name of the event (default: %(default)s)", default=TEST_EVENT),
        _option("--lesson-schedule-id", help="id of the lesson schedule in the event", type=int),
        _option("--user-id", help="id of the user in the event", type=int),
        _option("--timeout", help="seconds to wait (default: %(default)s)", type=float, default=60.0),
    ),
    _command(
        "inbox",
        "List the events that are waiting or were refused",
        "Events are kept for the inbox_retention of the section damstra in Airflow's configuration.",
        _option("--conn-id", help="only events of this connection"),
        _option("--state", help="open: waiting and refused events (default)", choices=STATES, default="open"),
        _option(
            "--limit",
            help="maximum number of events, newest first (default: %(default)s)",
            type=int,
            default=100,
        ),
        ARG_OUTPUT,
    ),
    _command(
        "emulator",
        "Serve an emulator of Damstra Learning, the same as damstra-emulator",
        "Certificates need the provider's extra named emulator.",
        _EmulatorOptions(("--emulator-options",)),  # type: ignore[no-untyped-call]
    ),
)


def get_cli_commands() -> list[GroupCommand]:
    """Return the command group for Airflow."""
    summary = "Damstra Learning: its webhooks, and the emulator"
    return [GroupCommand(name="damstra", help=summary, subcommands=_COMMANDS)]

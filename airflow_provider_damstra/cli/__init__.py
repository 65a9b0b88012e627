"""The commands ``airflow damstra ...``. Imported by every ``airflow`` command, hence lazy imports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand

STATES = ("open", "waiting", "refused", "confirmed", "all")


def get_cli_commands() -> list[GroupCommand]:
    """Return the command group for Airflow."""
    from airflow.cli.cli_config import GroupCommand

    return [
        GroupCommand(
            name="damstra",
            help="Damstra Learning: its webhooks, and the emulator",
            subcommands=(_webhook_url(), _send_test_event(), _inbox(), _emulator()),
        )
    ]


def _webhook_url() -> ActionCommand:
    return _command(
        "webhook-url",
        "Print the webhook URL to paste into Damstra, and create its token if there is none",
        "The URL contains a secret: anyone who knows it can send events. Only the URL is written to standard "
        "output; further steps are written to standard error.",
        _conn_id(),
        _option(
            "--rotate",
            help="create a new token; the previous one is accepted for one more day",
            action="store_true",
        ),
    )


def _send_test_event() -> ActionCommand:
    return _command(
        "send-test-event",
        "Send an event to the receiver, and wait until it is an asset event",
        "The name of the default event does not exist in Damstra: it starts DAGs that are scheduled on all "
        "events of the connection, and no others. With --name and ids, the event is verified like any other.",
        _conn_id(),
        _option("--name", help="name of the event (default: %(default)s)", default="airflow.test"),
        _option("--lesson-schedule-id", help="id of the lesson schedule in the event", type=int),
        _option("--user-id", help="id of the user in the event", type=int),
        _option("--timeout", help="seconds to wait (default: %(default)s)", type=float, default=60.0),
    )


def _inbox() -> ActionCommand:
    from airflow.cli.cli_config import ARG_OUTPUT

    return _command(
        "inbox",
        "List the events that are waiting or were refused",
        "Events are kept for the inbox_retention of the section damstra in Airflow's configuration.",
        _option("--conn-id", help="only events of this connection"),
        _option(
            "--state",
            help="open: waiting and refused events (default)",
            choices=STATES,
            default="open",
        ),
        _option(
            "--limit",
            help="maximum number of events, newest first (default: %(default)s)",
            type=int,
            default=100,
        ),
        ARG_OUTPUT,
    )


def _emulator() -> ActionCommand:
    from airflow.cli.cli_config import Arg

    class EmulatorOptions(Arg):
        """The options of ``damstra-emulator``, which adds them to the parser itself."""

        def add_to_parser(self, parser: Any) -> None:
            from airflow_provider_damstra.emulator.__main__ import add_options

            add_options(parser)

    return _command(
        "emulator",
        "Serve an emulator of Damstra Learning, the same as damstra-emulator",
        "Certificates need the provider's extra named emulator.",
        EmulatorOptions(("--emulator-options",)),  # type: ignore[no-untyped-call]
        function=_serve_emulator,
    )


def _serve_emulator(args: Namespace) -> None:
    """Serve an emulator until it is stopped.

    :raises SystemExit: with the emulator's exit status.
    """
    from airflow_provider_damstra.emulator.__main__ import serve

    raise SystemExit(serve(args))


def _conn_id() -> Arg:
    return _option("--conn-id", help="id of the connection (default: %(default)s)", default="damstra_default")


def _option(flag: str, **options: Any) -> Arg:
    from airflow.cli.cli_config import Arg

    return Arg((flag,), **options)  # type: ignore[no-untyped-call]


def _command(
    name: str,
    summary: str,
    description: str,
    *arguments: Arg,
    function: Callable[[Namespace], None] | None = None,
) -> ActionCommand:
    """Return a command; its default function is the one in the module of its name, imported when it runs."""
    from airflow.cli.cli_config import ARG_VERBOSE, ActionCommand, lazy_load_command

    module = name.replace("-", "_")
    return ActionCommand(
        name=name,
        help=summary,
        description=f"{summary}. {description}",
        func=function or lazy_load_command(f"{__name__}.{module}.{module}"),
        args=(*arguments, ARG_VERBOSE),
    )

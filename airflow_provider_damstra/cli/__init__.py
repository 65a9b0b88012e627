"""``airflow damstra ...``: what there is. Every ``airflow`` command imports this, and nothing else here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand

STATES = ("open", "waiting", "refused", "confirmed", "all")


def get_cli_commands() -> list[GroupCommand]:
    """Return the commands."""
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
        "Print the address to paste into Damstra, and make its token if there is none",
        "The address holds a secret: whoever knows it can send events. It alone goes to standard output, and "
        "to standard error what else is to be done.",
        _conn_id(),
        _option(
            "--rotate",
            help="make a new token; the one before is accepted for one more day",
            action="store_true",
        ),
    )


def _send_test_event() -> ActionCommand:
    return _command(
        "send-test-event",
        "Send an event to the receiver, and wait until it has become an asset event",
        "The default event is of a name that Damstra does not have: it starts DAGs that are scheduled on all "
        "events of the connection, and no others. With --name and ids, an event that is verified like any.",
        _conn_id(),
        _option("--name", help="name of the event (default: %(default)s)", default="airflow.test"),
        _option("--lesson-schedule-id", help="the schedule that it is about", type=int),
        _option("--user-id", help="the user that it is about", type=int),
        _option("--timeout", help="seconds to wait (default: %(default)s)", type=float, default=60.0),
    )


def _inbox() -> ActionCommand:
    from airflow.cli.cli_config import ARG_OUTPUT

    return _command(
        "inbox",
        "List the events that wait, or were refused",
        "They are kept as long as inbox_retention says in the section damstra of Airflow's configuration.",
        _option("--conn-id", help="only those of this connection"),
        _option(
            "--state",
            help="open: what waits or was refused (default)",
            choices=STATES,
            default="open",
        ),
        _option("--limit", help="the newest so many (default: %(default)s)", type=int, default=100),
        ARG_OUTPUT,
    )


def _emulator() -> ActionCommand:
    from airflow.cli.cli_config import Arg

    class EmulatorOptions(Arg):
        """The options of ``damstra-emulator``, as it describes them itself."""

        def add_to_parser(self, parser: Any) -> None:
            from airflow_provider_damstra.emulator.__main__ import add_options

            add_options(parser)

    return _command(
        "emulator",
        "Serve an emulator of Damstra Learning, the same as damstra-emulator",
        "Certificates need the provider's extra named emulator.",
        EmulatorOptions(("--emulator-options",)),  # type: ignore[no-untyped-call]
    )


def _conn_id() -> Arg:
    return _option("--conn-id", help="id of the connection (default: %(default)s)", default="damstra_default")


def _option(flag: str, **meaning: Any) -> Arg:
    from airflow.cli.cli_config import Arg

    return Arg((flag,), **meaning)  # type: ignore[no-untyped-call]


def _command(name: str, summary: str, description: str, *arguments: Arg) -> ActionCommand:
    from airflow.cli.cli_config import ARG_VERBOSE, ActionCommand, lazy_load_command

    function = name.replace("-", "_")
    return ActionCommand(
        name=name,
        help=summary,
        description=f"{summary}. {description}",
        func=lazy_load_command(f"{__name__}.{function}.{function}"),
        args=(*arguments, ARG_VERBOSE),
    )

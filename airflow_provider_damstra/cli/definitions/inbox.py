"""Definitions of the commands for the inbox of webhook events."""

from __future__ import annotations

from airflow_provider_damstra.cli.definitions.base import (
    LIMIT,
    MAX_ID,
    OUTPUT,
    YES,
    command,
    group,
    number,
    option,
    whole_number,
)

MAX_DAYS = 36_500
STATES = ("open", "waiting", "refused", "confirmed", "all")

_CONN_ID = option("--conn-id", help="only events of this connection")
_SELECTION = (
    option(
        "event_id",
        metavar="ID",
        type=whole_number(1, MAX_ID),
        nargs="*",
        help="ids of events, as inbox list shows them",
    ),
    option("--all", help="instead of ids: all events that the command is allowed on", action="store_true"),
    option("--conn-id", help="with --all: only events of this connection"),
    option("--name", help="with --all: only events of this name"),
    YES,
)

_LIST = command(
    "list",
    "List the events that are waiting or were refused, the newest first",
    "Events are kept for the inbox_retention of the section [damstra] in Airflow's configuration.",
    function="inbox.list_inbox",
    examples=("airflow damstra inbox list", "airflow damstra inbox list --state refused --output json"),
    arguments=(
        _CONN_ID,
        option(
            "--state",
            help=f"one of {', '.join(STATES)}; open is waiting and refused (default: %(default)s)",
            metavar="STATE",
            choices=STATES,
            default="open",
        ),
        LIMIT,
        OUTPUT,
    ),
)

_RETRY = command(
    "retry",
    "Verify waiting and refused events again, now",
    "A confirmed event has updated its assets already, and is not retried.",
    function="inbox.retry",
    examples=(
        "airflow damstra inbox retry 17 18 --yes",
        "airflow damstra inbox retry --all --conn-id damstra_default --yes",
    ),
    arguments=_SELECTION,
)

_REFUSE = command(
    "refuse",
    "Refuse waiting events: they start no DAG, and a redelivery does not reopen them",
    "inbox retry undoes it.",
    function="inbox.refuse",
    examples=(
        'airflow damstra inbox refuse 17 --reason "sent with a leaked URL" --yes',
        "airflow damstra inbox refuse --all --name lesson.schedule.completed --yes",
    ),
    arguments=(
        *_SELECTION,
        option("--reason", metavar="TEXT", help="why, for those who read the inbox", default=""),
    ),
)

_PURGE = command(
    "purge",
    "Delete refused events",
    "If one is delivered again, it is a new event. Confirmed events are kept for the inbox_retention, as a "
    "delivery of the same event is compared with them.",
    function="inbox.purge",
    examples=(
        "airflow damstra inbox purge 17 --yes",
        "airflow damstra inbox purge --all --older-than-days 7 --yes",
    ),
    arguments=(
        *_SELECTION,
        option(
            "--older-than-days",
            metavar="N",
            type=number(0, MAX_DAYS),
            help="with --all: only events that were received earlier than N days ago",
        ),
    ),
)

COMMANDS = (group("inbox", "Events that were received or polled", _LIST, _RETRY, _REFUSE, _PURGE),)

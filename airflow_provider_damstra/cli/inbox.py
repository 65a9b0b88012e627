"""``airflow damstra inbox``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.cli.simple_table import AirflowConsole

from airflow_provider_damstra.cli.base import airflow_command
from airflow_provider_damstra.webhooks.db.transactions import InboxUnavailableError
from airflow_provider_damstra.webhooks.inbox import EventState, list_events

if TYPE_CHECKING:
    from argparse import Namespace

OPEN = (EventState.WAITING, EventState.REFUSED)
COLUMNS = (
    *("id", "received_at", "conn_id", "name", "lesson_schedule_id", "user_id"),
    *("source", "state", "attempts", "reason"),
)


@airflow_command
def inbox(args: Namespace) -> None:
    """List events, the newest first.

    :raises SystemExit: if the metadata database cannot be read.
    """
    states = {"open": OPEN, "all": tuple(EventState)}.get(args.state) or (EventState(args.state),)
    try:
        rows = list_events(conn_id=args.conn_id, states=states, limit=args.limit)
    except InboxUnavailableError as error:
        raise SystemExit(str(error)) from None
    AirflowConsole().print_as(data=rows, output=args.output, mapper=_to_columns)


def _to_columns(row: dict[str, Any]) -> dict[str, Any]:
    values = {
        **row["payload"],
        **row,
        "received_at": row["received_at"].isoformat(timespec="seconds"),
    }
    return {column: values.get(column) for column in COLUMNS}

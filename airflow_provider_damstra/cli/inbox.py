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
    return {
        "id": row["id"],
        "received_at": row["received_at"].isoformat(timespec="seconds"),
        "conn_id": row["conn_id"],
        "name": row["name"],
        "lesson_schedule_id": row["payload"].get("lesson_schedule_id"),
        "user_id": row["payload"].get("user_id"),
        "source": row["source"],
        "state": row["state"],
        "attempts": row["attempts"],
        "reason": row["reason"],
    }

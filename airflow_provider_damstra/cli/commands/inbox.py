"""The commands ``inbox ...``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.utils.platform import getuser

from airflow_provider_damstra.cli.confirmation import confirm
from airflow_provider_damstra.cli.execution import CommandError, UsageError, airflow_command
from airflow_provider_damstra.cli.output import print_items
from airflow_provider_damstra.hooks.connection import find_connection
from airflow_provider_damstra.text import join_first
from airflow_provider_damstra.webhooks.inbox import EventState, list_events
from airflow_provider_damstra.webhooks.inbox_actions import (
    ALLOWED_STATES,
    ActionResult,
    InboxAction,
    find_event_ids,
    purge_events,
    refuse_events,
    retry_events,
)

if TYPE_CHECKING:
    from argparse import Namespace

    from airflow_provider_damstra.webhooks.inbox import InboxRow

OPEN = (EventState.WAITING, EventState.REFUSED)
COLUMNS = (
    *("id", "received_at", "conn_id", "name", "lesson_schedule_id", "user_id"),
    *("source", "state", "attempts", "reason"),
)


@airflow_command(needs_database=True)
def list_inbox(args: Namespace) -> None:
    """List events, the newest first.

    :raises CommandError: if there is no such connection.
    """
    states = {"open": OPEN, "all": tuple(EventState)}.get(args.state) or (EventState(args.state),)
    # One more than is printed, to know whether there are more.
    limit = args.limit + 1 if args.limit else None
    rows = list_events(conn_id=args.conn_id, states=states, limit=limit)
    if args.conn_id and not rows and find_connection(args.conn_id) is None:
        raise CommandError(f"There is no connection {args.conn_id!r}, and no event of it.")
    print_items(map(_to_item, rows), columns=COLUMNS, output=args.output, limit=args.limit)


def _to_item(row: InboxRow) -> dict[str, Any]:
    return {**row["payload"], **row, "received_at": row["received_at"].isoformat(timespec="seconds")}


@airflow_command(needs_database=True)
def retry(args: Namespace) -> None:
    """Make waiting and refused events due.

    :raises CommandError: naming the events that are not retried.
    """
    _run(args, InboxAction.RETRY, retry_events, done="Retried")


@airflow_command(needs_database=True)
def refuse(args: Namespace) -> None:
    """Refuse waiting events.

    :raises CommandError: naming the events that are not refused.
    """
    reason = ": ".join(filter(None, (f"refused by {getuser()}", args.reason)))
    _run(args, InboxAction.REFUSE, lambda ids: refuse_events(ids, reason=reason), done="Refused")


@airflow_command(needs_database=True)
def purge(args: Namespace) -> None:
    """Delete refused events.

    :raises CommandError: naming the events that are not deleted.
    """
    _run(args, InboxAction.PURGE, purge_events, done="Deleted")


def _run(
    args: Namespace, action: InboxAction, change: Callable[[Sequence[int]], ActionResult], *, done: str
) -> None:
    """Change the selected events after a confirmation, and print how many.

    :param done: what was done, for the message.
    """
    event_ids = _selected_ids(args, action)
    if not event_ids:
        print("There are no such events.")
        return
    ids = join_first([str(event_id) for event_id in event_ids])
    confirm(f"{action.value.capitalize()} events of the inbox ({ids})?", args)
    result = change(event_ids)
    print(f"{done}: {len(result.changed)}.")
    if result.rejected:
        raise CommandError(_describe_rejected(action, result))


def _selected_ids(args: Namespace, action: InboxAction) -> list[int]:
    days = getattr(args, "older_than_days", None)
    filters = {"--conn-id": args.conn_id, "--name": args.name, "--older-than-days": days}
    given = [flag for flag, value in filters.items() if value is not None]
    if bool(args.event_id) == args.all:
        raise UsageError("Give ids of events, or --all.")
    if given and not args.all:
        raise UsageError(f"{' and '.join(given)} selects events with --all only.")
    if not args.all:
        return list(dict.fromkeys(args.event_id))
    before = None if days is None else datetime.now(UTC) - timedelta(days=days)
    return find_event_ids(action, conn_id=args.conn_id, name=args.name, received_before=before)


def _describe_rejected(action: InboxAction, result: ActionResult) -> str:
    rejected = [f"{event_id} ({state or 'no such event'})" for event_id, state in result.rejected.items()]
    allowed = " and ".join(ALLOWED_STATES[action])
    return f"Not changed: {join_first(rejected)}. {action.value.capitalize()} is for {allowed} events."

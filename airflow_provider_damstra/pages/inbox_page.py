"""The page of the inbox: waiting and refused events with their reasons; retry and refuse."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Depends, Form, Path
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from airflow_provider_damstra.pages.access import (
    CREATE_ASSET_EVENTS,
    has_permissions,
    may_read_connection,
    readable_conn_ids,
    requires,
)
from airflow_provider_damstra.pages.csrf import csrf_token, validate_csrf
from airflow_provider_damstra.pages.navigation import INBOX, permitted_pages
from airflow_provider_damstra.pages.rendering import render, response_headers
from airflow_provider_damstra.pages.urls import page_url
from airflow_provider_damstra.webhooks.events import event_ids
from airflow_provider_damstra.webhooks.inbox import EventState
from airflow_provider_damstra.webhooks.inbox_actions import (
    ALLOWED_STATES,
    ActionResult,
    InboxAction,
    refuse_events,
    retry_events,
)
from airflow_provider_damstra.webhooks.inbox_overview import (
    OPEN_STATES,
    count_open_events,
    find_conn_id,
    list_open_events,
)

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

MAX_EVENTS = 100
_ACTIONS = {
    state: [action for action in (InboxAction.RETRY, InboxAction.REFUSE) if state in ALLOWED_STATES[action]]
    for state in OPEN_STATES
}
Notice = Literal["", "retried", "refused", "unchanged"]
EventId = Annotated[int, Path(ge=1, lt=1 << 63)]

router = APIRouter()
log = logging.getLogger(__name__)


@router.get(INBOX.path, dependencies=[Depends(requires(*INBOX.permissions))])
def show_inbox(
    user: GetUserDep,
    state: Literal["", "waiting", "refused"] = "",
    conn_id: str = "",
    notice: Notice = "",
) -> Response:
    """Show the newest waiting and refused events of the connections that the user may read."""
    counts = count_open_events()
    readable = readable_conn_ids(user, counts)
    selected = [one for one in readable if conn_id in ("", one)]
    states = [EventState(state)] if state else OPEN_STATES
    events = list_open_events(selected, states=states, limit=MAX_EVENTS) if selected else []
    totals = sum((Counter(counts[one]) for one in selected), Counter[EventState]())
    return render(
        "inbox",
        pages=permitted_pages(user),
        path=INBOX.path,
        events=[{**event, **event_ids(event["payload"])} for event in events],
        total=sum(totals[one] for one in states),
        totals=totals,
        conn_ids=readable,
        selected={"state": state, "conn_id": conn_id},
        notice=notice,
        actions=_ACTIONS if has_permissions(user, [CREATE_ASSET_EVENTS]) else {},
        csrf_token=csrf_token(user),
    )


def _selection(state: Annotated[str, Form()] = "", conn_id: Annotated[str, Form()] = "") -> dict[str, str]:
    """Return the filters of the page that has the form, which the user returns to."""
    return {"state": state, "conn_id": conn_id}


SelectionDep = Annotated[dict[str, str], Depends(_selection)]
CHANGE_DEPENDENCIES = [Depends(requires(*INBOX.permissions, CREATE_ASSET_EVENTS)), Depends(validate_csrf)]


@router.post("/inbox/{event_id}/retry", dependencies=CHANGE_DEPENDENCIES)
def retry_event(user: GetUserDep, event_id: EventId, selection: SelectionDep) -> Response:
    """Make an event due now."""
    return _change(user, event_id, retry_events, "retried", selection)


@router.post("/inbox/{event_id}/refuse", dependencies=CHANGE_DEPENDENCIES)
def refuse_event(user: GetUserDep, event_id: EventId, selection: SelectionDep) -> Response:
    """Refuse a waiting event; a redelivery does not reopen it."""

    def refuse(ids: list[int]) -> ActionResult:
        return refuse_events(ids, reason=f"refused by {user.get_name()} in Airflow's UI")

    return _change(user, event_id, refuse, "refused", selection)


def _change(
    user: BaseUser,
    event_id: int,
    change: Callable[[list[int]], ActionResult],
    notice: Notice,
    selection: dict[str, str],
) -> Response:
    """Change an event of a connection that the user may read, and redirect to the page.

    :raises HTTPException: 404 if there is no such event, or the user may not read its connection.
    """
    conn_id = find_conn_id(event_id)
    if conn_id is None or not may_read_connection(user, conn_id):
        raise HTTPException(404, f"There is no event {event_id}, or you may not read its connection.")
    is_changed = bool(change([event_id]).changed)
    if is_changed:
        log.info(
            "Damstra webhooks: %s %s event %s of connection %r.", user.get_name(), notice, event_id, conn_id
        )
    url = page_url(INBOX.path, **selection, notice=notice if is_changed else "unchanged")
    return RedirectResponse(url, 303, headers=response_headers())

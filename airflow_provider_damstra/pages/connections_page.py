"""The page of the connections: settings and limits, outcomes of the last day, and a check on demand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Depends, Form
from starlette.exceptions import HTTPException
from starlette.responses import Response

from airflow_provider_damstra.hooks.connection import check_connection
from airflow_provider_damstra.pages.access import (
    TEST_CONNECTIONS,
    has_permissions,
    is_connection_test_enabled,
    may_read_connection,
    readable_conn_ids,
    readable_dag_ids,
    require_connection_test_enabled,
    requires,
)
from airflow_provider_damstra.pages.bounded_threads import limit_calls, run_bounded
from airflow_provider_damstra.pages.csrf import csrf_token, validate_csrf
from airflow_provider_damstra.pages.known_connections import (
    known_conn_ids,
    read_client_settings,
    read_settings,
)
from airflow_provider_damstra.pages.navigation import CONNECTIONS, permitted_pages
from airflow_provider_damstra.pages.rendering import render
from airflow_provider_damstra.pages.task_outcomes import TryCounts, count_tries
from airflow_provider_damstra.pages.urls import connections_url
from airflow_provider_damstra.webhooks.database import InboxUnavailableError
from airflow_provider_damstra.webhooks.inbox import EventState
from airflow_provider_damstra.webhooks.inbox_overview import count_open_events, count_processed_events

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

    from airflow_provider_damstra.clients.settings import ClientSettings

PERIOD = timedelta(hours=24)
PAGE_SECONDS = 20.0
CHECK_SECONDS = 20.0
REQUEST_SECONDS = 8.0
"""Time limits: of the page, of a check, and of each request of a check."""

router = APIRouter()


@router.get(CONNECTIONS.path, dependencies=[Depends(requires(*CONNECTIONS.permissions))])
async def show_connections(user: GetUserDep) -> Response:
    """Show the connections that the user may read."""
    return await run_bounded(PAGE_SECONDS, _render, user)


@router.post(
    "/connections/check",
    dependencies=[
        Depends(requires(*CONNECTIONS.permissions, TEST_CONNECTIONS)),
        Depends(require_connection_test_enabled),
        Depends(validate_csrf),
    ],
)
async def check(user: GetUserDep, conn_id: Annotated[str, Form(max_length=250)]) -> Response:
    """List one user with the API, and show whether that succeeded."""
    return await run_bounded(CHECK_SECONDS, _check, user, conn_id)


def _check(user: BaseUser, conn_id: str) -> Response:
    if conn_id not in known_conn_ids() or not may_read_connection(user, conn_id):
        raise HTTPException(404, f"There is no connection {conn_id!r}, or you may not read it.")
    with limit_calls(conn_id):
        is_healthy, message = check_connection(partial(_quick_settings, conn_id))
    return _render(user, checked=conn_id, is_healthy=is_healthy, message=message)


def _quick_settings(conn_id: str) -> ClientSettings:
    settings = read_client_settings(conn_id)
    return settings.model_copy(update={"timeout": min(settings.timeout, REQUEST_SECONDS)})


def _render(user: BaseUser, *, checked: str = "", is_healthy: bool = False, message: str = "") -> Response:
    since = datetime.now(UTC) - PERIOD
    tries = count_tries(readable_dag_ids(user), since=since)
    events, inbox_problem = _count_events(since)
    known = known_conn_ids()
    conn_ids = readable_conn_ids(user, {*known, *filter(None, tries), *events})
    connections = [
        {
            "conn_id": conn_id,
            "settings": read_settings(conn_id),
            "tries": tries.get(conn_id, TryCounts()),
            "events": events.get(conn_id, {}),
            "is_known": conn_id in known,
        }
        for conn_id in conn_ids
    ]
    return render(
        "connections",
        pages=permitted_pages(user),
        path=CONNECTIONS.path,
        connections=connections,
        unknown=tries.get(None, TryCounts()),
        checked=checked,
        is_healthy=is_healthy,
        message=message,
        inbox_problem=inbox_problem,
        may_check=is_connection_test_enabled() and has_permissions(user, [TEST_CONNECTIONS]),
        csrf_token=csrf_token(user),
        connections_url=connections_url(),
    )


def _count_events(since: datetime) -> tuple[dict[str, dict[str, Any]], str]:
    """Return the numbers of events by connection id, and why they cannot be read or an empty text."""
    try:
        waiting, processed = count_open_events(), count_processed_events(since=since)
    except InboxUnavailableError as error:
        return {}, str(error)
    counts = {
        conn_id: {
            "waiting": waiting.get(conn_id, {}).get(EventState.WAITING, 0),
            "confirmed": processed.get(conn_id, {}).get(EventState.CONFIRMED, 0),
            "refused": processed.get(conn_id, {}).get(EventState.REFUSED, 0),
        }
        for conn_id in {*waiting, *processed}
    }
    return counts, ""

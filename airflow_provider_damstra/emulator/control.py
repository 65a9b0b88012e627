"""Control plane under ``/_emulator``, for tests and for what people do in Damstra's app."""

# ruff: noqa: TC001 (FastAPI evaluates the annotations of routes)

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, AwareDatetime, Field
from starlette.responses import StreamingResponse

from airflow_provider_damstra import endpoints
from airflow_provider_damstra.emulator import lesson_schedule_repository
from airflow_provider_damstra.emulator.api_errors import ApiError
from airflow_provider_damstra.emulator.clock import format_utc_milliseconds
from airflow_provider_damstra.emulator.faults import FaultRule
from airflow_provider_damstra.emulator.handlers import ilt_session
from airflow_provider_damstra.emulator.rendering import json_response, render_error
from airflow_provider_damstra.emulator.routing import match_route
from airflow_provider_damstra.emulator.seeds import (
    MAX_USERS_OF_REQUEST,
    get_named_seed,
    seed_from_document,
)
from airflow_provider_damstra.emulator.settings import CONTROL_PREFIX
from airflow_provider_damstra.emulator.state import EmulatorState
from airflow_provider_damstra.emulator.webhooks import Delivery, mask_secrets
from airflow_provider_damstra.endpoints.base import RequestModel
from airflow_provider_damstra.webhooks.events import EVENT_TYPES

_HUNDRED_YEARS = 100 * 366 * 86_400


def _validate_seed(name: str) -> str:
    get_named_seed(name, max_users=MAX_USERS_OF_REQUEST)
    return name


def _validate_event(name: str) -> str:
    if name not in EVENT_TYPES:
        raise ValueError(f"there is no such event; there are {', '.join(sorted(EVENT_TYPES))}")
    return name


SeedName = Annotated[str, AfterValidator(_validate_seed)]


class _ResetRequest(RequestModel):
    """The seed: none for the one of the settings, a name, or the text of a seed file with its name."""

    seed: SeedName | None = None
    document: str | None = None
    source: str = "seed"


class _SeedRequest(RequestModel):
    name: SeedName


class _SetClockRequest(RequestModel):
    now: AwareDatetime


class _AdvanceClockRequest(RequestModel):
    seconds: Annotated[float, Field(ge=0, le=_HUNDRED_YEARS)]


class _CompleteRequest(RequestModel):
    passed: bool = True


class _RescheduleRequest(RequestModel):
    schedule_date: AwareDatetime


class _WebhookRequest(RequestModel):
    url: Annotated[str, Field(pattern=r"^https?://\S+$")]
    event: Annotated[str, AfterValidator(_validate_event)] | None = None


async def _get_state(request: Request) -> EmulatorState:
    state: EmulatorState = request.app.state.emulator
    return state


State = Annotated[EmulatorState, Depends(_get_state)]


@contextmanager
def value_errors_as_bad_request() -> Iterator[None]:
    """Turn a ValueError of the block into a response.

    :raises ApiError: 400 with the text of the error.
    """
    try:
        yield
    except ValueError as error:
        raise ApiError(400, {"error": str(error)}) from None


async def publish_changes(request: Request, state: State) -> AsyncIterator[None]:
    """Tell pages that show the emulator that a request of the control plane has changed something."""
    yield
    if request.method != "GET":
        state.broadcaster.publish("change")


control_router = APIRouter(prefix=CONTROL_PREFIX, tags=["control plane"])


def add_exception_handlers(app: FastAPI) -> None:
    """Return errors of the control plane as ``{"error": "..."}``."""

    @app.exception_handler(RequestValidationError)
    async def render_invalid_request(_: Request, error: RequestValidationError) -> Response:
        problems = [
            f"{'.'.join(map(str, problem['loc'][1:]))}: {problem['msg']}".lstrip(": ")
            for problem in error.errors()
        ]
        return json_response({"error": "; ".join(problems)}, status=400)

    @app.exception_handler(OverflowError)
    async def render_overflow(_: Request, error: OverflowError) -> Response:
        return json_response({"error": f"a number or a date is out of range: {error}"}, status=400)

    @app.exception_handler(ApiError)
    async def render_api_error(_: Request, error: ApiError) -> Response:
        return render_error(error)


@control_router.post("/reset")
async def reset(state: State, body: _ResetRequest | None = None) -> dict[str, str]:
    """Restore data, clock, scenario, faults, journal and webhooks; by default with the initial seed."""
    body = body or _ResetRequest()
    with value_errors_as_bad_request():
        if body.document is not None:
            state.reset(seed_from_document(body.document, source=body.source))
        else:
            state.reset(get_named_seed(body.seed) if body.seed else None)
    state.start_scenario()
    return _clock_as_json(state)


@control_router.post("/seed")
async def load_seed(state: State, body: _SeedRequest) -> dict[str, str]:
    """Replace the data with a seed's."""
    state.load_seed(get_named_seed(body.name))
    return {"name": body.name}


@control_router.get("/clock")
async def get_clock(state: State) -> dict[str, str]:
    """Return the emulated time."""
    return _clock_as_json(state)


@control_router.put("/clock")
async def set_clock(state: State, body: _SetClockRequest) -> dict[str, str]:
    """Set the clock, which continues from there."""
    with value_errors_as_bad_request():
        state.clock.set(body.now)
    state.save_clock()
    state.scenario.run_due()
    return _clock_as_json(state)


@control_router.post("/clock/advance")
async def advance_clock(state: State, body: _AdvanceClockRequest) -> dict[str, str]:
    """Move the clock forward."""
    with value_errors_as_bad_request():
        state.clock.advance(body.seconds)
    state.save_clock()
    state.scenario.run_due()
    return _clock_as_json(state)


def _clock_as_json(state: EmulatorState) -> dict[str, str]:
    return {"now": format_utc_milliseconds(state.clock.now())}


@control_router.post("/lesson_schedules/{schedule_id}/complete")
async def complete(state: State, schedule_id: int, body: _CompleteRequest | None = None) -> dict[str, Any]:
    """Complete a lesson, as its trainee does in the app."""
    passed = body.passed if body else True
    return _change_schedule(state, schedule_id, lesson_schedule_repository.complete, passed=passed)


@control_router.post("/lesson_schedules/{schedule_id}/start")
async def start(state: State, schedule_id: int) -> dict[str, Any]:
    """Start a lesson, as its trainee does in the app."""
    return _change_schedule(state, schedule_id, lesson_schedule_repository.start)


@control_router.post("/lesson_schedules/{schedule_id}/cancel")
async def cancel(state: State, schedule_id: int) -> dict[str, Any]:
    """Cancel a lesson schedule, as an administrator does in the app."""
    return _change_schedule(state, schedule_id, lesson_schedule_repository.cancel)


@control_router.post("/lesson_schedules/{schedule_id}/reschedule")
async def reschedule(state: State, schedule_id: int, body: _RescheduleRequest) -> dict[str, Any]:
    """Move a lesson schedule, as an administrator does in the app."""
    return _change_schedule(
        state, schedule_id, lesson_schedule_repository.reschedule, start=body.schedule_date
    )


def _change_schedule(
    state: EmulatorState, schedule_id: int, change: Callable[..., None], **options: Any
) -> dict[str, Any]:
    """Change a lesson schedule and return it."""
    with state.unit_of_work() as uow:
        change(uow, schedule_id, **options)
        return lesson_schedule_repository.summarize(uow, schedule_id)


@control_router.post("/ilt_sessions/{session_id}/complete", status_code=204, response_model=None)
async def complete_session(state: State, session_id: int) -> None:
    """Complete an ILT session, and the schedules of the attendees who passed, as an instructor does."""
    with state.unit_of_work() as uow:
        ilt_session.complete_session(endpoints.CompleteIltSession(ilt_session_id=session_id), uow)


@control_router.post("/ilt_sessions/{session_id}/cancel", status_code=204, response_model=None)
async def cancel_session(state: State, session_id: int) -> None:
    """Cancel an ILT session, as an administrator does; the attendees and the instructor are notified."""
    call = endpoints.CancelIltSession(
        ilt_session_id=session_id,
        ilt_session_cancellation_trainee_notification_enabled=True,
        ilt_session_cancellation_instructor_notification_enabled=True,
    )
    with state.unit_of_work() as uow:
        ilt_session.cancel_session(call, uow)


@control_router.get("/webhooks")
async def list_webhooks(state: State) -> list[dict[str, Any]]:
    """Return all webhooks; tokens and logins of their URLs are masked."""
    rows = state.store.fetch_all("SELECT id, url, event FROM webhooks ORDER BY id")
    return [{**row, "url": mask_secrets(row["url"])} for row in rows]


@control_router.post("/webhooks")
async def add_webhook(state: State, body: _WebhookRequest) -> dict[str, Any]:
    """Add a webhook for one event, by default for all."""
    sql = "INSERT INTO webhooks (url, event) VALUES (?, ?)"
    webhook_id = state.store.execute(sql, [body.url, body.event]).lastrowid
    return {"id": webhook_id, "url": mask_secrets(body.url), "event": body.event}


@control_router.delete("/webhooks", status_code=204, response_model=None)
async def delete_webhooks(state: State) -> None:
    """Delete all webhooks, and stop their deliveries."""
    state.store.execute("DELETE FROM webhooks")
    state.webhooks.stop_deleted(state.store)


@control_router.delete("/webhooks/{webhook_id}", status_code=204, response_model=None)
async def delete_webhook(state: State, webhook_id: int) -> None:
    """Delete one webhook, and stop its deliveries."""
    if not state.store.execute("DELETE FROM webhooks WHERE id = ?", [webhook_id]).rowcount:
        raise ApiError(404, {"error": f"there is no webhook {webhook_id}"})
    state.webhooks.stop_deleted(state.store)


@control_router.get("/webhooks/deliveries")
async def list_deliveries(state: State) -> list[Delivery]:
    """Return the deliveries, in the order of their events."""
    return list(state.webhooks.deliveries)


@control_router.get("/faults")
async def list_faults(state: State) -> list[dict[str, Any]]:
    """Return all fault rules with their number of hits."""
    return [rule.as_json() for rule in state.faults]


@control_router.post("/faults")
async def add_fault(state: State, rule: FaultRule) -> dict[str, Any]:
    """Add a fault rule."""
    state.faults.append(rule)
    return rule.as_json()


@control_router.delete("/faults", status_code=204, response_model=None)
async def delete_faults(state: State) -> None:
    """Remove all fault rules."""
    state.faults.clear()


@control_router.get("/journal")
async def get_journal(
    state: State, method: str | None = None, path: str | None = None
) -> list[dict[str, Any]]:
    """Return the recorded requests, filtered by method and path pattern."""
    entries = [entry for entry in state.journal if match_route(method, path, entry.method, entry.path)]
    return [entry.as_json() for entry in entries]


@control_router.delete("/journal", status_code=204, response_model=None)
async def clear_journal(state: State) -> None:
    """Remove all recorded requests."""
    state.clear_journal()


@control_router.get("/events")
async def stream_events(state: State) -> StreamingResponse:
    """Stream server-sent events: requests and webhook deliveries, the latest first, and changes.

    ``journal`` has a request, ``delivery`` a delivery, at each change of it. ``change`` (a request of the
    control plane), ``reset`` and ``journal_cleared`` have no data.
    """
    events = state.broadcaster.subscribe(state.latest_events)
    return StreamingResponse(events, media_type="text/event-stream", headers={"Cache-Control": "no-store"})

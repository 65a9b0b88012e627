"""The control plane: what a test, a trainee in the app or an administrator does to the emulator."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from airflow_provider_damstra.emulator import seeds
from airflow_provider_damstra.emulator.api_errors import Refusal
from airflow_provider_damstra.emulator.clock import milliseconds_in_utc
from airflow_provider_damstra.emulator.faults import FaultRule  # noqa: TC001 (FastAPI reads it when it runs)
from airflow_provider_damstra.emulator.repositories import lesson_schedule as schedule_rows
from airflow_provider_damstra.emulator.settings import CONTROL
from airflow_provider_damstra.webhooks.events import EVENT_TYPES

if TYPE_CHECKING:
    from airflow_provider_damstra.emulator.state import EmulatorState


def _known_seed(name: str) -> str:
    seeds.find(name)
    return name


def _known_event(name: str) -> str:
    if name not in EVENT_TYPES:
        raise ValueError(f"there is no such event; there are {', '.join(sorted(EVENT_TYPES))}")
    return name


# A hundred years.
_LONGEST = 100 * 366 * 86_400

SeedName = Annotated[str, AfterValidator(_known_seed)]


class _Order(BaseModel):
    """What a request to the control plane may say; nothing unknown."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class Reset(_Order):
    """Which seed the emulator starts again with; by default the one it was started with."""

    seed: SeedName | None = None


class Seed(_Order):
    """Which seed the store is filled with."""

    name: SeedName


class ClockReading(_Order):
    """The moment that becomes the present."""

    now: AwareDatetime


class Advance(_Order):
    """How many seconds pass at once."""

    seconds: Annotated[float, Field(ge=0, le=_LONGEST)]


class Completion(_Order):
    """Whether the trainee passed."""

    passed: bool = True


class Move(_Order):
    """The schedule's new start."""

    schedule_date: AwareDatetime


class Webhook(_Order):
    """Where events are sent to, and which; by default all of them."""

    url: Annotated[str, Field(pattern=r"^https?://\S+$")]
    event: Annotated[str, AfterValidator(_known_event)] | None = None


def control_plane(state: EmulatorState) -> APIRouter:
    """Return the routes of the control plane."""
    router = APIRouter(prefix=CONTROL, dependencies=[Depends(_only_from_here)], tags=["control plane"])
    for part in (_beginning, _clock, _schedules, _webhooks, _faults, _journal):
        part(router, state)
    return router


def explain_invalid(app: FastAPI) -> None:
    """Make the control plane answer refusals as ``{"error": "..."}``."""

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        texts = [f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}".lstrip(": ") for one in error.errors()]
        return JSONResponse({"error": "; ".join(texts)}, status_code=400)

    @app.exception_handler(Refusal)
    async def refused(_: Request, refusal: Refusal) -> JSONResponse:
        return JSONResponse(refusal.body, status_code=refusal.status)


async def _only_from_here(request: Request) -> None:
    host = request.client.host if request.client else ""
    if not ipaddress.ip_address(host or "0.0.0.0").is_loopback:  # noqa: S104 (an address to compare, not to bind)
        raise Refusal(403, {"error": "the control plane answers on the loopback interface only"})


def _beginning(router: APIRouter, state: EmulatorState) -> None:
    @router.post("/reset")
    async def reset(order: Reset | None = None) -> dict[str, str]:
        """Start again: seed, clock, faults, journal and webhooks."""
        state.reset(order.seed if order else None)
        return _reading(state)

    @router.post("/seed")
    async def seed(order: Seed) -> dict[str, str]:
        """Empty the store and fill it with a seed."""
        state.fill(order.name)
        return {"name": order.name}


def _reading(state: EmulatorState) -> dict[str, str]:
    return {"now": milliseconds_in_utc(state.clock.now())}


def _clock(router: APIRouter, state: EmulatorState) -> None:
    @router.get("/clock")
    async def read() -> dict[str, str]:
        """Return the emulator's present moment."""
        return _reading(state)

    @router.put("/clock")
    async def set_clock(order: ClockReading) -> dict[str, str]:
        """Set the clock, which goes on from there."""
        state.clock.set(order.now)
        state.keep_clock()
        return _reading(state)

    @router.post("/clock/advance")
    async def advance(order: Advance) -> dict[str, str]:
        """Let time pass at once."""
        state.clock.advance(order.seconds)
        state.keep_clock()
        return _reading(state)


def _schedules(router: APIRouter, state: EmulatorState) -> None:
    @router.post("/lesson_schedules/{schedule_id}/complete")
    async def complete(schedule_id: int, order: Completion | None = None) -> dict[str, Any]:
        """Complete a lesson as its trainee does in the app."""
        with state.unit_of_work() as uow:
            schedule_rows.complete_schedule(uow, schedule_id, passed=order.passed if order else True)
            return schedule_rows.state(uow, schedule_id)

    @router.post("/lesson_schedules/{schedule_id}/start")
    async def start(schedule_id: int) -> dict[str, Any]:
        """Begin with a lesson as its trainee does in the app."""
        with state.unit_of_work() as uow:
            schedule_rows.start_schedule(uow, schedule_id)
            return schedule_rows.state(uow, schedule_id)

    @router.post("/lesson_schedules/{schedule_id}/cancel")
    async def cancel(schedule_id: int) -> dict[str, Any]:
        """Cancel a lesson schedule as an administrator does in the app."""
        with state.unit_of_work() as uow:
            schedule_rows.cancel_schedule(uow, schedule_id)
            return schedule_rows.state(uow, schedule_id)

    @router.post("/lesson_schedules/{schedule_id}/reschedule")
    async def reschedule(schedule_id: int, order: Move) -> dict[str, Any]:
        """Move a lesson schedule as an administrator does in the app."""
        with state.unit_of_work() as uow:
            schedule_rows.move_schedule(uow, schedule_id, order.schedule_date)
            return schedule_rows.state(uow, schedule_id)


def _webhooks(router: APIRouter, state: EmulatorState) -> None:
    @router.get("/webhooks")
    async def webhooks() -> list[dict[str, Any]]:
        """Return all webhooks."""
        return [dict(row) for row in state.store.fetch_all("SELECT id, url, event FROM webhooks ORDER BY id")]

    @router.post("/webhooks")
    async def add(order: Webhook) -> dict[str, Any]:
        """Add a webhook."""
        with state.unit_of_work() as uow:
            sql = "INSERT INTO webhooks (url, event, created_date) VALUES (?, ?, ?)"
            row_id = state.store.execute(sql, [order.url, order.event, uow.at]).lastrowid
        return {"id": row_id, "url": order.url, "event": order.event}

    @router.delete("/webhooks", status_code=204, response_model=None)
    async def delete_all() -> None:
        """Delete all webhooks."""
        with state.store.transaction():
            state.store.execute("DELETE FROM webhooks")

    @router.delete("/webhooks/{webhook_id}", status_code=204, response_model=None)
    async def delete(webhook_id: int) -> None:
        """Delete one webhook."""
        with state.unit_of_work() as uow:
            if not uow.delete("webhooks", id=webhook_id):
                raise Refusal(404, {"error": f"there is no webhook {webhook_id}"})

    @router.get("/webhooks/deliveries")
    async def deliveries() -> list[dict[str, Any]]:
        """Return all deliveries, in the order of the events."""
        return state.webhooks.deliveries()


def _faults(router: APIRouter, state: EmulatorState) -> None:
    @router.get("/faults")
    async def faults() -> list[dict[str, Any]]:
        """Return all rules with how often they have struck."""
        return [rule.as_json() for rule in state.faults.rules]

    @router.post("/faults")
    async def add(rule: FaultRule) -> dict[str, Any]:
        """Add a rule."""
        state.faults.add(rule)
        return rule.as_json()

    @router.delete("/faults", status_code=204, response_model=None)
    async def delete() -> None:
        """Remove all rules."""
        state.faults.clear()


def _journal(router: APIRouter, state: EmulatorState) -> None:
    @router.get("/journal")
    async def journal(method: str | None = None, path: str | None = None) -> list[dict[str, Any]]:
        """Return the requests, those that fit if method or path are given."""
        return state.journal.entries(method, path)

    @router.delete("/journal", status_code=204, response_model=None)
    async def delete() -> None:
        """Forget all requests."""
        state.journal.clear()

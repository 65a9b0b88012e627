"""Runs a trigger as the triggerer does: built from what was stored, in a loop, until its first event."""

from __future__ import annotations

import asyncio
import json
import pkgutil
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from tests.airflow_compat import capture_logged_errors, stored_trigger_kwargs

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from airflow.sdk import Context
    from airflow.triggers.base import BaseTrigger, TriggerEvent

PATIENCE = 30.0


@dataclass(frozen=True)
class Fired:
    """A trigger's first event, and the errors that it logged before."""

    event: TriggerEvent
    errors: list[str]


def rebuilt(classpath: str, kwargs: dict[str, Any]) -> BaseTrigger:
    """Return a trigger as the triggerer builds it."""
    trigger: BaseTrigger = pkgutil.resolve_name(classpath)(**stored_trigger_kwargs(kwargs))
    return trigger


def first_event(
    trigger: BaseTrigger, *, seconds: float | None = None, context: Context | None = None
) -> Fired:
    """Run a trigger in an event loop of its own.

    :param seconds: when the scheduler takes the task away from it, if it is told to.
    :param context: what templates are rendered with, where the task starts in the triggerer.
    :raises TimeoutError: if the scheduler took it away.
    """
    with capture_logged_errors() as errors:
        event = asyncio.run(_first_event(trigger, seconds, context))
    return Fired(event, errors)


async def _first_event(trigger: BaseTrigger, seconds: float | None, context: Context | None) -> TriggerEvent:
    if context is not None:
        trigger.render_template_fields(context)
    is_limited = seconds is not None and seconds < PATIENCE
    try:
        async with asyncio.timeout(seconds if is_limited else PATIENCE):
            async with aclosing(cast("AsyncGenerator[TriggerEvent]", trigger.run())) as events:
                event = await anext(events)
    except TimeoutError:
        assert is_limited, f"{trigger} fired no event for {PATIENCE:g} s"
        raise
    assert asyncio.all_tasks() == {asyncio.current_task()}, "a trigger that has fired leaves nothing behind"
    return event


def payload_of(event: TriggerEvent) -> dict[str, Any]:
    """Return what an event hands to the worker, as it comes out of Airflow's database."""
    payload: dict[str, Any] = json.loads(json.dumps(event.payload))
    return payload

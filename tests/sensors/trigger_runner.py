"""Runs a trigger as the triggerer does: deserialized, in an event loop, until its first event."""

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

TIMEOUT = 30.0


@dataclass(frozen=True)
class FirstEvent:
    """The first event of a trigger, and the errors that it logged before."""

    event: TriggerEvent
    errors: list[str]


def rebuild(classpath: str, kwargs: dict[str, Any]) -> BaseTrigger:
    """Return a trigger as the triggerer deserializes it."""
    trigger: BaseTrigger = pkgutil.resolve_name(classpath)(**stored_trigger_kwargs(kwargs))
    return trigger


def first_event(
    trigger: BaseTrigger, *, seconds: float | None = None, context: Context | None = None
) -> FirstEvent:
    """Run a trigger in a new event loop.

    :param seconds: the scheduler's timeout of the trigger, if there is one.
    :param context: context for templates, if the task starts in the triggerer.
    :raises TimeoutError: after this timeout.
    """
    with capture_logged_errors() as errors:
        event = asyncio.run(_first_event(trigger, seconds, context))
    return FirstEvent(event, errors)


async def _first_event(trigger: BaseTrigger, seconds: float | None, context: Context | None) -> TriggerEvent:
    if context is not None:
        trigger.render_template_fields(context)
    is_limited = seconds is not None and seconds < TIMEOUT
    try:
        async with asyncio.timeout(seconds if is_limited else TIMEOUT):
            async with aclosing(cast("AsyncGenerator[TriggerEvent]", trigger.run())) as events:
                event = await anext(events)
    except TimeoutError:
        assert is_limited, f"{trigger} fired no event for {TIMEOUT:g} s"
        raise
    assert asyncio.all_tasks() == {asyncio.current_task()}, "the trigger has left tasks behind"
    return event


def serialized_payload(event: TriggerEvent) -> dict[str, Any]:
    """Return an event's payload as a worker reads it from Airflow's database."""
    payload: dict[str, Any] = json.loads(json.dumps(event.payload))
    return payload

"""Texts about a wait: who and what is open, the next poll, the deadline. Rendered when a line is logged."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from airflow_provider_damstra.conditions.completion import describe_state
from airflow_provider_damstra.text import escape_unprintable

if TYPE_CHECKING:
    from airflow_provider_damstra.conditions.base import Condition

MAX_OPEN_ITEMS = 20
"""Number of open items that a text names."""


def describe_progress(progress: str, condition: Condition) -> str:
    """Return a progress with the first open items of its condition, as sentences.

    :param progress: progress of a ``PollResult``; may be empty.
    """
    sentence = f"{progress}." if progress else ""
    return f"{sentence} {describe_open_items(condition)}".strip()


def describe_open_items(condition: Condition) -> str:
    """Return the first open items of a condition and the number of the others, or an empty string."""
    items = iter(condition.open_items())
    first = [describe() for describe in islice(items, MAX_OPEN_ITEMS)]
    others = sum(1 for _ in items)
    more = f"; and {others} more" if others else ""
    return escape_unprintable(f"Open: {'; '.join(first)}{more}.") if first else ""


def describe_open_item(
    *,
    user_id: int | None,
    user_name: str | None,
    lesson_id: int | None,
    lesson_name: str | None,
    state: str,
) -> str:
    """Return a text for a lesson that a user has not completed: ids, the names that are known, the state."""
    user = ("user", user_id, user_name) if user_id is not None or user_name else ()
    lesson = ("lesson", lesson_id, lesson_name) if lesson_id is not None or lesson_name else ()
    parts = (" ".join(str(word) for word in words if word) for words in (user, lesson))
    return f"{', '.join(filter(None, parts))} ({describe_state(state)})".lstrip()


def describe_times(*, next_poll: float | None, deadline: float | None) -> str:
    """Return when the next poll and the deadline are, both in seconds since the epoch, as a sentence."""
    poll = f"next poll at {_format_time(next_poll)}" if next_poll is not None else ""
    end = f"deadline at {_format_time(deadline)}" if deadline is not None else ""
    text = ", ".join(filter(None, (poll, end)))
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _format_time(timestamp: float) -> str:
    try:
        return f"{datetime.fromtimestamp(round(timestamp), UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError):  # a poke_interval of centuries
        return "never"

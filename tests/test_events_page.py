"""docs/how-to/events.md documents the options and events that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_damstra.assets import (
    EVENT_NAMES,
    TRAINING_EVENTS,
    EventName,
    TrainingEvent,
    damstra_event,
)
from airflow_provider_damstra.get_provider_info import CONFIGURATION

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "how-to" / "events.md").read_text()
OPTIONS: dict[str, Any] = CONFIGURATION["damstra"]["options"]


def test_documented_options_and_defaults_are_the_declared_ones() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", PAGE.partition("## Configuration")[2], re.M)
    documented = dict(rows[: len(OPTIONS)])
    assert list(documented) == list(OPTIONS)
    del documented["receiver_url"]  # its default is another option
    assert documented == {name: OPTIONS[name]["default"] or "none" for name in documented}


@pytest.mark.parametrize("name", [*EVENT_NAMES, *TRAINING_EVENTS])
def test_event_is_documented_with_its_asset(name: EventName | TrainingEvent) -> None:
    assert f"`{name}`" in PAGE
    assert damstra_event(name).uri == f"damstra://damstra_default/{name}"

"""Assets of webhook events and their URIs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from airflow.providers.common.compat.openlineage import facet
from airflow.sdk import DAG, Asset

from airflow_provider_damstra.assets import (
    EVENT_NAMES,
    TRAINING_EVENTS,
    TRIGGERING_LESSON_SCHEDULE_IDS,
    EventName,
    TrainingEvent,
    convert_asset_to_openlineage,
    damstra_event,
    sanitize_uri,
)


@pytest.mark.parametrize("name", [*EVENT_NAMES, "all", *TRAINING_EVENTS])
def test_asset_uri_contains_connection_and_event(name: EventName | TrainingEvent) -> None:
    asset = damstra_event(name, conn_id="damstra_mine")
    assert asset.uri == f"damstra://damstra_mine/{name}"
    assert asset == damstra_event(name, conn_id="damstra_mine")
    assert asset != damstra_event(name)


@pytest.mark.parametrize("name", ["lesson.schedule.complete", "", "Lesson.Schedule.Completed", "user.*"])
def test_unknown_event_raises_listing_known_events(name: Any) -> None:
    with pytest.raises(ValueError, match=r"lesson\.schedule\.completed, .*user\.account\.inactivate, all"):
        damstra_event(name)


def test_triggering_lesson_schedule_ids_leave_out_other_events() -> None:
    extras = [
        {"payload": {"user_id": 1, "lesson_schedule_id": 30013}},
        {"payload": {"user_id": 1}},
        {"rows": 7},
        {"payload": {"user_id": 2, "lesson_schedule_id": 30014}},
        {"payload": {"user_id": 1, "lesson_schedule_id": 30013}},
    ]
    events = {"asset": [SimpleNamespace(extra=extra) for extra in extras]}
    template = DAG("events").get_template_env().from_string(TRIGGERING_LESSON_SCHEDULE_IDS)
    assert template.render(triggering_asset_events=events) == "[30013, 30014]"


@pytest.mark.parametrize(
    ("uri", "normalized"),
    [
        ("damstra://c/user.settings.updated/", "damstra://c/user.settings.updated"),
        ("DAMSTRA://Mine/USER.settings.updated", "damstra://Mine/user.settings.updated"),
        ("damstra://a b/all", "damstra://a%20b/all"),
        ("damstra://a%20b/all", "damstra://a%20b/all"),
    ],
)
def test_uri_is_normalized(uri: str, normalized: str) -> None:
    parts = urlsplit(uri)
    assert sanitize_uri(parts).geturl() == normalized
    assert Asset(uri=normalized).uri == normalized


@pytest.mark.parametrize(
    "uri", ["damstra:///all", "damstra://c", "damstra://c/", "damstra://c/nothing", "damstra://c/all?x=1"]
)
def test_malformed_uri_raises(uri: str) -> None:
    with pytest.raises(ValueError, match=r"damstra://|There is no event"):
        sanitize_uri(urlsplit(uri))


def test_openlineage_dataset_of_asset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facet, "Dataset", SimpleNamespace)
    dataset = convert_asset_to_openlineage(damstra_event("all"), None)
    assert (dataset.namespace, dataset.name) == ("damstra://damstra_default", "all")

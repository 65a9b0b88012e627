"""docs/how-to/completion-delivery.md shows what is sent and written, and names all columns and statuses."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.exports.completions.completion import Completion, idempotency_key
from airflow_provider_damstra.hooks.http_connection import HttpConnectionExtra, read_endpoint_settings
from airflow_provider_damstra.models import LessonSchedule, User
from airflow_provider_damstra.storage import TaskTry
from airflow_provider_damstra.transfers.completion_delivery import COMPLETION_FIELDS, DEFAULT_COLUMNS
from airflow_provider_damstra.transfers.receipts import ReceiptFolder
from tests.documentation.snippets import ROOT, SNIPPETS

if TYPE_CHECKING:
    from pathlib import Path

NAME = "completion-delivery.md"
PAGE = (ROOT / "docs" / "how-to" / NAME).read_text()


def printed(heading: str, language: str) -> str:
    (snippet,) = (one for one in SNIPPETS if one.name == f"{NAME}, {heading}" and one.language == language)
    return snippet.text


def test_printed_completion_is_what_is_sent() -> None:
    expected: dict[str, Any] = json.loads(printed("To an HTTP endpoint", "text"))
    lesson = dict(expected["lesson"])
    schedule = LessonSchedule(id=expected["lesson_schedule_id"], lesson_name=lesson.pop("name"), **lesson)
    person = dict(expected["person"])
    completion = Completion(
        schedule=schedule,
        user=User(id=person.pop("user_id"), **person),
        completed_at=datetime(2026, 1, 31, 9, tzinfo=UTC),
        certificate=b"%PDF",
    )
    assert completion.to_json() == expected


def test_printed_receipt_is_what_is_written(tmp_path: Path) -> None:
    expected: dict[str, Any] = json.loads(printed("Receipts", "text"))
    base_url = "https://app.velpic.com/api/v2"
    schedule_id = expected["lesson_schedule_id"]
    assert expected["idempotency_key"] == idempotency_key(base_url, schedule_id)
    facts = {name: expected[name] for name in ("status", "request_id", "body_sha256")}
    task_try = TaskTry(task=expected["task"])
    folder = ReceiptFolder(str(tmp_path), base_url=base_url, target=expected["target"], task_try=task_try)
    folder.add(schedule_id, **facts)
    (file,) = tmp_path.iterdir()
    assert file.name.startswith(f"{schedule_id}-")
    written = json.loads(file.read_text())
    assert list(written) == list(expected)
    assert {**written, "delivered_at": expected["delivered_at"]} == expected
    assert datetime.fromisoformat(written["delivered_at"]).tzinfo


def test_printed_connection_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    name, _, value = printed("To an HTTP endpoint", "bash").strip().partition("=")
    monkeypatch.setenv(name, value.strip("'"))
    settings = read_endpoint_settings("hr", "training/completions", max_retries=4)
    receipt = json.loads(printed("Receipts", "text"))
    assert (settings.address, settings.headers) == (receipt["target"], {"X-Tenant": "mine"})


@pytest.mark.parametrize("name", [*COMPLETION_FIELDS, *DEFAULT_COLUMNS, *HttpConnectionExtra.model_fields])
def test_column_or_option_is_named(name: str) -> None:
    assert f"`{name}`" in PAGE

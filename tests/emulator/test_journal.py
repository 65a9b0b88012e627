"""Journal: recorded requests, their outcome and the rows they changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.emulator import journal as journal_module
from airflow_provider_damstra.emulator.journal import Journal, JournalEntry
from tests.emulator.api_client import HAUL_TRUCK, OWNER, TRAINEES, UNKNOWN_ID, ApiClient

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator


def test_journal_records_requests_and_changed_rows(api: ApiClient, emulator: DamstraEmulator) -> None:
    before = f"{emulator.now:%Y-%m-%dT%H:%M}"
    api.get_json("/user", q="a b", maxResults=1)
    schedule_id = api.schedule(TRAINEES[0], HAUL_TRUCK)
    api.get(f"/user/{UNKNOWN_ID}")
    read, scheduled, refused = emulator.journal()
    assert read.pop("time") >= before
    assert read == {
        "method": "GET",
        "path": "/user",
        "query": {"q": "a b", "maxResults": "1"},
        "body": None,
        "status": 200,
        "rows": [],
        "fault": None,
    }
    assert scheduled["body"] == {
        "lessonVersionIds": [HAUL_TRUCK],
        "gracePeriod": "14",
        "gracePeriodUnit": "days",
    }
    assert scheduled["rows"] == [{"table": "lesson_schedules", "id": schedule_id, "action": "insert"}]
    assert (refused["status"], refused["rows"]) == (404, [])


def test_journal_records_rejected_requests(emulator: DamstraEmulator) -> None:
    ApiClient(emulator.url, "wrong").request("POST", "/group", data=b"not JSON")
    ApiClient(emulator.url, None).get("/nowhere")
    wrong_key, nowhere = emulator.journal()
    assert (wrong_key["status"], wrong_key["body"]) == (403, None)
    assert (nowhere["status"], nowhere["path"]) == (404, "/nowhere")


def test_journal_masks_passwords_and_omits_keys(api: ApiClient, emulator: DamstraEmulator) -> None:
    api.send("/user", userName="secretive", password="s3cr3t")
    api.request("POST", "/group", json={"nested": [{"Password": "s3cr3t"}]})
    assert emulator.journal()[0]["body"] == {"userName": "secretive", "password": "***"}
    assert "s3cr3t" not in str(emulator.journal())
    assert emulator.access_key not in str(emulator.journal())


@pytest.mark.parametrize(
    ("method", "path", "count"),
    [
        (None, None, 4),
        ("GET", None, 3),
        ("post", None, 1),
        (None, "/user/*", 2),
        ("GET", "/user/{user_id}", 2),
        (None, "/user/**", 3),
        ("PUT", None, 0),
    ],
)
def test_journal_filters_by_method_and_path(
    api: ApiClient, emulator: DamstraEmulator, method: str | None, path: str | None, count: int
) -> None:
    for user_id in (OWNER, UNKNOWN_ID):
        api.get(f"/user/{user_id}")
    api.get("/group")
    api.send(f"/user/{OWNER}/activate")
    assert len(emulator.journal(method, path)) == count


def test_journal_can_be_cleared(api: ApiClient, emulator: DamstraEmulator) -> None:
    api.get_json("/user")
    emulator.clear_journal()
    assert emulator.journal() == []


def test_journal_omits_rolled_back_changes(api: ApiClient, emulator: DamstraEmulator) -> None:
    api.expect_error("POST", "/bulkUserImport", 409, users=[{"firstName": "New"}, {"userName": "m.kelly"}])
    assert emulator.journal()[-1]["rows"] == []


def test_journal_keeps_the_latest_requests_within_its_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "MAX_ENTRIES", 3)
    monkeypatch.setattr(journal_module, "MAX_BODY_BYTES", 10)
    journal = Journal()
    for number, size in enumerate((0, 4, 6, 1, 0, 0)):
        journal.append(JournalEntry(time="", method="POST", path=str(number), query={}, body=b"x" * size))
        assert sum(len(entry.body) for entry in journal) <= 10
    assert [entry.path for entry in journal] == ["3", "4", "5"]
    assert [entry.path for entry in journal.latest(2)] == ["4", "5"]

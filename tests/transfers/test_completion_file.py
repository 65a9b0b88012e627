"""Completions as a CSV file, and backfills of a period."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_damstra.endpoints import CompleteLesson, GetUser, InactivateUser, UpdateUser
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.transfers import receipts
from tests.operators.task_runner import run
from tests.transfers.completion_step import DUE, FAILED_TEST, PASSED, completions, delivery

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.operators.conftest import ConnectionFactory
    from tests.transfers.endpoint_server import EndpointServer

RUN_FILE = "{{ run_id }}.csv"


def lines(path: Path) -> list[list[str]]:
    return list(csv.reader(path.read_text("utf-8-sig").splitlines()))


def to_file(folder: Path, run_id: str, *, number: int = 1, **arguments: Any) -> Any:
    operator = delivery(folder, target_path=str(folder / RUN_FILE), **arguments)
    return run(operator, run_id=run_id, try_number=number).value


def test_file_has_a_row_for_each_new_completion(
    damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    ids = [FAILED_TEST, PASSED]
    result = to_file(tmp_path, "one", lesson_schedule_ids=ids)
    assert {name: result[name] for name in ("uri", "delivered")} == {
        "uri": str(tmp_path / "one.csv"),
        "delivered": 2,
    }
    header, *rows = lines(tmp_path / "one.csv")
    assert header == ["course", "employee_number", "date", "result"]
    expected = []
    for one, outcome in zip(ids, ("not passed", "passed"), strict=True):
        schedule = api.get_json(f"/lesson_schedule/{one}")
        user = api.get_json(f"/user/{schedule['userId']}")
        completed = datetime.fromisoformat(schedule["lessonCompletedDate"])
        day = completed.astimezone(ZoneInfo(user["timeZone"])).date().isoformat()
        expected.append([schedule["lessonName"], user["employeeNumber"], day, outcome])
    assert rows == expected
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    result = to_file(tmp_path, "two", lesson_schedule_ids=[*ids, 30019])
    assert (result["delivered"], result["skipped"]) == (1, 2)
    assert len(lines(tmp_path / "two.csv")) == 2


@pytest.mark.parametrize(
    ("time_zone", "day"), [(None, "2026-03-02"), ("UTC", "2026-03-01"), ("America/Lima", "2026-03-01")]
)
def test_day_is_that_of_the_time_zone(
    time_zone: str | None, day: str, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    # Liam is in Perth, eight hours ahead of UTC.
    damstra_emulator.set_clock(datetime(2026, 3, 1, 20, tzinfo=UTC))
    damstra_emulator.complete_lesson_schedule(30040)
    to_file(tmp_path, "one", lesson_schedule_ids=30040, time_zone=time_zone)
    assert lines(tmp_path / "one.csv")[1][2] == day


def test_formulas_are_escaped_for_spreadsheets(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    user = DamstraHook().call(GetUser(user_id=1011))
    names = UpdateUser.model_fields.keys() & type(user).model_fields.keys()
    fields = {name: getattr(user, name) for name in names}
    DamstraHook().call(UpdateUser(user_id=1011, **{**fields, "first_name": "=1+1"}))
    columns = {"Vorname": "first_name", "id": "lesson_schedule_id"}
    to_file(tmp_path, "plain", columns=columns)
    to_file(tmp_path, "safe", columns=columns, safe_for_spreadsheets=True, redeliver=True)
    assert (tmp_path / "plain.csv").read_bytes() == b"Vorname,id\n=1+1,30013\n"
    assert (tmp_path / "safe.csv").read_bytes() == b"\xef\xbb\xbfVorname,id\n'=1+1,30013\n"


def test_retry_after_failure_writes_file_with_all_rows(
    damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    ids = [PASSED, 30040, FAILED_TEST]
    with pytest.raises(AirflowException, match="lesson schedule 30040: it is not completed"):
        to_file(tmp_path, "one", lesson_schedule_ids=ids)
    assert len(lines(tmp_path / "one.csv")) == 3
    damstra_emulator.complete_lesson_schedule(30040)
    assert to_file(tmp_path, "one", number=2, lesson_schedule_ids=ids)["delivered"] == 3
    assert len(lines(tmp_path / "one.csv")) == 4


def test_retry_after_death_between_file_and_receipts_writes_the_same_file(
    damstra_emulator: DamstraEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [PASSED, FAILED_TEST]

    class DeadError(BaseException):
        pass

    def die(folder: receipts.ReceiptFolder, schedule_id: int, **facts: Any) -> None:
        if schedule_id == FAILED_TEST:
            raise DeadError
        add(folder, schedule_id, **facts)

    add = receipts.ReceiptFolder.add
    with monkeypatch.context() as patch:
        patch.setattr(receipts.ReceiptFolder, "add", die)
        with pytest.raises(DeadError):
            to_file(tmp_path, "one", lesson_schedule_ids=ids)
    content = (tmp_path / "one.csv").read_bytes()
    assert to_file(tmp_path, "one", number=2, lesson_schedule_ids=ids)["delivered"] == 2
    assert (tmp_path / "one.csv").read_bytes() == content
    assert to_file(tmp_path, "two", lesson_schedule_ids=ids)["skipped"] == 2


@pytest.mark.parametrize("page_size", [1, 100])
def test_backfill_delivers_completions_of_period_once(
    page_size: int, hr: EndpointServer, connect: ConnectionFactory, api: ApiClient, tmp_path: Path
) -> None:
    times = completions(api)
    # The period includes its start and not its end.
    first, *_, last = sorted({time.replace(microsecond=0) for time in times.values()})
    start, end = first + timedelta(days=1), last
    wanted = {one for one, time in times.items() if start <= time < end}
    assert 0 < len(wanted) < len(times)
    connect(extra={"page_size": page_size})
    window = {"completed_from": start.isoformat(), "completed_to": end.isoformat()}
    result = run(delivery(tmp_path, http_conn_id="hr", **window), run_id="one").value
    assert result == {"delivered": len(wanted), "skipped": 0, "failed": 0}
    assert sorted(hr.ids()) == sorted(wanted)
    result = run(delivery(tmp_path, http_conn_id="hr", completed_from=first), run_id="two").value
    assert result["skipped"] == len(wanted)
    assert sorted(hr.ids()) == sorted(times)


def test_backfill_reads_each_person_once(
    damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    for day in range(1, 9):
        date = f"2026-03-0{day}T00:00:00Z"
        record = CompleteLesson(
            user_id=1011, lesson_id=201, completed_date=date, manually_completed_by_user_id=1001
        )
        DamstraHook().call(record)
    times = completions(api)
    damstra_emulator.clear_journal()
    damstra_emulator.add_fault("delay", path="/user/1011", delay=0.1)
    start = min(times.values())
    result = to_file(tmp_path, "one", completed_from=start.isoformat(), max_concurrency=8)
    assert result["delivered"] == len(times)
    people = [entry["path"] for entry in damstra_emulator.journal("GET", "/user/{id}")]
    assert len(people) == len(set(people))
    assert damstra_emulator.journal("GET", "/lesson_schedule/{id}") == []


def test_backfill_includes_leavers_unless_filtered(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    DamstraHook().call(InactivateUser(user_id=1011))
    start = datetime(2020, 1, 1, tzinfo=UTC)
    columns = {"user": "user_id"}
    to_file(tmp_path, "all", completed_from=start, columns=columns)
    arguments: dict[str, Any] = {"parent_filters": {"active_value": "active"}, "redeliver": True}
    to_file(tmp_path, "active", completed_from=start, columns=columns, **arguments)
    everyone = {row[0] for row in lines(tmp_path / "all.csv")}
    only_active = {row[0] for row in lines(tmp_path / "active.csv")}
    assert everyone - only_active == {"1011"}


def test_user_whose_listing_fails_stops_no_other(
    damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    times = completions(api)
    damstra_emulator.add_fault("status", path="/user/1012/lesson_schedule", status=400)
    with pytest.raises(AirflowException, match=r"schedules of 1 users could not be read\.\n  user 1012: "):
        to_file(tmp_path, "one", completed_from=min(times.values()))
    damstra_emulator.clear_faults()
    missing = to_file(tmp_path, "two", completed_from=min(times.values()))
    assert (missing["delivered"] + missing["skipped"], missing["failed"]) == (len(times), 0)
    assert DUE not in times

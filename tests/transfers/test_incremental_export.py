"""Incremental exports: the rows that each DAG run writes, and the state for the next."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from tests.operators.task_runner import fail_fast_message
from tests.transfers.export_runs import ExportRuns
from tests.transfers.variables import Variables

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.operators.conftest import ConnectionFactory

LIAM, AROHA, CREW = 1012, 1014, 102
SOME: dict[str, Any] = {"resource": "lesson_schedules", "parent_ids": [1011, LIAM, AROHA]}


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> Variables:
    found = Variables()
    found.install(monkeypatch)
    return found


@pytest.fixture
def runs(lake: str, damstra_emulator: DamstraEmulator, variables: Variables) -> ExportRuns:
    return ExportRuns(lake)


def test_run_writes_only_new_and_changed_rows(
    runs: ExportRuns, damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    first = runs.export("first", **SOME)
    assert first["rows"] == len(runs.ids("first")) > 3
    assert runs.export("second", **SOME)["rows"] == 0
    damstra_emulator.advance_clock(60)
    added = api.schedule(LIAM, 2006)
    third = runs.export("third", **SOME)
    assert runs.ids("third") == [added]
    assert third["watermark"] > first["watermark"]
    damstra_emulator.complete_lesson_schedule(added)
    runs.export("fourth", **SOME)
    assert [row["status"] for row in runs.rows("fourth.jsonl")] == ["completed"]


def test_each_iteration_of_a_loop_is_compared_with_itself(runs: ExportRuns) -> None:
    target = str(runs.folder / "{{ run_id }}-{{ loop.index }}.jsonl")
    one: dict[str, Any] = {"resource": "lesson_schedules", "parent_ids": "{{ user_id }}"}

    def export(run_id: str) -> list[tuple[int, int]]:
        """Return the number of new and of deleted rows in each iteration."""
        facts = []
        for index, user_id in enumerate((LIAM, AROHA)):
            runs.context |= {"loop": SimpleNamespace(index=index), "user_id": user_id}
            facts.append(runs.export(run_id, target_path=target, find_deleted=True, **one))
        return [(fact["rows"], fact["deleted"]) for fact in facts]

    assert all(rows > 0 and deleted == 0 for rows, deleted in export("first"))
    assert export("second") == [(0, 0), (0, 0)]


def test_status_changed_by_time_is_a_change(runs: ExportRuns, damstra_emulator: DamstraEmulator) -> None:
    runs.export("first", **SOME)
    damstra_emulator.advance_clock(timedelta(days=400))
    runs.export("second", **SOME)
    assert {row["status"] for row in runs.rows("second.jsonl")} == {"overdue"}


def test_rows_changed_at_the_same_time_are_all_written(
    runs: ExportRuns, damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    one = api.schedule(LIAM, 2006)
    runs.export("first", **SOME)
    other = api.schedule(AROHA, 2006)
    damstra_emulator.complete_lesson_schedule(one)
    runs.export("second", **SOME)
    assert sorted(runs.ids("second")) == [one, other]


def test_rows_without_modified_date_are_compared_by_content(runs: ExportRuns, api: ApiClient) -> None:
    runs.export("first", resource="groups")
    api.send(f"/group/{CREW}", name="Pit Crew A", description="Nights")
    runs.export("second", resource="groups")
    assert runs.ids("second") == [CREW]


def test_old_rows_of_added_parent_are_new(runs: ExportRuns) -> None:
    runs.export("first", resource="lesson_schedules", parent_ids=[LIAM])
    whole = runs.export("second", resource="lesson_schedules", parent_ids=[LIAM, AROHA])
    assert {row["userId"] for row in runs.rows("second.jsonl")} == {AROHA}
    assert whole["rows"] > 0


def test_full_refresh_writes_all_rows_and_updates_state(runs: ExportRuns) -> None:
    first = runs.export("first", **SOME)
    again = runs.export("second", full_refresh="{{ (1 + 1) == 2 }}", **SOME)
    assert again["rows"] == first["rows"]
    assert runs.export("third", full_refresh="false", **SOME)["rows"] == 0


def test_find_deleted_writes_keys_of_deleted_rows(runs: ExportRuns, api: ApiClient) -> None:
    members: dict[str, Any] = {"resource": "group_members", "parent_ids": CREW, "find_deleted": True}
    first = runs.export("first", **members)
    assert (first["deleted"], runs.rows("first.jsonl.deleted.jsonl")) == (0, [])
    removed_id = runs.ids("first")[0]
    api.send(f"/group/{CREW}/remove_members", userIds=[removed_id])
    second = runs.export("second", **members)
    assert runs.rows("second.jsonl.deleted.jsonl") == [{"groupId": CREW, "id": removed_id}]
    assert (second["deleted"], second["deleted_uri"]) == (1, f"{second['uri']}.deleted.jsonl")
    assert runs.export("third", **members)["deleted"] == 0


def test_inactivated_user_is_changed_and_not_deleted(runs: ExportRuns, api: ApiClient) -> None:
    runs.export("first", resource="users", find_deleted=True)
    api.send(f"/user/{LIAM}/inactivate")
    second = runs.export("second", resource="users", find_deleted=True)
    assert [(row["id"], row["clientStatusId"]) for row in runs.rows("second.jsonl")] == [(LIAM, 57)]
    assert second["deleted"] == 0


def test_user_who_no_longer_matches_filter_is_reported_as_deleted(runs: ExportRuns, api: ApiClient) -> None:
    active: dict[str, Any] = {"resource": "users", "filters": {"active_value": "active"}}
    runs.export("first", find_deleted=True, **active)
    api.send(f"/user/{LIAM}/inactivate")
    assert runs.export("second", find_deleted=True, **active)["deleted"] == 1
    assert runs.rows("second.jsonl.deleted.jsonl") == [{"id": LIAM}]


def test_find_deleted_works_without_incremental(runs: ExportRuns, api: ApiClient) -> None:
    members: dict[str, Any] = {"resource": "group_members", "parent_ids": CREW, "find_deleted": True}
    runs.export("first", incremental=False, **members)
    removed_id = runs.ids("first")[0]
    api.send(f"/group/{CREW}/remove_members", userIds=[removed_id])
    second = runs.export("second", incremental=False, **members)
    assert second["deleted"] == 1
    assert len(runs.ids("second")) == len(runs.ids("first")) - 1


def test_repeated_run_writes_the_same_rows(runs: ExportRuns, api: ApiClient) -> None:
    runs.export("first", day=1, **SOME)
    added = api.schedule(LIAM, 2006)
    runs.export("second", day=2, **SOME)
    # The try was killed after it had stored its state and before Airflow recorded its success.
    runs.export("second", number=2, day=2, **SOME)
    assert runs.ids("second") == [added]
    runs.export("third", day=3, **SOME)
    assert runs.ids("third") == []
    runs.export("second", number=3, day=2, **SOME)
    assert len(runs.ids("second")) == len(runs.ids("first")) + 1


def test_snapshots_that_are_not_needed_are_removed(runs: ExportRuns) -> None:
    for run_id in ("first", "second", "third", "fourth"):
        runs.export(run_id, **SOME)
    runs.export("fourth", number=2, **SOME)
    assert sorted(name.split(".")[1] for name in runs.hidden()) == ["fourth", "third"]


def test_all_rows_are_new_if_snapshot_is_missing(runs: ExportRuns) -> None:
    first = runs.export("first", **SOME)
    for name in runs.hidden():
        (runs.folder / name).unlink()
    assert runs.export("second", **SOME)["rows"] == first["rows"]


def test_state_in_variable_is_found_after_upgrade_to_airflow_3_3(
    runs: ExportRuns, variables: Variables, api: ApiClient
) -> None:
    now, runs.context = runs.context, {}
    runs.export("first", **SOME)
    assert runs.export("second", **SOME)["rows"] == 0
    ((key, kept),) = variables.items()
    assert (key.startswith("damstra_"), "watermark" in kept) == (True, True)
    runs.context = now
    added = api.schedule(LIAM, 2006)
    runs.export("third", **SOME)
    assert runs.ids("third") == [added]


def test_rows_of_failed_parent_are_written_by_next_run(
    runs: ExportRuns, damstra_emulator: DamstraEmulator, api: ApiClient, connect: ConnectionFactory
) -> None:
    connect(extra={"max_retries": 0})
    runs.export("first", **SOME)
    added = api.schedule(LIAM, 2006)
    damstra_emulator.add_fault("status", status=500, path=f"/user/{LIAM}/lesson_schedule")
    skipping = {**SOME, "on_failed_parent": "skip", "find_deleted": True}
    second = runs.export("second", **skipping)
    assert (second["rows"], second["failed_parent_count"], "deleted" in second) == (0, 1, False)
    damstra_emulator.clear_faults()
    runs.export("third", **skipping)
    assert runs.ids("third") == [added]


def test_file_of_deleted_keys_is_removed_before_newer_file(
    runs: ExportRuns, damstra_emulator: DamstraEmulator, api: ApiClient, connect: ConnectionFactory
) -> None:
    connect(extra={"max_retries": 0})
    members: dict[str, Any] = {
        "resource": "group_members",
        "parent_ids": [101, CREW],
        "target_path": str(runs.folder / "members.jsonl"),
        "on_failed_parent": "skip",
        "find_deleted": True,
    }
    runs.export("first", **members)
    removed_id = runs.ids("members")[-1]
    api.send(f"/group/{CREW}/remove_members", userIds=[removed_id])
    runs.export("second", **members)
    assert runs.rows("members.jsonl.deleted.jsonl") == [{"groupId": CREW, "id": removed_id}]
    # The member is back; another group cannot be read, so this run writes no deleted keys.
    api.send(f"/group/{CREW}/add_members", userIds=[removed_id])
    damstra_emulator.add_fault("status", status=500, path="/group/101/*")
    third = runs.export("third", **members)
    assert (third["failed_parent_count"], "deleted_uri" in third) == (1, False)
    assert not (runs.folder / "members.jsonl.deleted.jsonl").exists()


def test_state_is_unchanged_if_export_fails(
    runs: ExportRuns, damstra_emulator: DamstraEmulator, api: ApiClient, connect: ConnectionFactory
) -> None:
    connect(extra={"max_retries": 0})
    runs.export("first", **SOME)
    kept = {name: dict(store) for name, store in runs.stores.items()}
    added = api.schedule(LIAM, 2006)
    damstra_emulator.add_fault("status", status=400, path=f"/user/{AROHA}/lesson_schedule")
    with pytest.raises(AirflowFailException, match=str(AROHA)):
        runs.export("second", **SOME)
    assert runs.stores == kept
    damstra_emulator.clear_faults()
    runs.export("second", number=2, **SOME)
    assert runs.ids("second") == [added]


def test_state_is_separate_for_each_target_and_filter(runs: ExportRuns) -> None:
    first = runs.export("first", **SOME)
    elsewhere = str(runs.folder / "elsewhere" / "{{ run_id }}.jsonl")
    assert runs.export("second", target_path=elsewhere, **SOME)["rows"] == first["rows"]
    assert runs.export("third", filters={"status": "overdue"}, **SOME)["rows"] > 0
    assert runs.export("fourth", **SOME)["rows"] == 0
    assert list(runs.stores) == ["damstra/damstra_default/lesson_schedules"]
    assert len(runs.stores["damstra/damstra_default/lesson_schedules"]) == 3


def test_resource_is_an_inlet_unless_it_is_a_template(runs: ExportRuns) -> None:
    named, unnamed = (runs.operator(resource=one) for one in ("users", "{{ params.resource }}"))
    assert [asset.name for asset in named.inlets] == ["damstra/damstra_default/users"]
    assert unnamed.inlets == []


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"incremental": "yes"}, "incremental is 'yes'; it can be True or False"),
        ({"find_deleted": 7}, "find_deleted is 7; it can be True or False"),
        ({"checkpoint": None}, "checkpoint is None; it can be True or False"),
    ],
)
def test_invalid_argument_is_rejected_at_parse_time(
    arguments: dict[str, Any], why: str, runs: ExportRuns
) -> None:
    with pytest.raises(ValueError, match=why):
        runs.operator(resource="users", **arguments)


def test_invalid_full_refresh_fails_before_first_request(
    runs: ExportRuns, damstra_emulator: DamstraEmulator
) -> None:
    why = fail_fast_message(runs.operator(resource="users", full_refresh="perhaps"), run_id="first")
    assert why == "full_refresh is 'perhaps'; it can be true or false"
    assert damstra_emulator.journal() == []


def test_rerun_of_two_earlier_runs_loses_nothing(runs: ExportRuns, api: ApiClient) -> None:
    runs.export("monday", day=2, **SOME)
    added = api.schedule(LIAM, 2006)
    runs.export("tuesday", day=3, **SOME)
    again = runs.export("monday", day=2, find_deleted=True, **SOME)
    assert again["rows"] > 3
    runs.export("tuesday", day=3, **SOME)
    assert runs.ids("tuesday") == [added]

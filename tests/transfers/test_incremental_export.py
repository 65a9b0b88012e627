"""Incremental exports: what each DAG run writes, what is kept for the next, and when."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from tests.operators.task_runner import fail_fast_message
from tests.transfers.lake import Lake
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
    found.answer_for(monkeypatch)
    return found


@pytest.fixture
def runs(lake: str, damstra_emulator: DamstraEmulator, variables: Variables) -> Lake:
    return Lake(lake)


def test_a_run_writes_what_is_new(runs: Lake, damstra_emulator: DamstraEmulator, api: ApiClient) -> None:
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


def test_what_the_clock_changes_is_new(runs: Lake, damstra_emulator: DamstraEmulator) -> None:
    runs.export("first", **SOME)
    damstra_emulator.advance_clock(timedelta(days=400))
    runs.export("second", **SOME)
    assert {row["status"] for row in runs.rows("second.jsonl")} == {"overdue"}


def test_two_changes_within_one_moment_are_two(
    runs: Lake, damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    one = api.schedule(LIAM, 2006)
    runs.export("first", **SOME)
    other = api.schedule(AROHA, 2006)
    damstra_emulator.complete_lesson_schedule(one)
    runs.export("second", **SOME)
    assert sorted(runs.ids("second")) == [one, other]


def test_resources_without_a_date_are_compared_as_they_are(runs: Lake, api: ApiClient) -> None:
    runs.export("first", resource="groups")
    api.send(f"/group/{CREW}", name="Pit Crew A", description="Nights")
    runs.export("second", resource="groups")
    assert runs.ids("second") == [CREW]


def test_somebody_new_whose_rows_are_old_is_not_missed(runs: Lake) -> None:
    runs.export("first", resource="lesson_schedules", parent_ids=[LIAM])
    whole = runs.export("second", resource="lesson_schedules", parent_ids=[LIAM, AROHA])
    assert {row["userId"] for row in runs.rows("second.jsonl")} == {AROHA}
    assert whole["rows"] > 0


def test_a_full_refresh_writes_all_and_the_next_run_goes_on_from_there(runs: Lake) -> None:
    first = runs.export("first", **SOME)
    again = runs.export("second", full_refresh="{{ (1 + 1) == 2 }}", **SOME)
    assert again["rows"] == first["rows"]
    assert runs.export("third", full_refresh="false", **SOME)["rows"] == 0


def test_what_is_gone_is_named(runs: Lake, api: ApiClient) -> None:
    members: dict[str, Any] = {"resource": "group_members", "parent_ids": CREW, "find_deleted": True}
    first = runs.export("first", **members)
    assert (first["deleted"], runs.rows("first.jsonl.deleted.jsonl")) == (0, [])
    gone = runs.ids("first")[0]
    api.send(f"/group/{CREW}/remove_members", userIds=[gone])
    second = runs.export("second", **members)
    assert runs.rows("second.jsonl.deleted.jsonl") == [{"groupId": CREW, "id": gone}]
    assert (second["deleted"], second["deleted_uri"]) == (1, f"{second['uri']}.deleted.jsonl")
    assert runs.export("third", **members)["deleted"] == 0


def test_a_full_export_can_name_what_is_gone_too(runs: Lake, api: ApiClient) -> None:
    members: dict[str, Any] = {"resource": "group_members", "parent_ids": CREW, "find_deleted": True}
    runs.export("first", incremental=False, **members)
    gone = runs.ids("first")[0]
    api.send(f"/group/{CREW}/remove_members", userIds=[gone])
    second = runs.export("second", incremental=False, **members)
    assert second["deleted"] == 1
    assert len(runs.ids("second")) == len(runs.ids("first")) - 1


def test_a_run_that_runs_again_writes_the_same(runs: Lake, api: ApiClient) -> None:
    runs.export("first", day=1, **SOME)
    added = api.schedule(LIAM, 2006)
    runs.export("second", day=2, **SOME)
    # It was killed after its end was kept, and before Airflow knew.
    runs.export("second", number=2, day=2, **SOME)
    assert runs.ids("second") == [added]
    runs.export("third", day=3, **SOME)
    assert runs.ids("third") == []
    runs.export("second", number=3, day=2, **SOME)
    assert len(runs.ids("second")) == len(runs.ids("first")) + 1


def test_only_what_is_needed_stays_beside_the_targets(runs: Lake) -> None:
    for run_id in ("first", "second", "third", "fourth"):
        runs.export(run_id, **SOME)
    runs.export("fourth", number=2, **SOME)
    assert sorted(name.split(".")[1] for name in runs.hidden()) == ["fourth", "third"]


def test_if_what_is_kept_is_gone_all_rows_are_new(runs: Lake) -> None:
    first = runs.export("first", **SOME)
    for name in runs.hidden():
        (runs.folder / name).unlink()
    assert runs.export("second", **SOME)["rows"] == first["rows"]


def test_before_airflow_3_3_a_variable_keeps_it_which_later_ones_find(
    runs: Lake, variables: Variables, api: ApiClient
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


def test_somebody_who_was_left_out_is_not_forgotten(
    runs: Lake, damstra_emulator: DamstraEmulator, api: ApiClient, connect: ConnectionFactory
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


def test_what_an_earlier_run_found_deleted_does_not_stay_beside_a_newer_file(
    runs: Lake, damstra_emulator: DamstraEmulator, api: ApiClient, connect: ConnectionFactory
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
    gone = runs.ids("members")[-1]
    api.send(f"/group/{CREW}/remove_members", userIds=[gone])
    runs.export("second", **members)
    assert runs.rows("members.jsonl.deleted.jsonl") == [{"groupId": CREW, "id": gone}]
    # The member is back, but somebody else cannot be read, so nothing can be said of the rest.
    api.send(f"/group/{CREW}/add_members", userIds=[gone])
    damstra_emulator.add_fault("status", status=500, path="/group/101/*")
    third = runs.export("third", **members)
    assert (third["failed_parent_count"], "deleted_uri" in third) == (1, False)
    assert not (runs.folder / "members.jsonl.deleted.jsonl").exists()


def test_nothing_moves_on_before_the_file_is_there(
    runs: Lake, damstra_emulator: DamstraEmulator, api: ApiClient, connect: ConnectionFactory
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


def test_targets_filters_and_mapped_tasks_are_kept_apart(runs: Lake) -> None:
    first = runs.export("first", **SOME)
    elsewhere = str(runs.folder / "elsewhere" / "{{ run_id }}.jsonl")
    assert runs.export("second", target_path=elsewhere, **SOME)["rows"] == first["rows"]
    assert runs.export("third", filters={"status": "overdue"}, **SOME)["rows"] > 0
    assert runs.export("fourth", **SOME)["rows"] == 0
    assert list(runs.stores) == ["damstra/damstra_default/lesson_schedules"]
    assert len(runs.stores["damstra/damstra_default/lesson_schedules"]) == 3


def test_the_source_is_an_inlet_if_the_dag_says_which_it_is(runs: Lake) -> None:
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
def test_invalid_argument_is_rejected_at_parse_time(arguments: dict[str, Any], why: str, runs: Lake) -> None:
    with pytest.raises(ValueError, match=why):
        runs.operator(resource="users", **arguments)


def test_a_full_refresh_is_yes_or_no(runs: Lake, damstra_emulator: DamstraEmulator) -> None:
    why = fail_fast_message(runs.operator(resource="users", full_refresh="perhaps"), run_id="first")
    assert why == "full_refresh is 'perhaps'; it can be true or false"
    assert damstra_emulator.journal() == []


def test_two_days_that_run_again_lose_nothing(runs: Lake, api: ApiClient) -> None:
    runs.export("monday", day=2, **SOME)
    added = api.schedule(LIAM, 2006)
    runs.export("tuesday", day=3, **SOME)
    again = runs.export("monday", day=2, find_deleted=True, **SOME)
    assert again["rows"] > 3
    runs.export("tuesday", day=3, **SOME)
    assert runs.ids("tuesday") == [added]

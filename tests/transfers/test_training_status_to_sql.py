"""Training statuses in a table: its rows are those of the last evaluation."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.openlineage.extractors.base import DefaultExtractor
from airflow.sdk.execution_time.context import OutletEventAccessors

from airflow_provider_damstra.errors import DamstraError
from tests.operators.task_runner import fail_fast_message, run
from tests.transfers.training_statuses import INDUCTION, record_completion, status_operator

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.transfers.databases import Database

CREW = (1011, 1016, 1021, 1026, 1031, 1036)
TABLE: dict[str, Any] = {"sql_conn_id": "warehouse", "table": "training_status"}


def users_in(database: Database) -> list[int]:
    return [row[0] for row in database.execute("SELECT user_id FROM training_status ORDER BY 1")]


def test_table_has_the_rows_of_the_last_evaluation(
    damstra_emulator: DamstraEmulator, api: ApiClient, warehouse: Database
) -> None:
    first = run(status_operator(**TABLE), run_after=damstra_emulator.now)
    assert (first.value["inserted"], first.xcoms["table"]) == (6, "training_status")
    assert users_in(warehouse) == list(CREW)
    query = "SELECT state, lesson_name, reason, completed_at FROM training_status WHERE user_id = 1031"
    [(state, lesson, reason, completed_at)] = warehouse.execute(query)
    assert (state, lesson, completed_at) == ("overdue", "Site Induction", None)
    assert reason.startswith("not completed; overdue since ")

    record_completion(api, 1031, INDUCTION, damstra_emulator.now)
    api.send("/group/102/remove_members", userIds=[1036])
    api.send("/user/1026/inactivate")
    again = run(status_operator(**TABLE), run_after=damstra_emulator.now).value
    assert (again["inserted"], again["updated"], again["deleted"]) == (0, 4, 2)
    assert [row[0] for row in warehouse.execute(query)] == ["current"]


def test_only_rows_of_evaluated_users_are_replaced(
    damstra_emulator: DamstraEmulator, warehouse: Database
) -> None:
    run(status_operator(**TABLE), run_after=damstra_emulator.now)
    warehouse.execute("UPDATE training_status SET rule = 'old'")
    run(status_operator(**TABLE, user_ids=[1011, 1016]), run_after=damstra_emulator.now)
    rules: dict[int, str] = dict(warehouse.execute("SELECT user_id, rule FROM training_status"))
    assert [user_id for user_id, rule in rules.items() if rule != "old"] == [1011, 1016]
    assert sorted(rules) == list(CREW)


def test_failed_user_has_no_row_of_an_earlier_evaluation(
    damstra_emulator: DamstraEmulator, warehouse: Database
) -> None:
    run(status_operator(**TABLE), run_after=damstra_emulator.now)
    damstra_emulator.add_fault("status", path="/user/1016/lesson_schedule", status=500)
    with pytest.raises(DamstraError):
        run(status_operator(**TABLE), run_after=damstra_emulator.now)
    assert users_in(warehouse) == list(CREW)
    run(status_operator(**TABLE, on_failed_user="skip"), run_after=damstra_emulator.now)
    assert users_in(warehouse) == [one for one in CREW if one != 1016]


def test_table_that_cannot_take_the_rows_fails_before_the_first_request(
    damstra_emulator: DamstraEmulator, on_sqlite: Database
) -> None:
    on_sqlite.execute("CREATE TABLE training_status (user_id integer primary key)")
    assert "has no column" in fail_fast_message(status_operator(**TABLE))
    assert damstra_emulator.journal() == []


def test_retry_of_a_table_continues_next_to_checkpoint_path(
    damstra_emulator: DamstraEmulator, on_sqlite: Database, tmp_path: Path
) -> None:
    at = damstra_emulator.now
    arguments = {**TABLE, "max_concurrency": 1, "checkpoint_path": str(tmp_path / "status")}
    damstra_emulator.add_fault("status", path="/user/1036/lesson_schedule", status=500)
    with pytest.raises(DamstraError):
        run(status_operator(**arguments), run_after=at, try_number=1, max_tries=1)
    damstra_emulator.clear_faults()
    damstra_emulator.clear_journal()
    run(status_operator(**arguments), run_after=at, try_number=2, max_tries=1)
    read = {entry["path"] for entry in damstra_emulator.journal("GET", "/user/*/lesson_schedule")}
    assert read == {"/user/1036/lesson_schedule"}
    assert users_in(on_sqlite) == list(CREW)
    assert list(tmp_path.glob(".*")) == []


@pytest.mark.parametrize(
    "arguments",
    [
        {**TABLE, "target_path": "rows.jsonl"},
        {"sql_conn_id": "warehouse"},
        {"table": "training_status"},
        {"target_path": "rows.jsonl", "safe_for_spreadsheets": True},
        {**TABLE, "batch_size": 0},
    ],
    ids=str,
)
def test_contradicting_targets_are_rejected_at_parse_time(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"table|safe_for_spreadsheets|batch_size"):
        status_operator(**{"path": arguments.pop("target_path", None), **arguments})


def test_asset_and_lineage_are_of_what_was_written(
    damstra_emulator: DamstraEmulator, on_sqlite: Database, tmp_path: Path
) -> None:
    for name, target in {"rows.jsonl": {"path": tmp_path / "rows.jsonl"}, "training_status": TABLE}.items():
        operator, events = status_operator(**target), OutletEventAccessors()
        run(operator, run_after=datetime(2026, 3, 1, tzinfo=UTC), outlet_events=events)
        (event,) = events[operator.outlets[0]].asset_alias_events
        extra: dict[str, Any] = event.extra
        assert event.dest_asset_key.uri.endswith(f"/{name}")
        assert (extra["rows"], sum(extra["states"].values())) == (6, 6)
        lineage: Any = DefaultExtractor(operator).extract_on_complete(None)
        assert [one.name for one in lineage.inputs] == ["lesson_schedules", "users"]
        (output,) = lineage.outputs
        fields = {field.name: field.type for field in output.facets["schema"].fields}
        assert (fields["user_id"], fields["state"], fields["due_at"]) == ("integer", "text", "timestamp")

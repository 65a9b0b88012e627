"""Dry run, plan file, and an approval that is valid for exactly one plan."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_damstra.errors import DamstraConflictError
from tests.operators.operator_case import changes_in
from tests.operators.roster_cases import ROWS, SYNC_USERS
from tests.operators.task_runner import StateStore, error_message, fail_fast_message, run
from tests.roster.sync import operator, row, sent_writes
from tests.roster.test_scenario import Killed, killed_after

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient

ARGUMENTS = {name: value for name, value in SYNC_USERS.arguments.items() if name != "users"}


def step(rows: list[dict[str, Any]] = ROWS, **arguments: Any) -> Any:
    return operator(rows, **{**ARGUMENTS, **arguments})


@pytest.fixture
def digest(damstra_emulator: DamstraEmulator) -> str:
    """Return the digest of the approved plan."""
    return str(run(step(dry_run=True)).value["plan_digest"])


@pytest.mark.parametrize("dry_run", [True, "True", "{{ dry }}"], ids=str)
def test_dry_run_returns_the_plan_and_changes_nothing(
    dry_run: Any, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    planned = run(step(dry_run=dry_run), dry=True)
    assert sent_writes(damstra_emulator) == []
    done = run(step())
    assert planned.value == done.value
    assert {**done.xcoms, "created": []} == planned.xcoms


def test_approved_plan_is_carried_out(digest: str, damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    assert run(step(plan_digest=digest)) == SYNC_USERS.expected_outcome(tmp_path)


def test_approval_does_not_depend_on_the_order_of_rows(digest: str) -> None:
    assert run(step(ROWS[::-1], plan_digest=digest)).value["plan_digest"] == digest


@pytest.mark.parametrize(
    "rows",
    [
        [*ROWS, row("E9", crew="Pit Crew A")],
        ROWS[1:],
        [{**ROWS[0], "firstName": "Adele"}, *ROWS[1:]],
        [*ROWS[:2], {**ROWS[2], "manager": "E1007"}, ROWS[3]],
    ],
    ids=["another row", "one row less", "another value", "another manager"],
)
@pytest.mark.parametrize("dry_run", [True, False])
def test_plan_that_has_changed_since_the_approval_is_refused(
    rows: list[dict[str, Any]], dry_run: bool, digest: str, damstra_emulator: DamstraEmulator
) -> None:
    message = error_message(step(rows, plan_digest=digest, dry_run=dry_run), DamstraConflictError)
    assert message.startswith("The plan has changed since it was approved")
    assert sent_writes(damstra_emulator) == []


def test_account_that_has_changed_since_the_approval_is_refused(
    digest: str, damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    api.send("/group/102/add_members", userIds=[1038])
    damstra_emulator.clear_journal()
    assert "has changed since" in error_message(step(plan_digest=digest), DamstraConflictError)
    assert sent_writes(damstra_emulator) == []


def test_plan_without_changes_needs_no_approval(digest: str, damstra_emulator: DamstraEmulator) -> None:
    run(step())
    damstra_emulator.clear_journal()
    run(step(plan_digest=digest))
    assert sent_writes(damstra_emulator) == []


@pytest.mark.parametrize("missing", ["", "None", "{{ nothing }}"])
def test_missing_digest_is_no_approval(missing: str, damstra_emulator: DamstraEmulator) -> None:
    message = fail_fast_message(step(plan_digest=missing), nothing=None)
    assert message.endswith("it is the XCom plan_digest of a dry run. Did that task run before this one?")
    assert damstra_emulator.journal() == []


@pytest.mark.parametrize("writes", range(1, 11))
def test_retry_of_approved_plan_does_what_is_left_and_nothing_else(
    writes: int, digest: str, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    store = StateStore()
    with killed_after(writes), pytest.raises(Killed):
        run(step(plan_digest=digest), task_state_store=store)
    other = [*ROWS, row("E9", crew="Pit Crew A")]
    with pytest.raises(AirflowFailException, match="has changed since it was approved"):
        run(step(other, plan_digest=digest), task_state_store=store)
    outcome = run(step(plan_digest=digest), task_state_store=store)
    assert outcome == SYNC_USERS.expected_outcome(tmp_path)
    assert changes_in(damstra_emulator) == Counter(SYNC_USERS.changes)


def test_retry_with_another_approval_is_refused(digest: str, damstra_emulator: DamstraEmulator) -> None:
    store = StateStore()
    with killed_after(1), pytest.raises(Killed):
        run(step(plan_digest=digest), task_state_store=store)
    with pytest.raises(AirflowFailException, match="has changed since it was approved"):
        run(step(plan_digest="0" * 64), task_state_store=store)


def test_task_state_contains_no_personal_data(damstra_emulator: DamstraEmulator) -> None:
    store = StateStore()
    run(step(), task_state_store=store)
    assert [text for text in ("Ada", "Byron", "ada@", "E9001", "e9001", "Leo") if text in str(store)] == []


def test_plan_file_has_a_line_for_each_change_and_problem(
    damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    path = tmp_path / "plan.jsonl"
    problem = row("E1021", "Zoë")
    outcome = run(step([*ROWS, problem, {**problem, "first_name": "Zoe"}], plan_path=str(path), dry_run=True))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert outcome.xcoms["rows"] == len(lines)
    assert path.stat().st_mode & 0o777 == 0o600
    create = next(line for line in lines if line.get("change") == "create")
    assert create["name"] == "Ada Byron"
    assert create["fields"]["email_address"] == {"from": None, "to": "ada@example.com"}
    (update,) = (line for line in lines if line.get("change") == "update")
    assert update == {
        "change": "update",
        "user_id": 1011,
        "row": "row 3",
        "name": "Liam Murphy",
        "fields": {"first_name": {"from": "Liam", "to": "Leo"}},
    }
    assert lines[-1] == {
        "problem": "ambiguous",
        "rows": ["row 5", "row 6"],
        "user_ids": [1021],
        "reason": "rows with the same employee_number that differ",
    }
    kinds = [line["change"] for line in lines if "change" in line]
    assert kinds.index("add_to_group") < kinds.index("inactivate") < kinds.index("remove_from_group")


def test_plan_is_written_although_a_guard_stops_it(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    path = tmp_path / "plan.jsonl"
    error_message(step(plan_path=str(path), max_inactivations=1), DamstraConflictError)
    assert path.read_text().count('"inactivate"') == 4


def test_invalid_plan_path_is_rejected_before_anything_is_sent(
    damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    assert "it is a folder" in fail_fast_message(step(plan_path=str(tmp_path)))
    assert damstra_emulator.journal() == []

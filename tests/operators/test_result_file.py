"""Results that are too large for an XCom: written to a file on object storage."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.operators.base import ResultFileMixin
from tests.operators.all_cases import CASES
from tests.operators.task_runner import fail_fast_message, run

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.operators.operator_case import OperatorCase

RESULT_FILE_CASES = [case for case in CASES if issubclass(case.operator, ResultFileMixin)]


def lines_of(case: OperatorCase, tmp_path: Path) -> list[dict[str, Any]]:
    """Return what the file has to hold, from what the step returns without one."""
    expected = case.expected_outcome(tmp_path)
    if case.operator.__name__ == "DamstraScheduleLessonsOperator":
        return list(expected.value)
    changes = [(user_id, name) for name, ids in expected.xcoms.items() for user_id in ids]
    if case.operator.__name__ == "DamstraSyncGroupMembersOperator":
        return [{"user_id": user_id, "change": name} for user_id, name in changes]
    outcome_of = {user_id: name for user_id, name in changes if name in ("created", "updated", "unchanged")}
    inactive = expected.xcoms["inactive"]
    return [
        {"user_id": user_id, "outcome": outcome_of[user_id], "inactive": user_id in inactive}
        for user_id in expected.value
    ]


def test_operators_with_result_files_are_known() -> None:
    assert {case.operator.__name__ for case in RESULT_FILE_CASES} == {
        "DamstraScheduleLessonsOperator",
        "DamstraSyncGroupMembersOperator",
        "DamstraUpsertUsersOperator",
    }


@pytest.mark.parametrize("case", RESULT_FILE_CASES, ids=str)
def test_result_is_written_to_file_and_described(
    case: OperatorCase, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    path = tmp_path / "new" / "result.jsonl"
    outcome = run(case.create_operator(tmp_path, result_path=f"file://{path}"))
    content = path.read_bytes()
    assert [json.loads(line) for line in content.splitlines()] == lines_of(case, tmp_path)
    assert outcome.value == {
        "path": f"file://{path}",
        "rows": len(content.splitlines()),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    counts = {name: len(ids) for name, ids in case.expected_outcome(tmp_path).xcoms.items()}
    assert outcome.xcoms == {**counts, **outcome.value}
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("case", RESULT_FILE_CASES, ids=str)
def test_invalid_result_path_is_rejected_before_anything_is_sent(
    case: OperatorCase, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    assert "result_path is" in fail_fast_message(case.create_operator(tmp_path, result_path=f"{tmp_path}/"))
    assert "it is a folder" in fail_fast_message(case.create_operator(tmp_path, result_path=str(tmp_path)))
    assert damstra_emulator.journal() == []

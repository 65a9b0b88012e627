"""The operator for any operation: results, files, and what it rejects."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra import endpoints
from airflow_provider_damstra.errors import DamstraError, DamstraTransportError
from airflow_provider_damstra.operators.call import DamstraCallOperator
from tests.operators.lesson_session_cases import COMPLETED_SCHEDULE, DUE_SCHEDULE, NEW_SCHEDULE
from tests.operators.task_runner import StateStore, error_message, fail_fast_message, rejection_message, run
from tests.operators.user_group_cases import MEMBERS_OF_102

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.operators.conftest import ConnectionFactory

CREATE_GROUP = {"name": "Welders", "description": "All of them"}


def step(endpoint: str, arguments: dict[str, Any] | None = None, **more: Any) -> DamstraCallOperator:
    return DamstraCallOperator(task_id="step", endpoint=endpoint, arguments=arguments, **more)


def call(endpoint: str, **arguments: Any) -> Any:
    return run(step(endpoint, arguments)).value


@pytest.mark.parametrize("arguments", [{"user_id": 1011}, {"userId": "1011"}])
def test_object_is_returned_with_api_names(
    arguments: dict[str, Any], damstra_emulator: DamstraEmulator
) -> None:
    user = call("GetUser", **arguments)
    assert (user["id"], user["firstName"], user["roles"]) == (1011, "Liam", [6])
    assert "password" not in user


def test_listing_is_returned_with_all_pages(
    damstra_emulator: DamstraEmulator, connect: ConnectionFactory
) -> None:
    connect(extra={"page_size": 2})
    assert [user["id"] for user in call("ListGroupMembers", group_id=102)] == MEMBERS_OF_102
    assert len(damstra_emulator.journal()) > 1


def test_operation_without_arguments_needs_none(damstra_emulator: DamstraEmulator) -> None:
    assert len(run(step("ListGroups")).value) == 7


def test_ids_are_returned_as_list(damstra_emulator: DamstraEmulator) -> None:
    arguments = {"lessonVersionIds": [2006], "gracePeriod": "3", "gracePeriodUnit": "days"}
    assert call("ScheduleUser", user_id=1011, **arguments) == [NEW_SCHEDULE]


def test_operation_without_result_returns_none(damstra_emulator: DamstraEmulator) -> None:
    assert call("InactivateUser", user_id=1011) is None


def test_listing_is_written_as_json_lines(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    path = tmp_path / "new" / "members.jsonl"
    written = run(step("ListGroupMembers", {"group_id": 102}, path=f"file://{path}")).value
    content = path.read_bytes()
    assert [json.loads(line)["id"] for line in content.splitlines()] == MEMBERS_OF_102
    assert written == {"path": f"file://{path}", "rows": 6, "sha256": hashlib.sha256(content).hexdigest()}
    assert list(path.parent.iterdir()) == [path]


def test_empty_listing_is_written_as_empty_file(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    path = tmp_path / "no_rows.jsonl"
    assert run(step("ListUsers", {"emp_id": "unknown"}, path=str(path))).value["rows"] == 0
    assert path.read_bytes() == b""


def test_post_is_not_resent_after_lost_response(damstra_emulator: DamstraEmulator) -> None:
    damstra_emulator.add_fault("drop_after", method="POST")
    assert "It may have been carried out, so it was not sent again" in error_message(
        step("CreateGroup", CREATE_GROUP)
    )
    assert len(damstra_emulator.journal()) == 1


def test_unknown_operation_is_rejected_with_known_names(damstra_emulator: DamstraEmulator) -> None:
    why = fail_fast_message(step("GetUsr", {"user_id": 1011}))
    assert "there is no operation 'GetUsr'" in why
    assert "GetUser" in why
    assert damstra_emulator.journal() == []


@pytest.mark.parametrize("name", ["Endpoint", "__name__", "base", ""])
def test_names_that_are_not_operations_are_rejected(name: str, damstra_emulator: DamstraEmulator) -> None:
    assert f"there is no operation {name!r}" in fail_fast_message(step(name))


def test_operation_that_returns_a_file_is_rejected(damstra_emulator: DamstraEmulator) -> None:
    why = fail_fast_message(step("DownloadCertificate", {"lesson_schedule_id": COMPLETED_SCHEDULE}))
    assert "DamstraDownloadCertificateOperator" in why
    assert damstra_emulator.journal() == []


SECRETS = [
    ("GenerateLoginUrl", {"user_id": 1011}),
    ("GetEmbedUrl", {"lesson_schedule_id": DUE_SCHEDULE}),
    ("GetEmbedUrlAllLessonTypes", {"lesson_schedule_id": DUE_SCHEDULE}),
]


@pytest.mark.parametrize(("endpoint", "arguments"), SECRETS)
def test_secret_is_returned_only_with_return_in_clear(
    endpoint: str, arguments: dict[str, Any], damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    assert "return_in_clear=True" in fail_fast_message(step(endpoint, arguments))
    assert "return_in_clear=True" in fail_fast_message(
        step(endpoint, arguments, path=str(tmp_path / "secret"))
    )
    assert damstra_emulator.journal() == []
    assert "token=" in run(step(endpoint, arguments, return_in_clear=True)).value


def test_all_operations_with_secret_results_are_tested() -> None:
    secret = {name for name in endpoints.__all__ if getattr(endpoints, name).response_is_secret}
    assert secret == {name for name, _ in SECRETS}


@pytest.mark.parametrize(
    ("endpoint", "arguments"),
    [
        ("CreateUser", {"firstName": "Ada", "password": "Hunter2!"}),
        ("UpdateUser", {"user_id": 1011, "password": "Hunter2!"}),
    ],
)
def test_password_is_rejected(
    endpoint: str, arguments: dict[str, Any], damstra_emulator: DamstraEmulator
) -> None:
    why = rejection_message(DamstraCallOperator, {"endpoint": endpoint, "arguments": arguments})
    assert "password" in why
    assert "Hunter2!" not in why
    assert damstra_emulator.journal() == []


@pytest.mark.parametrize(
    ("endpoint", "arguments", "why"),
    [
        ("GetUser", None, "GetUser was not sent: userId: Field required"),
        ("GetUser", {"user_id": "seven"}, "GetUser was not sent: user_id: Input should be a valid integer"),
        (
            "GetUser",
            {"user_id": 7, "name": "x"},
            "GetUser was not sent: name: Extra inputs are not permitted",
        ),
        (
            "ListUsers",
            {"startIndex": 5},
            "ListUsers was not sent: startIndex: Extra inputs are not permitted",
        ),
        ("GetUser", [7], "arguments"),
        ("GetUser", "7", "arguments"),
    ],
)
def test_wrong_arguments_are_named(
    endpoint: str, arguments: Any, why: str, damstra_emulator: DamstraEmulator
) -> None:
    assert why in fail_fast_message(step(endpoint, arguments))
    assert damstra_emulator.journal() == []


def test_error_response_is_raised(damstra_emulator: DamstraEmulator, api: ApiClient) -> None:
    assert "999" in error_message(step("GetUser", {"user_id": 999}), DamstraError)


def test_retry_after_unknown_outcome_fails_once_without_resending(
    damstra_emulator: DamstraEmulator,
) -> None:
    store = StateStore()
    damstra_emulator.add_fault("drop_after", method="POST", count=1)
    with pytest.raises(DamstraTransportError):
        run(step("CreateGroup", CREATE_GROUP), task_state_store=store)
    why = fail_fast_message(step("CreateGroup", CREATE_GROUP), task_state_store=store)
    assert why.startswith("CreateGroup (POST /group) was sent by an earlier try of this task")
    assert len(damstra_emulator.journal()) == 1
    # Clear the task after checking in Damstra.
    cleared = run(step("CreateGroup", CREATE_GROUP), task_state_store=store)
    assert cleared.value["name"] == "Welders"


@pytest.mark.parametrize(
    "fault", [{"kind": "drop_before", "method": "GET"}, {"kind": "status", "status": 429, "method": "POST"}]
)
def test_retry_resends_what_was_not_carried_out(
    fault: dict[str, Any], damstra_emulator: DamstraEmulator, connect: ConnectionFactory
) -> None:
    connect(extra={"max_retries": 0})
    store = StateStore()
    call = (
        step("GetUser", {"user_id": 1011}) if fault["method"] == "GET" else step("CreateGroup", CREATE_GROUP)
    )
    damstra_emulator.add_fault(**fault, count=1)
    with pytest.raises(DamstraError):
        run(call, task_state_store=store)
    assert run(call, task_state_store=store).value["id"]


def test_task_cleared_after_success_sends_again(
    damstra_emulator: DamstraEmulator,
) -> None:
    store = StateStore()
    ids = [run(step("CreateGroup", CREATE_GROUP), task_state_store=store).value["id"] for _ in range(2)]
    assert len(set(ids)) == 2

"""Wrong arguments are reported in one sentence, at parse time or in the task, before anything is sent."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from airflow_provider_damstra.errors import DamstraNotFoundError
from airflow_provider_damstra.operators.call import DamstraCallOperator
from airflow_provider_damstra.operators.user_arguments import OnEmptyMixin
from tests.operators.all_cases import CASES
from tests.operators.lesson_session_cases import COMPLETE_LESSON, CREATE_ILT_SESSION, SCHEDULE_LESSONS
from tests.operators.operator_case import changes_in
from tests.operators.task_runner import error_message, rejection_message, run
from tests.operators.user_group_cases import CREATE_GROUP, CREATE_USER, LOGIN_URL, UPSERT_USERS

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.operators.operator_case import OperatorCase


def case_of(name: str) -> OperatorCase:
    return next(case for case in CASES if case.operator.__name__ == f"Damstra{name}Operator")


UPDATE_USER = case_of("UpdateUser")
SYNC = case_of("SyncGroupMembers")
EMBED_URL = case_of("GetEmbedUrl")
UPDATE_SESSION = case_of("UpdateIltSession")
UPDATE_SESSION_CHANGES = ("instructor_id", "location", "notes", "number_of_places")
UPDATE_GROUP = case_of("UpdateGroup")
UPDATE_GROUP_CHANGES = ("name", "description", "parent_id")
CERTIFICATE = case_of("DownloadCertificate")
CALL = case_of("Call")
NO_FILE = {"users_path": "/no/such/file.csv"}
SAVE_PROGRESS = case_of("SaveIltSessionProgress")
NAIVE = "2030-03-01T09:00:00"

INVALID: list[tuple[OperatorCase, dict[str, Any], str]] = [
    # exclusive arguments
    (UPSERT_USERS, {"users_path": "people.csv"}, "give exactly one of users, users_path"),
    (UPSERT_USERS, {"users": None}, "give exactly one of users, users_path; given: none"),
    (LOGIN_URL, {"return_in_clear": True}, "give exactly one of path, return_in_clear"),
    (LOGIN_URL, {"path": None}, "give exactly one of path, return_in_clear; given: none"),
    (LOGIN_URL, {"path": None, "return_in_clear": False}, "give exactly one of path, return_in_clear"),
    (EMBED_URL, {"return_in_clear": True}, "give exactly one of path, return_in_clear"),
    (EMBED_URL, {"path": None}, "give exactly one of path, return_in_clear; given: none"),
    (
        SCHEDULE_LESSONS,
        {"lesson_ids": None},
        "give exactly one of lesson_version_ids, lesson_ids, lesson_names",
    ),
    (SCHEDULE_LESSONS, {"lesson_names": "A"}, "given: lesson_ids, lesson_names"),
    (COMPLETE_LESSON, {"lesson_version_id": 2002}, "give exactly one of lesson_id, lesson_version_id"),
    (COMPLETE_LESSON, {"lesson_id": None}, "lesson_id, lesson_version_id, lesson_name; given: none"),
    (SAVE_PROGRESS, {"progress": {1015: {}}}, "give exactly one of progress, user_ids"),
    (SAVE_PROGRESS, {"user_ids": None}, "employee_numbers, email_addresses; given: none"),
    # options
    (CREATE_USER, {"if_exists": "replace"}, "if_exists is 'replace'; it can be return or update or fail"),
    (
        CREATE_USER,
        {"if_exists": "fail", "reactivate": True},
        "reactivate=True has no effect with if_exists='fail'",
    ),
    (CREATE_GROUP, {"if_exists": "replace"}, "if_exists is 'replace'; it can be return or update or fail"),
    (CREATE_ILT_SESSION, {"if_exists": "update"}, "if_exists is 'update'; it can be return or fail"),
    (SCHEDULE_LESSONS, {"if_exists": "update"}, "if_exists is 'update'; it can be return or fail"),
    (SCHEDULE_LESSONS, {"on_partial_failure": "ignore"}, "on_partial_failure is 'ignore'"),
    (SYNC, {"who": "trainers"}, "who is 'trainers'; it can be members or supervisors"),
    (SYNC, {"max_removals": -1}, "max_removals is -1; it is a number of at least 0"),
    (SYNC, {"max_removals": "{{ params.limit }}"}, "it is a number of at least 0 and no template"),
    (SYNC, {"max_removals": "10%"}, "max_removals"),
    (UPSERT_USERS, {"batch_size": 0}, "batch_size is 0; it is a number of at least 1"),
    (UPSERT_USERS, {"batch_size": "many"}, "batch_size"),
    (UPSERT_USERS, {"batch_size": 1.5}, "batch_size is 1.5; it is a whole number"),
    (SYNC, {"max_removals": float("nan")}, "max_removals is nan; it is a number of at least 0"),
    (UPSERT_USERS, {"encoding": "latin-99"}, "encoding is 'latin-99'; it is the name of an encoding"),
    (UPSERT_USERS, {"delimiter": "::"}, "delimiter is '::'; it is one character"),
    (UPSERT_USERS, {"delimiter": "\n"}, "it is one character"),
    (SYNC, {"max_removals": float("inf")}, "max_removals is inf; it is a number of at least 0"),
    (UPSERT_USERS, {"match_by": "{{ 'shoe_size' }}"}, "match_by is 'shoe_size'; it can be employee_number"),
    (
        LOGIN_URL,
        {"expires_in": "soon"},
        "expires_in is 'soon'; it can be day or week or month or year or never or disabled",
    ),
    (SCHEDULE_LESSONS, {"grace_period": -1}, "grace_period: Input should be greater than or equal to 0"),
    (SCHEDULE_LESSONS, {"grace_period": "two weeks"}, "grace_period: Input should be a valid integer"),
    (
        SCHEDULE_LESSONS,
        {"grace_period_unit": "weeks"},
        "grace_period_unit is 'weeks'; it can be days or months",
    ),
    (CERTIFICATE, {"on_missing": "ignore"}, "on_missing is 'ignore'; it can be fail or skip"),
    # ids
    (
        SYNC,
        {"user_ids": {"id": 7}},
        "user_ids: it is a dict; it must be an id, a list of ids, or a string such",
    ),
    # timestamps
    (SCHEDULE_LESSONS, {"schedule_date": NAIVE}, "schedule_date: 2030-03-01T09:00:00 has no time zone"),
    (SCHEDULE_LESSONS, {"schedule_date": "soon"}, "schedule_date: Input should be a valid datetime"),
    (COMPLETE_LESSON, {"completed_date": NAIVE}, "completed_date: 2030-03-01T09:00:00 has no time zone"),
    (CREATE_ILT_SESSION, {"start_datetime": NAIVE}, "start_datetime: 2030-03-01T09:00:00 has no time zone"),
    (
        CREATE_ILT_SESSION,
        {"end_datetime": datetime.fromisoformat("2030-03-01T13:00:00")},
        "end_datetime: 2030-03-01T13:00:00 has no time zone",
    ),
    (
        CREATE_ILT_SESSION,
        {"end_datetime": "2030-03-01T08:00:00+08:00"},
        "is before start_datetime, 2030-03-01T09:00:00+08:00",
    ),
    # people
    (UPSERT_USERS, {"users": ["Ada"]}, "users: 1 bad rows, no user was imported:\n  row 1: is a str"),
    (UPSERT_USERS, {"users": "Ada"}, "users is a str, not a list"),
    (UPSERT_USERS, {"users": {"first_name": "Ada"}}, "users is a dict, not a list"),
    (UPSERT_USERS, {"users": 7}, "users is a int, not a list"),
    (UPSERT_USERS, {"users": "{{ nobody }}"}, "users is a str, not a list"),
    (UPSERT_USERS, {"users": [{"first_name": "Ada", "password": "x"}]}, "a password in an operator's"),
    (UPSERT_USERS, NO_FILE | {"users": None}, "users_path '/no/such/file.csv' cannot be opened: "),
    (UPSERT_USERS, {"users": None, "users_path": 7}, "users_path is 7; it is the path or URL of a file"),
    (UPSERT_USERS, {"users": [{"first_name": "Ada"}]}, "row 1: employee_number and last_name missing"),
    (CREATE_USER, {"user": {"firstName": "Ada", "shoeSize": 38}}, "shoeSize: Extra inputs are not permitted"),
    (
        CREATE_USER,
        {"user": {"firstName": "Ada"}},
        "A user needs an employee_number, an email_address or a user",
    ),
    (CREATE_USER, {"user": {}}, "A user needs an employee_number, an email_address or a user_name"),
    (CREATE_USER, {"user": "Ada"}, "user is a str, not names and values"),
    (
        CREATE_USER,
        {"user": {"user_name": "ada", "roles": [1]}},
        "roles.0: it is no role; roles are ADMIN (3), EDITOR (4), SUPERVISOR (5), TRAINEE (6), ",
    ),
    (UPDATE_USER, {"changes": "Ada"}, "changes is a str, not names and values"),
    (UPDATE_USER, {"changes": {"shoeSize": 38}}, "shoeSize: Extra inputs are not permitted"),
    (UPDATE_USER, {"changes": {"first_name": None}}, "first_name"),
    (UPDATE_USER, {"changes": {"send_welcome_email": True}}, "send_welcome_email"),
    (SAVE_PROGRESS, {"user_ids": None, "progress": {}}, "progress is empty"),
    (SAVE_PROGRESS, {"user_ids": None, "progress": {"Ada": {}}}, "progress.Ada"),
    (SAVE_PROGRESS, {"user_ids": None, "progress": {1015: {"late": True}}}, "progress.1015.late"),
    (SAVE_PROGRESS, {"user_ids": None, "progress": {1015: {"passed": "maybe"}}}, "progress.1015.passed"),
    # what an update changes
    (UPDATE_SESSION, dict.fromkeys(UPDATE_SESSION_CHANGES), "give at least one of instructor_id, instruct"),
    (UPDATE_GROUP, dict.fromkeys(UPDATE_GROUP_CHANGES), "give at least one of name, description, parent_id"),
    (UPDATE_GROUP, {"parent_id": "x", "name": 7}, "name: Input should be a valid string, not a number; pare"),
    # files
    (LOGIN_URL, {"path": 7}, "path is 7; it is the path or URL of a file"),
    (LOGIN_URL, {"path": "/dev/null/url.txt"}, "path is '/dev/null/url.txt', but /dev/null is not a folder"),
    (EMBED_URL, {"path": "/dev/null/"}, "path is '/dev/null/'; it is the path or URL of a file"),
    (CERTIFICATE, {"path": 7}, "path is 7; it is the path or URL of a file"),
    (CERTIFICATE, {"path": "/dev/null/"}, "but /dev/null is not a folder"),
    (CALL, {"path": "nowhere://x"}, "path 'nowhere://x' cannot be written: "),
    # strings
    (
        CREATE_GROUP,
        {"name": 7},
        "render_template_as_native_obj turns strings into numbers, and quotes keep them",
    ),
    (
        CREATE_USER,
        {"user": {"employee_number": 120000.5, "first_name": 7}},
        "first_name: Input should be a valid string, not a number; employee_number: Input should be a valid",
    ),
    (CREATE_GROUP, {"name": ""}, "name"),
    (CREATE_GROUP, {"name": 7}, "CreateGroup was not sent: name: Input should be a valid string"),
    (UPDATE_SESSION, {"number_of_places": "few"}, "number_of_places: Input should be a valid integer"),
    (
        UPDATE_SESSION,
        {"number_of_places": -1},
        "number_of_places: Input should be greater than or equal to 0",
    ),
    (SCHEDULE_LESSONS, {"lesson_ids": None, "lesson_names": []}, "lesson_names is empty"),
    (SCHEDULE_LESSONS, {"lesson_ids": None, "lesson_names": [7]}, "lesson_names is [7]; it is texts"),
    (SCHEDULE_LESSONS, {"lesson_ids": None, "lesson_names": ["A", " "]}, "lesson_names is empty, or"),
    (
        SCHEDULE_LESSONS,
        {"lesson_ids": None, "lesson_names": ["A", "A"]},
        "duplicate values: A",
    ),
    (SAVE_PROGRESS, {"user_ids": None, "progress": {7: {}, "7": {}}}, "progress: duplicate values: 7"),
]


@pytest.mark.parametrize(("case", "changes", "why"), INVALID, ids=str)
def test_wrong_argument_is_reported_and_nothing_is_sent(
    case: OperatorCase, changes: dict[str, Any], why: str, damstra_emulator: DamstraEmulator
) -> None:
    assert why in rejection_message(case.operator, {**case.arguments, **changes})
    assert damstra_emulator.journal() == []


def test_all_invalid_arguments_are_reported_together(damstra_emulator: DamstraEmulator) -> None:
    wrong = {"user_ids": "x", "lesson_ids": [7, 7], "grace_period": -1, "schedule_date": NAIVE}
    why = rejection_message(SCHEDULE_LESSONS.operator, {**SCHEDULE_LESSONS.arguments, **wrong})
    assert [name for name in wrong if f"{name}" not in why] == []
    assert damstra_emulator.journal() == []


@pytest.mark.parametrize(
    "secret", [{"Password": "x"}, {"users": [{"password": "x"}]}, {"a": {"b": ({"password": "x"},)}}], ids=str
)
def test_password_is_rejected_at_any_depth(secret: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a password in an operator's arguments would be kept"):
        DamstraCallOperator(task_id="refused", endpoint="BulkUserImport", arguments=secret)


NO_ID = ["seven", "", "None", 0, -7, 1.5, True, [1, 2], {"id": 7}, "1,2"]
NO_IDS = ["one,two", "", "[]", "None", [], 0, [0], True, [True], 1.5, [1.5], {"id": 7}, None]
UNKNOWN_ID = 999
REMOVING = ("DamstraRemove", "DamstraDeregister")


def arguments_that_end_in(ending: str) -> dict[str, tuple[OperatorCase, str]]:
    """Return a case for each operator's arguments of this name."""
    found = [(case, name) for case in CASES for name in case.arguments if name.endswith(ending)]
    return {f"{case.operator.__name__}.{name}": (case, name) for case, name in reversed(found)}


ONE = arguments_that_end_in("_id")
MANY = arguments_that_end_in("_ids")


@pytest.mark.parametrize(("case", "name"), ONE.values(), ids=list(ONE))
def test_invalid_id_is_rejected(case: OperatorCase, name: str, damstra_emulator: DamstraEmulator) -> None:
    for wrong in NO_ID:
        why = rejection_message(case.operator, {**case.arguments, name: wrong})
        assert f"{name}: " in why, wrong
    assert damstra_emulator.journal() == []


@pytest.mark.parametrize(("case", "name"), MANY.values(), ids=list(MANY))
def test_invalid_id_list_is_rejected(
    case: OperatorCase, name: str, damstra_emulator: DamstraEmulator
) -> None:
    for wrong in NO_IDS:
        why = rejection_message(case.operator, {**case.arguments, name: wrong})
        assert name in why, wrong
    assert damstra_emulator.journal() == []


@pytest.mark.parametrize("twice", [[1011, 1012, "1011"], "1011,1012,1011"], ids=repr)
@pytest.mark.parametrize(("case", "name"), MANY.values(), ids=list(MANY))
def test_duplicate_id_is_named(
    case: OperatorCase, name: str, twice: Any, damstra_emulator: DamstraEmulator
) -> None:
    why = rejection_message(case.operator, {**case.arguments, name: twice})
    assert f"{name}: duplicate values: 1011" in why
    assert damstra_emulator.journal() == []


# A user to remove who does not exist is absent afterwards.
NEEDED = {name: one for name, one in {**ONE, **MANY}.items() if not name.startswith(REMOVING)}


@pytest.mark.parametrize(("case", "name"), NEEDED.values(), ids=list(NEEDED))
def test_unknown_id_is_named_and_nothing_is_changed(
    case: OperatorCase, name: str, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    assert str(UNKNOWN_ID) in error_message(
        case.create_operator(tmp_path, **{name: UNKNOWN_ID}), DamstraNotFoundError
    )
    assert changes_in(damstra_emulator) == {}


USER_LIST_CASES = [
    case for case in CASES if issubclass(case.operator, OnEmptyMixin) and "user_ids" in case.arguments
]
EMPTY: list[Any] = [[], (), "", "[]", " ", "[ ]", "()", [[], []]]


def test_operators_with_user_lists_are_known() -> None:
    verbs = {
        case.operator.__name__.removeprefix("Damstra").removesuffix("Operator") for case in USER_LIST_CASES
    }
    assert verbs == {
        "AddGroupMembers",
        "AddGroupSupervisors",
        "DeregisterIltSessionUsers",
        "RegisterIltSessionUsers",
        "RemoveGroupMembers",
        "RemoveGroupSupervisors",
        "SaveIltSessionProgress",
        "ScheduleLessons",
        "TrainingGate",
    }


@pytest.mark.parametrize("empty", EMPTY, ids=repr)
@pytest.mark.parametrize("case", USER_LIST_CASES, ids=str)
def test_empty_list_is_skipped_only_with_on_empty_skip(
    case: OperatorCase, empty: Any, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    with pytest.raises(AirflowSkipException, match="user_ids is empty: there is nothing to do"):
        run(case.create_operator(tmp_path, user_ids=empty, on_empty="skip"))
    with pytest.raises(
        AirflowFailException,
        match=r"^user_ids is empty; if that can be right, on_empty='skip' skips the task$",
    ):
        run(case.create_operator(tmp_path, user_ids=empty))
    assert damstra_emulator.journal() == []


def test_on_empty_skip_does_not_affect_lists_with_users(
    damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    case = USER_LIST_CASES[0]
    assert run(case.create_operator(tmp_path, on_empty="skip")).value
    with pytest.raises(ValueError, match="on_empty is 'ignore'; it can be fail or skip"):
        case.create_operator(tmp_path, on_empty="ignore")

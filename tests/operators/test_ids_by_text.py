"""Users by employee number or e-mail address, and lessons by name, instead of ids."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from airflow_provider_damstra.endpoints import BulkUserImport
from airflow_provider_damstra.errors import DamstraConflictError, DamstraNotFoundError
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.id_arguments import ID_ARGUMENTS
from airflow_provider_damstra.operators.user_arguments import OnEmptyMixin
from tests.emulator.api_client import SITE_INDUCTION
from tests.operators.all_cases import CASES, operator_classes
from tests.operators.lesson_session_cases import (
    COMPLETE_LESSON,
    CREATE_ILT_SESSION,
    LESSONS,
    SCHEDULE_LESSONS,
)
from tests.operators.operator_case import changes_in
from tests.operators.task_runner import error_message, rejection_message, run
from tests.operators.user_group_cases import ADA, ADD_MEMBERS

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.operators.operator_case import OperatorCase, Scenario

UPDATE_USER, UPDATE_SESSION, SYNC = (
    next(case for case in CASES if case.operator.__name__ == f"Damstra{name}Operator")
    for name in ("UpdateUser", "UpdateIltSession", "SyncGroupMembers")
)
BY_TEXT = [
    pytest.param(case, name, id=f"{case} {name}")
    for case in CASES
    for name, (id_argument, _) in ID_ARGUMENTS.items()
    if id_argument in case.arguments and name in case.operator.template_fields
]


def step_of(case: OperatorCase, **arguments: Any) -> Any:
    """Return a new operator of the class of a case."""
    kind: Any = case.operator
    return kind(task_id="step", **arguments)


def text_for(name: str, object_id: int, api: ApiClient) -> str:
    """Return the text that identifies an object, not in the spelling that Damstra has."""
    if "lesson" in name:
        rows = api.get_json("/lesson", lessonIds=object_id)["results"]
        return f" {rows[-1]['name'].upper()} "
    user = api.get_json(f"/user/{object_id}")
    text: str = user["employeeNumber"] if "employee_number" in name else user["emailAddress"]
    return f" {text.swapcase()} "


@pytest.mark.parametrize(("case", "name"), BY_TEXT)
def test_text_in_any_case_has_the_effect_of_the_id(scenario: Scenario, name: str, api: ApiClient) -> None:
    id_argument, _ = ID_ARGUMENTS[name]
    ids = scenario.case.arguments[id_argument]
    is_list = id_argument.endswith("s")
    texts = [text_for(name, one, api) for one in (ids if isinstance(ids, list) else [ids])]
    scenario.emulator.clear_journal()
    scenario.verify(scenario.run(**{id_argument: None, name: texts if is_list else texts[0]}))


def test_every_operator_that_takes_users_or_lessons_accepts_texts() -> None:
    for kind in operator_classes():
        fields = set(kind.template_fields)
        for name, (id_argument, _) in ID_ARGUMENTS.items():
            assert id_argument not in fields or name in fields, (kind, name)


def test_all_unknown_and_ambiguous_texts_are_reported_before_anything_is_changed(
    damstra_emulator: DamstraEmulator,
) -> None:
    twins = [{**ADA, "userName": name, "emailAddress": f"{name}@example.com"} for name in ("ada", "augusta")]
    DamstraHook().call(BulkUserImport(users=twins, merge_type="none"))
    damstra_emulator.clear_journal()
    step = step_of(
        SCHEDULE_LESSONS, employee_numbers="E1011,X1,E9001,X2", lesson_names=["Site Induction", "Induktion"]
    )
    assert error_message(step, DamstraNotFoundError) == (
        "No user has the employee number 'X1', 'X2'. "
        "No lesson is named 'Induktion' (did you mean 'Site Induction'?). "
        "2 users have the employee number 'E9001' (1041, 1042). Nothing was changed."
    )
    assert changes_in(damstra_emulator) == {}


def test_misspelt_lesson_name_is_answered_with_nearest_name_of_listing_read_anyway(
    damstra_emulator: DamstraEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    step = step_of(SCHEDULE_LESSONS, employee_numbers=["E1011"], lesson_names=["Site Inducton", "Zzz"])
    with caplog.at_level(logging.INFO):
        why = error_message(step, DamstraNotFoundError)
    assert "No lesson is named 'Site Inducton' (did you mean 'Site Induction'?), 'Zzz'." in why
    assert len(damstra_emulator.journal(path="/lesson")) == 3
    assert "Looked up" not in caplog.text


HINTS: list[tuple[OperatorCase, dict[str, Any], str]] = [
    (SCHEDULE_LESSONS, {"lesson_ids": ["Site Induction"]}, "take other texts as lesson_names"),
    (ADD_MEMBERS, {"user_ids": ["E1"]}, "take other texts as employee_numbers or email_addresses"),
    (UPDATE_USER, {"user_id": "E1"}, "take other texts as employee_number or email_address"),
    (ADD_MEMBERS, {"group_id": "Pit Crew A"}, "DamstraHook().iterate(ListGroups(q='...')) finds a group"),
]


@pytest.mark.parametrize(("case", "changes", "hint"), HINTS, ids=str)
def test_text_instead_of_id_is_answered_with_its_argument(
    case: OperatorCase, changes: dict[str, Any], hint: str, damstra_emulator: DamstraEmulator
) -> None:
    assert hint in rejection_message(case.operator, {**case.arguments, **changes})
    assert damstra_emulator.journal() == []


def test_error_shows_first_texts(damstra_emulator: DamstraEmulator) -> None:
    step = step_of(ADD_MEMBERS, group_id=102, employee_numbers=[f"X{number}" for number in range(25)])
    message = error_message(step, DamstraNotFoundError)
    assert message.endswith("'X18', 'X19', and 5 more. Nothing was changed.")


def test_texts_are_looked_up_once_per_task(damstra_emulator: DamstraEmulator) -> None:
    step = step_of(
        COMPLETE_LESSON,
        employee_number="E1011",
        lesson_name="Haul Truck Pre-start Checks",
        completed_date="2025-03-01T09:00:00+08:00",
        manually_completed_by_email_address="data.import@example.com",
    )
    assert run(step).value
    assert len(damstra_emulator.journal(path="/user")) == 2
    assert len(damstra_emulator.journal(path="/lesson")) == 1


def lesson_row(lesson_id: int, name: str, status: str) -> dict[str, Any]:
    return {"lessonId": lesson_id, "lessonVersionId": 10 * lesson_id, "name": name, "status": status}


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([lesson_row(301, "Lift, Sling", "active"), lesson_row(302, "lift, sling", "active")], 301),
        ([lesson_row(301, "LIFT, SLING", "inactive"), lesson_row(302, "lift, sling", "active")], 302),
        ([lesson_row(301, "Lift, Sling, Tie", "active"), lesson_row(302, "lift, sling ", "inactive")], 302),
        ([lesson_row(301, "LIFT, SLING", "active"), lesson_row(302, "lift, sling", "active")], None),
        ([lesson_row(301, "Lift, Sling", "never"), lesson_row(302, "Lift, Sling", "never")], None),
    ],
    ids=["exact spelling", "active", "whole name", "ambiguous", "ambiguous and inactive"],
)
def test_name_is_that_of_the_exact_and_active_lesson(
    rows: list[dict[str, Any]], found: int | None, damstra_emulator: DamstraEmulator
) -> None:
    body = {"results": rows, "meta": {"totalResultCount": len(rows), "startIndex": 0, "endIndex": 1}}
    damstra_emulator.add_fault("status", status=200, path="/lesson", body=body)
    arguments = {**CREATE_ILT_SESSION.arguments, "lesson_id": None, "lesson_name": "Lift, Sling"}
    step = step_of(CREATE_ILT_SESSION, **arguments)
    if found is None:
        why = "2 lessons are named 'Lift, Sling' (301, 302): name one by id. Nothing was changed."
        assert error_message(step, DamstraConflictError) == why
    else:
        assert str(found) in error_message(step, DamstraNotFoundError)
    assert changes_in(damstra_emulator) == {}


@pytest.mark.parametrize(
    "names",
    ["{{ names }}", ["{{ names[0] }}", "{{ names[1] }}"], [["Site Induction"], ["Working at Heights"]]],
)
def test_lesson_names_are_accepted_in_any_form(names: Any, damstra_emulator: DamstraEmulator) -> None:
    step = step_of(SCHEDULE_LESSONS, user_ids=[1008], lesson_names=names)
    assert run(step, names=["Site Induction", "Working at Heights"]).value
    (request,) = damstra_emulator.journal(method="POST")
    assert request["body"]["lessonVersionIds"] == [SITE_INDUCTION, 2003]


NO_USERS = {"user_ids": None}
NO_USER = {"user_id": None}
INVALID: list[tuple[OperatorCase, dict[str, Any], str]] = [
    (SYNC, NO_USERS, "give exactly one of user_ids, employee_numbers, email_addresses; given: none"),
    (SYNC, {"employee_numbers": ["E1"]}, "email_addresses; given: user_ids, employee_numbers"),
    (UPDATE_USER, {"employee_number": "E1"}, "given: user_id, employee_number"),
    (CREATE_ILT_SESSION, {"lesson_name": "A"}, "exactly one of lesson_id, lesson_name; given: lesson_id, "),
    (CREATE_ILT_SESSION, {"instructor_id": None}, "instructor_email_address; given: none"),
    (UPDATE_SESSION, {"instructor_email_address": "a@b.c"}, "give at most one of instructor_id, instructor"),
    (COMPLETE_LESSON, {"manually_completed_by_user_id": None}, "by_email_address; given: none"),
    (SYNC, {**NO_USERS, "employee_numbers": [True]}, "employee_numbers is [True]; it is texts"),
    (SYNC, {**NO_USERS, "employee_numbers": []}, "employee_numbers is empty, so all members of"),
    (SYNC, {**NO_USERS, "employee_numbers": ["E1", " "]}, "employee_numbers is empty, or has an empty"),
    (SYNC, {**NO_USERS, "employee_numbers": ["E1", "e1 "]}, "employee_numbers: duplicate values: E1, e1"),
    (SYNC, {**NO_USERS, "email_addresses": {"a": 1}}, "email_addresses: it is a dict"),
    (SYNC, {**NO_USERS, "email_addresses": [7]}, "email_addresses is [7]; it is texts; render_template"),
    (UPDATE_USER, {**NO_USER, "employee_number": ["E1"]}, "employee_number is ['E1']; it is one text"),
    (UPDATE_USER, {**NO_USER, "email_address": " "}, "email_address is empty, or has an empty text"),
    (COMPLETE_LESSON, {**NO_USER, "employee_number": "E1", "completed_date": "soon"}, "completed_date: "),
]


@pytest.mark.parametrize(("case", "changes", "why"), INVALID, ids=str)
def test_wrong_argument_is_reported_and_nothing_is_sent(
    case: OperatorCase, changes: dict[str, Any], why: str, damstra_emulator: DamstraEmulator
) -> None:
    assert why in rejection_message(case.operator, {**case.arguments, **changes})
    assert damstra_emulator.journal() == []


@pytest.mark.needs_airflow("3.2")
def test_missing_output_of_another_task_is_reported(damstra_emulator: DamstraEmulator) -> None:
    step = step_of(SYNC, **{**SYNC.arguments, "user_ids": "{{ none }}"})
    step.render_template_as_native_obj = True
    with pytest.raises(AirflowFailException, match="user_ids: it is None instead of ids: did the task that"):
        run(step)
    assert damstra_emulator.journal() == []


@pytest.mark.parametrize("name", ["employee_numbers", "email_addresses"])
@pytest.mark.parametrize("case", [ADD_MEMBERS, *LESSONS[:1]], ids=str)
def test_empty_list_of_texts_is_skipped_with_on_empty_skip(
    case: OperatorCase, name: str, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    assert issubclass(case.operator, OnEmptyMixin)
    with pytest.raises(AirflowSkipException, match=f"{name} is empty: there is nothing to do"):
        run(case.create_operator(tmp_path, user_ids=None, on_empty="skip", **{name: "[]"}))
    assert damstra_emulator.journal() == []

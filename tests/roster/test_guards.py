"""Guards: limits, an empty extract, and users who are never inactivated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.errors import DamstraConflictError, DamstraNotFoundError
from tests.emulator.api_client import DATA_IMPORT, OWNER
from tests.operators.task_runner import error_message, fail_fast_message, rejection_message, run
from tests.roster.sync import CREW_IDS, operator, row, sent_writes

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

ADMIN = 1003
ADMINS: dict[str, Any] = {"filters": {"role_id": 3}, "users": [], "allow_empty": True}
STAYING = [row(user_id) for user_id in CREW_IDS[:4]]


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"max_inactivations": 1}, "2 users would be inactivated, 6 users in the scope are active, and max_"),
        ({"max_inactivations": 0}, "max_inactivations allows 0"),
        ({"max_inactivations": 0.3}, "max_inactivations allows 0.3"),
        ({"max_inactivations": 0.1}, "max_inactivations allows 0.1"),
        ({"max_creations": 0}, "1 users would be created"),
        ({"max_inactivations": 1, "max_creations": 0}, "2 users would be inactivated"),
    ],
)
def test_limit_stops_the_plan_before_any_change(
    limits: dict[str, Any], message: str, dry_run: bool, damstra_emulator: DamstraEmulator
) -> None:
    step = operator([*STAYING, row("E9")], dry_run=dry_run, **limits)
    assert message in error_message(step, DamstraConflictError)
    assert sent_writes(damstra_emulator) == []


@pytest.mark.parametrize(
    "limits",
    [{"max_inactivations": 2}, {"max_inactivations": 0.34}, {"max_creations": 1}, {"max_creations": 0.01}],
    ids=str,
)
def test_limit_allows_its_number(limits: dict[str, Any], damstra_emulator: DamstraEmulator) -> None:
    counts = run(operator([*STAYING, row("E9")], **limits)).value["counts"]
    assert (counts["inactivated"], counts["created"]) == (2, 1)


def test_share_allows_one_user(damstra_emulator: DamstraEmulator) -> None:
    rows = [row(user_id) for user_id in CREW_IDS[:-1]]
    assert run(operator(rows, max_inactivations=0.01)).xcoms["inactivated"] == [CREW_IDS[-1]]


def test_default_stops_a_truncated_extract(damstra_emulator: DamstraEmulator) -> None:
    step = operator(STAYING, max_inactivations=0.1)
    assert type(step)(task_id="step", users=STAYING, group_id=102).max_inactivations == 0.1
    assert "Is the extract complete" in error_message(step, DamstraConflictError)


def test_empty_extract_fails_unless_it_is_allowed(damstra_emulator: DamstraEmulator) -> None:
    assert "users is empty" in fail_fast_message(operator([]))
    assert damstra_emulator.journal() == []
    assert run(operator([], allow_empty=True)).xcoms["inactivated"] == list(CREW_IDS)


def test_owner_and_admins_are_not_inactivated(damstra_emulator: DamstraEmulator) -> None:
    outcome = run(operator(**ADMINS))
    assert outcome.xcoms["inactivated"] == []
    assert outcome.xcoms["protected"] == [OWNER, DATA_IMPORT, ADMIN]
    assert sent_writes(damstra_emulator) == []


def test_named_admin_is_inactivated(damstra_emulator: DamstraEmulator) -> None:
    outcome = run(operator(**ADMINS, allow_inactivation_of=[ADMIN]))
    assert outcome.xcoms["inactivated"] == [ADMIN]
    assert outcome.xcoms["protected"] == [OWNER, DATA_IMPORT]


@pytest.mark.parametrize("name", ["1011", "e1011", "liam.murphy@example.com", "L.Murphy"])
def test_protected_user_is_not_inactivated(name: str, damstra_emulator: DamstraEmulator) -> None:
    outcome = run(operator([], allow_empty=True, protected_users=[name], allow_inactivation_of=[1011]))
    assert outcome.xcoms["protected"] == [1011]
    assert outcome.xcoms["inactivated"] == list(CREW_IDS[1:])


def test_unknown_protected_user_is_an_error_before_any_change(damstra_emulator: DamstraEmulator) -> None:
    step = operator(STAYING, protected_users=["1011", "nosuch@example.com"])
    assert "there is no user 'nosuch@example.com'" in error_message(step, DamstraNotFoundError)
    assert sent_writes(damstra_emulator) == []


@pytest.mark.parametrize("name", ["group_id", "filters", "protected_users", "plan_digest"])
def test_argument_that_is_rendered_to_none_is_an_error_and_not_another_scope(
    name: str, damstra_emulator: DamstraEmulator
) -> None:
    value = {"filters": {"role_id": 6}}.get(name, "{{ none }}")
    step = operator(STAYING, **{name: value})
    setattr(step, name, None)  # as native objects and XComs are rendered
    assert f"{name} is None: did the task" in fail_fast_message(step)
    assert damstra_emulator.journal() == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give exactly one of scope, group_id, filters"),
        ({"scope": "all", "group_id": 102}, "give exactly one of"),
        ({"scope": "all", "include_child_groups": True}, "has no effect without group_id"),
        ({"scope": "all", "group_mapping": {}}, "has no effect without group_column"),
        ({"scope": "all", "create_groups": True}, "has no effect without group_column"),
        ({"scope": "all", "manager_column": "m"}, "needs group_column or group_id"),
        ({"group_id": 102, "group_column": "g", "create_groups": True}, "needs include_child_groups"),
        ({"scope": "all", "max_inactivations": -1}, "max_inactivations is -1"),
        ({"scope": "all", "dry_run": "maybe"}, "dry_run is 'maybe'"),
        ({"filters": {}}, "filters selects all users"),
        ({"filters": {"role_id": None}}, "filters selects all users"),
        ({"filters": {"q": " "}}, "filters selects all users"),
        ({"filters": {"active_value": "all"}}, "filters selects all users"),
        ({"filters": {"rolle": 6}}, "rolle"),
        (
            {"scope": "all", "group_column": "g", "parent_group_id": "x"},
            "parent_group_id is 'x'; it is one id",
        ),
        (
            {"users": [row(1011, g="A")], "scope": "all", "group_column": "g", "group_mapping": {"A": 1.5}},
            "group_mapping has a float",
        ),
        (
            {
                "users": [row(1011, g="A")],
                "scope": "all",
                "group_column": "g",
                "group_mapping": {"Pit": 102, "pit ": 103},
            },
            "group_mapping has two texts that differ in case or blanks only",
        ),
        ({"scope": "all", "group_column": "g"}, "no row has a value in the column 'g'"),
    ],
    ids=str,
)
def test_invalid_arguments_are_rejected(
    arguments: dict[str, Any], message: str, damstra_emulator: DamstraEmulator
) -> None:
    kind = type(operator([]))
    assert message in rejection_message(kind, {"users": [row(1011)], **arguments})
    assert sent_writes(damstra_emulator) == []

"""Lessons, groups and users that training rules name, looked up on the emulator."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.endpoints import CreateGroup, GetUser, UpdateGroup
from airflow_provider_damstra.errors import DamstraNotFoundError
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.requirements.resolution import ResolvedRules, resolve_rules
from airflow_provider_damstra.requirements.rules_file import parse_rules

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

LIAM, OLIVIA, OWNER = 1011, 1012, 1001
MINE, CREW_A, CREW_B, HAUL_TRUCKS = 101, 102, 103, 104
INDUCTION, HEIGHTS, HANDLING = 201, 202, 203


def resolve(*rules: dict[str, Any]) -> ResolvedRules:
    return resolve_rules(DamstraHook(), *parse_rules(list(rules), source="rules"))


def problems_of(*rules: dict[str, Any]) -> str:
    with pytest.raises(DamstraNotFoundError) as error:
        resolve(*rules)
    return str(error.value)


def lessons_of(rules: ResolvedRules, user_id: int) -> list[int]:
    user = DamstraHook().call(GetUser(user_id=user_id))
    return [one.lesson_id for one in rules.requirements_of(user)]


def test_requirement_has_ids_and_newest_active_version(damstra_emulator: DamstraEmulator) -> None:
    rules = resolve(
        {
            "lessons": [" site induction ", HEIGHTS, "Shotfirer Refresher 2019"],
            "all": True,
            "valid_for": "12 months",
            "grace_period": "2 weeks",
            "versions": "current",
        },
        {"name": "Handling", "lessons": [HANDLING], "roles": ["owner"]},
    )
    induction, heights, shotfirer, handling = rules.requirements
    assert (induction.lesson_id, induction.lesson_name, induction.lesson_version_id) == (
        INDUCTION,
        "Site Induction",
        2002,
    )
    assert (heights.lesson_version_id, heights.can_be_scheduled) == (2003, True)
    assert (shotfirer.lesson_version_id, shotfirer.can_be_scheduled) == (2008, False)
    assert induction.rule == "site induction, 202, Shotfirer Refresher 2019"
    assert (induction.grace_period, induction.current_version_only) == ((14, "days"), True)
    assert (handling.rule, handling.position, handling.valid_for) == ("Handling", "requirements[1]", None)
    assert rules.lesson_ids == {INDUCTION, HEIGHTS, HANDLING, 206}


@pytest.mark.parametrize(
    ("audience", "is_for"),
    [
        ({"all": True}, {LIAM, OLIVIA, OWNER}),
        ({"groups": ["pit crew a"]}, {LIAM}),
        ({"groups": [MINE]}, {LIAM, OLIVIA}),
        ({"groups": [CREW_A, CREW_B]}, {LIAM, OLIVIA}),
        ({"roles": ["owner", "editor"]}, {OWNER}),
        ({"users": [LIAM, "e1012", "MARGARET.kelly@example.com"]}, {LIAM, OLIVIA, OWNER}),
    ],
)
def test_rule_is_for_its_audience(
    damstra_emulator: DamstraEmulator, audience: dict[str, Any], is_for: set[int]
) -> None:
    rules = resolve({"lessons": [HANDLING], **audience})
    assert {one for one in (LIAM, OLIVIA, OWNER) if lessons_of(rules, one)} == is_for


def test_child_groups_of_any_depth_are_included_on_demand(damstra_emulator: DamstraEmulator) -> None:
    hook = DamstraHook()
    top = hook.call(CreateGroup(name="Top", description="")).id
    middle = hook.call(CreateGroup(name="Middle", description="", parent_id=top)).id
    hook.call(UpdateGroup(group_id=CREW_A, name="Pit Crew A", description="", parent_id=middle))
    rule = {"lessons": [HANDLING], "groups": ["Top"]}
    assert lessons_of(resolve(rule), LIAM) == []
    assert lessons_of(resolve({**rule, "include_child_groups": True}), LIAM) == [HANDLING]


def test_requirements_follow_order_of_rules(damstra_emulator: DamstraEmulator) -> None:
    rules = resolve(
        {"lessons": [HEIGHTS, INDUCTION], "groups": [CREW_A]},
        {"lessons": [HANDLING], "groups": [CREW_B]},
        {"lessons": [INDUCTION], "all": True},
    )
    assert lessons_of(rules, LIAM) == [HEIGHTS, INDUCTION, INDUCTION]
    assert lessons_of(rules, OLIVIA) == [HANDLING, INDUCTION]


def test_all_bad_names_are_reported_with_positions(damstra_emulator: DamstraEmulator) -> None:
    DamstraHook().call(CreateGroup(name="Twin", description="", parent_id=MINE))
    DamstraHook().call(CreateGroup(name="twin", description="", parent_id=CREW_A))
    message = problems_of(
        {"lessons": ["Site Inductoin", 999], "groups": ["TWIN", "Pit Crew C", 999]},
        {"lessons": [HANDLING], "users": [999, "E1", "unknown@example.com", "E1011"]},
        {"lessons": ["manual handling"], "all": True},
    )
    for expected in (
        "rules: 8 problems:",
        "requirements[0].lessons[0]: no lesson is named 'Site Inductoin'; did you mean 'Site Induction'?",
        "requirements[0].lessons[1]: there is no lesson 999",
        "requirements[0].groups[0]: 2 groups are named 'TWIN' (",
        "requirements[0].groups[1]: no active group is named 'Pit Crew C'; did you mean 'Pit Crew ",
        "requirements[0].groups[2]: there is no active group 999",
        "requirements[1].users[0]: there is no user 999; an employee number is in quotes",
        "requirements[1].users[1]: no user has the employee number 'E1'",
        "requirements[1].users[2]: no user has the e-mail address 'unknown@example.com'",
        "Nothing was changed.",
    ):
        assert expected in message


def test_lesson_named_twice_for_the_same_people_is_a_contradiction(damstra_emulator: DamstraEmulator) -> None:
    message = problems_of(
        {"lessons": [HANDLING], "groups": ["Pit Crew A"]},
        {"lessons": ["Manual Handling"], "groups": [CREW_A]},
        {"lessons": ["Manual Handling"], "groups": [CREW_B]},
        {"lessons": [INDUCTION, "Site Induction"], "all": True},
    )
    assert "rules: 2 problems:" in message
    assert (
        "requirements[1]: requirements[0] is about lesson 'Manual Handling' (id 203) and the same people"
        in message
    )
    assert "requirements[3]: requirements[3] is about lesson 'Site Induction' (id 201)" in message


def test_rules_need_few_requests(damstra_emulator: DamstraEmulator) -> None:
    rules: list[dict[str, Any]] = [
        {"lessons": [INDUCTION, HEIGHTS], "groups": [MINE]},
        {"lessons": [HANDLING], "groups": [CREW_A, HAUL_TRUCKS], "include_child_groups": True},
        {"lessons": [HANDLING], "all": True},
    ]
    resolve(*rules)
    assert Counter(entry["path"] for entry in damstra_emulator.journal()) == {"/lesson": 1, "/group": 1}

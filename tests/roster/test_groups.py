"""Groups of an extract: names, ids and mapping, errors, and from which groups people are removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.errors import DamstraConflictError
from airflow_provider_damstra.services.roster import groups
from tests.operators.task_runner import error_message, run
from tests.roster.sync import CREW_IDS, operator, row, sent_writes

if TYPE_CHECKING:
    from airflow_provider_damstra.operators.roster import DamstraSyncUsersOperator
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient

LIAM = 1011
SITE, CREW_A, CREW_B, HAUL_TRUCKS, SCAFFOLDERS = 101, 102, 103, 104, 107
ONE = {"filters": {"emp_id": "E1011"}, "group_column": "group"}
"""Liam, a member of the site and of crew A, is the scope."""

NEW_GROUP = 109


def groups_of(api: ApiClient, user_id: int = LIAM) -> list[int]:
    return [group["id"] for group in api.get_json(f"/user/{user_id}")["groups"]]


def liam(group: Any) -> dict[str, Any]:
    return row(LIAM, "Liam", "Murphy", group=group)


@pytest.mark.parametrize(
    ("text", "arguments", "expected"),
    [
        ("Pit Crew B", {}, [SITE, CREW_A, CREW_B]),
        (" pit crew b", {}, [SITE, CREW_A, CREW_B]),
        (CREW_B, {}, [SITE, CREW_A, CREW_B]),
        ("Night", {"group_mapping": {"night": "Pit Crew B"}}, [SITE, CREW_A, CREW_B]),
        ("Night", {"group_mapping": {"Night": CREW_B, "Day": CREW_A}}, [SITE, CREW_B]),
        ("Night", {"group_mapping": {"Night": [CREW_B, "Haul Truck Operators"]}}, [SITE, CREW_A, 103, 104]),
        ("Night", {"group_mapping": {"Night": None, "Day": CREW_A}}, [SITE, CREW_A]),
        ("Pit Crew B", {"group_mapping": {"Day": CREW_A}}, [SITE, CREW_B]),
        ("Pit Crew B", {"parent_group_id": SITE}, [SITE, CREW_B]),
        ("Pit Crew A", {"parent_group_id": SITE}, [SITE, CREW_A]),
    ],
    ids=str,
)
def test_person_moves_to_the_group_and_leaves_managed_groups_only(
    text: Any,
    arguments: dict[str, Any],
    expected: list[int],
    damstra_emulator: DamstraEmulator,
    api: ApiClient,
) -> None:
    outcome = run(operator([liam(text)], **ONE, **arguments))
    assert groups_of(api) == expected
    assert outcome.xcoms["moved"] == ([] if expected == [SITE, CREW_A] else [LIAM])


def test_empty_cell_keeps_groups(damstra_emulator: DamstraEmulator, api: ApiClient) -> None:
    filters = {"filters": {"q": "r"}, "group_column": "group", "parent_group_id": SITE}
    run(operator([liam(""), row(1016, group="Pit Crew B")], **filters))
    assert groups_of(api) == [SITE, CREW_A]
    assert groups_of(api, 1016) == [SITE, CREW_B]


def test_all_unknown_and_ambiguous_groups_are_one_error_before_any_change(
    damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    api.send("/group", name="Pit Crew B", description="-")
    damstra_emulator.clear_journal()
    rows = [
        liam("Blasters"),
        row("E9", group="pit crew b"),
        row("E10", group="Pit Crew"),
        row("E11", group=999),
    ]
    message = error_message(operator(rows, **ONE), DamstraConflictError)
    assert message.startswith("4 groups of the extract cannot be found; nothing was changed.")
    assert "'Blasters' (row 1): there is no active group of this name" in message
    assert "'pit crew b' (row 2): groups 103, 109 have this name" in message
    assert "'Pit Crew' (row 3): there is no active group of this name; did you mean 'Pit Crew" in message
    assert "'999' (row 4): there is no active group" in message
    assert sent_writes(damstra_emulator) == []


def test_similar_names_are_searched_for_the_errors_that_are_shown_only(
    damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[str] = []
    monkeypatch.setattr(groups, "nearest_name", lambda text, _: searched.append(text))
    rows = [row(f"E9{number}", group=f"Crew {number}") for number in range(50)]
    message = error_message(operator(rows, **ONE), DamstraConflictError)
    assert message.startswith("50 groups of the extract cannot be found")
    assert searched == [f"Crew {number}" for number in range(20)]


def test_parent_makes_a_name_unambiguous(damstra_emulator: DamstraEmulator, api: ApiClient) -> None:
    api.send("/group", name="Pit Crew B", description="-")
    run(operator([liam("Pit Crew B")], **ONE, parent_group_id=SITE))
    assert groups_of(api) == [SITE, CREW_B]


def test_group_outside_of_scope_is_an_error(damstra_emulator: DamstraEmulator) -> None:
    step = operator([liam("Scaffolders")], group_id=SITE, include_child_groups=True, group_column="group")
    assert "group 107 is neither group 101 nor below it" in error_message(step, DamstraConflictError)


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("group_id", operator([row(LIAM)], group_id=108)),
        ("parent_group_id", operator([liam("Pit Crew A")], **ONE, parent_group_id=108)),
    ],
)
def test_inactive_group_is_an_error(
    name: str, step: DamstraSyncUsersOperator, damstra_emulator: DamstraEmulator
) -> None:
    assert error_message(step) == f"{name}: there is no active group 108."


@pytest.mark.parametrize("parent", [None, SITE])
def test_missing_group_is_created_once(
    parent: int | None, damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    rows = [liam("Blasters"), row("E9", group="blasters"), row("E10", group="Blasters")]
    outcome = run(operator(rows, **ONE, create_groups=True, parent_group_id=parent))
    assert outcome.value["counts"]["groups_created"] == 1
    group = api.get_json(f"/group/{NEW_GROUP}")
    assert (group["name"], group.get("parentId")) == ("Blasters", parent)
    assert groups_of(api) == ([SITE, NEW_GROUP] if parent else [SITE, CREW_A, NEW_GROUP])
    assert groups_of(api, 1042) == [NEW_GROUP]


def test_listing_of_groups_is_read_once_for_all_new_groups(
    damstra_emulator: DamstraEmulator,
) -> None:
    rows = [row(f"E9{number}", group=f"Blasters {number}") for number in range(5)]
    client = operator([liam("Pit Crew A"), *rows], **ONE, create_groups=True)
    assert run(client).value["counts"]["groups_created"] == 5
    listings = [entry for entry in damstra_emulator.journal("GET", "/group") if "q" not in entry["query"]]
    assert len(listings) == 1
    assert len(damstra_emulator.journal("POST", "/group")) == 5


def test_scope_without_column_adds_people_to_the_group(
    damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    rows = [row(user_id) for user_id in CREW_IDS]
    outcome = run(operator([*rows, row("E9"), row(1012)], group_id=CREW_A))
    assert outcome.xcoms["moved"] == [1012]
    assert {1012, 1041} <= {user["id"] for user in api.get_json(f"/group/{CREW_A}/member")["results"]}


def test_child_groups_belong_to_the_scope(damstra_emulator: DamstraEmulator) -> None:
    members = run(operator([row("E9")], group_id=SITE, include_child_groups=True, dry_run=True))
    assert set(CREW_IDS) < set(members.xcoms["inactivated"])
    crew = run(operator([row("E9")], group_id=SITE, dry_run=True))
    assert set(members.xcoms["inactivated"]) >= set(crew.xcoms["inactivated"])


def test_leaver_leaves_managed_groups_even_if_inactive_already(
    damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    api.send(f"/user/{LIAM}/inactivate")
    damstra_emulator.clear_journal()
    rows = [row("E9", group="Pit Crew A")]
    outcome = run(operator(rows, **ONE))
    assert (outcome.xcoms["inactivated"], groups_of(api)) == ([], [SITE])


def test_person_outside_of_scope_is_updated_and_reactivated_but_never_a_leaver(
    damstra_emulator: DamstraEmulator,
) -> None:
    rows = [*map(row, CREW_IDS), row(1038)]
    outcome = run(operator(rows, group_id=CREW_A))
    assert outcome.xcoms["reactivated"] == [1038]
    assert outcome.xcoms["inactivated"] == []


def test_number_of_reads_does_not_depend_on_the_number_of_people(damstra_emulator: DamstraEmulator) -> None:
    run(operator([row(f"N{number}", group="Pit Crew A") for number in range(250)], **ONE, dry_run=True))
    requests = [entry["path"] for entry in damstra_emulator.journal()]
    assert requests == ["/user", "/group", "/user"]


@pytest.mark.parametrize(
    ("managers", "expected", "unknown"),
    [
        (["E1006", "E1006"], [1005, 1006], 0),
        (["E1006", "E1016"], [1005, 1006, 1016], 0),
        (["E1016", ""], [1005, 1016], 0),
        (["", ""], [1005], 0),
        (["E7777", "E1006"], [1005, 1006], 1),
        (["E1038", ""], [1005], 1),
    ],
    ids=str,
)
def test_managers_become_supervisors(
    managers: list[str], expected: list[int], unknown: int, damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    rows = [row(1011, group=CREW_A, m=managers[0]), row(1016, group=CREW_A, m=managers[1])]
    scope = {"filters": {"q": "no user has this name"}, "group_column": "group", "manager_column": "m"}
    if not any(managers):
        rows.append(row(1012, m="E1011"))
    counts = run(operator(rows, **scope)).value["counts"]
    supervisors = [user["id"] for user in api.get_json(f"/group/{CREW_A}/supervisor")["results"]]
    assert (supervisors, counts["unknown_manager"]) == (expected, unknown)


@pytest.mark.parametrize(
    ("manager", "removed"), [("E1016", True), ("E7777", False)], ids=["known manager", "unknown manager"]
)
def test_supervisor_of_the_extract_who_is_no_manager_is_removed_unless_a_manager_is_unknown(
    manager: str, removed: bool, damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    api.send(f"/group/{CREW_A}/add_supervisors", userIds=[LIAM])
    rows = [row(1011, group=CREW_A, m="E1016"), row(1016, group=CREW_A, m=manager)]
    run(operator(rows, group_column="group", manager_column="m"))
    supervisors = [user["id"] for user in api.get_json(f"/group/{CREW_A}/supervisor")["results"]]
    assert (LIAM not in supervisors) == removed
    assert {1005, 1016} <= set(supervisors)


def test_supervisor_who_has_left_is_removed(damstra_emulator: DamstraEmulator, api: ApiClient) -> None:
    api.send(f"/group/{CREW_A}/add_supervisors", userIds=[LIAM])
    run(operator([row(1016, group=CREW_A, m="E1016")], group_column="group", manager_column="m"))
    supervisors = [user["id"] for user in api.get_json(f"/group/{CREW_A}/supervisor")["results"]]
    assert supervisors == [1005, 1016]


@pytest.mark.parametrize(
    "scope",
    [{"group_id": CREW_A}, {"group_id": SITE, "include_child_groups": True, "group_column": "group"}],
    ids=["without column", "group that no row names"],
)
def test_person_who_moves_to_another_extract_is_inactivated_once_only(
    scope: dict[str, Any], damstra_emulator: DamstraEmulator
) -> None:
    cells = {"group": "Haul Truck Operators"} if "group_column" in scope else {}
    old = [row(user_id, **cells) for user_id in CREW_IDS[1:]]
    run(operator([row(LIAM)], group_id=SCAFFOLDERS))
    assert LIAM in run(operator(old, **scope)).xcoms["inactivated"]
    assert run(operator([row(LIAM)], group_id=SCAFFOLDERS)).xcoms["reactivated"] == [LIAM]
    assert run(operator(old, **scope)).xcoms["inactivated"] == []

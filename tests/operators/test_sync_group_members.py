"""Synchronisation of a group's users: the plan, its limits, and the number of requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.errors import DamstraConflictError
from airflow_provider_damstra.operators.group import DamstraSyncGroupMembersOperator
from airflow_provider_damstra.services.membership import MembershipPlan
from tests.operators.operator_case import changes_in
from tests.operators.task_runner import error_message, fail_fast_message, run
from tests.operators.user_group_cases import MEMBERS_OF_102

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient


def step(user_ids: Any, **arguments: Any) -> DamstraSyncGroupMembersOperator:
    return DamstraSyncGroupMembersOperator(task_id="step", group_id=102, user_ids=user_ids, **arguments)


def members(api: ApiClient, kind: str = "member") -> list[int]:
    return [user["id"] for user in api.get_json(f"/group/102/{kind}")["results"]]


def calls(emulator: DamstraEmulator) -> list[str]:
    return [f"{entry['method']} {entry['path']}" for entry in emulator.journal()]


def sent_writes(emulator: DamstraEmulator) -> list[str]:
    return [call for call in calls(emulator) if not call.startswith("GET")]


def test_sync_makes_members_equal_to_list(damstra_emulator: DamstraEmulator, api: ApiClient) -> None:
    assert run(step([1012, 1011, 1013])).value == {"added": [1012, 1013], "removed": MEMBERS_OF_102[1:]}
    assert members(api) == [1011, 1012, 1013]


def test_sync_makes_supervisors_equal_to_list(damstra_emulator: DamstraEmulator, api: ApiClient) -> None:
    assert run(step([1006], who="supervisors")).value == {"added": [1006], "removed": [1005]}
    assert members(api, "supervisor") == [1006]
    assert members(api) == MEMBERS_OF_102


def test_sync_sends_no_write_without_differences(damstra_emulator: DamstraEmulator) -> None:
    assert run(step(MEMBERS_OF_102)).value == {"added": [], "removed": []}
    assert calls(damstra_emulator) == ["GET /group/102/member"]


@pytest.mark.parametrize(
    ("user_ids", "call"),
    [
        ([*MEMBERS_OF_102, 1012, 1013], "POST /group/102/add_members"),
        (MEMBERS_OF_102[:-2], "POST /group/102/remove_members"),
    ],
)
def test_sync_sends_one_request_per_direction(
    user_ids: list[int], call: str, damstra_emulator: DamstraEmulator
) -> None:
    run(step(user_ids))
    assert sent_writes(damstra_emulator) == [call]
    assert len(damstra_emulator.journal(method="POST")[0]["body"]["userIds"]) == 2


def test_sync_lists_members_once(damstra_emulator: DamstraEmulator) -> None:
    run(step([1012]))
    assert calls(damstra_emulator) == [
        "GET /group/102/member",
        "POST /group/102/add_members",
        "POST /group/102/remove_members",
    ]


@pytest.mark.parametrize("dry_run", [True, "True", "{{ dry }}"], ids=str)
def test_dry_run_returns_plan_and_changes_nothing(
    dry_run: Any, damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    plan = run(step([1012], dry_run=dry_run), dry=True).value
    assert sent_writes(damstra_emulator) == []
    assert plan == run(step([1012])).value
    assert members(api) == [1012]


def test_sync_adds_before_it_removes(damstra_emulator: DamstraEmulator) -> None:
    run(step([1012]))
    assert sent_writes(damstra_emulator) == ["POST /group/102/add_members", "POST /group/102/remove_members"]


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize(
    ("most", "allowed"), [(0, "0"), (2, "2"), (2.0, "2"), (0.4, "2.4"), (0.01, "0.06")], ids=str
)
def test_max_removals_fails_before_any_change(
    most: float, allowed: str, dry_run: bool, damstra_emulator: DamstraEmulator
) -> None:
    operator = step([1011, 1012, 1016, 1021], max_removals=most, dry_run=dry_run)
    assert error_message(operator, DamstraConflictError).startswith(
        f"3 of 6 would be removed, and max_removals allows {allowed}; nothing was changed."
    )
    assert sent_writes(damstra_emulator) == []


@pytest.mark.parametrize("most", [3, 0.5, 0.99, None])
def test_max_removals_allows_its_limit(most: float | None, damstra_emulator: DamstraEmulator) -> None:
    assert len(run(step([1011, 1012, 1016, 1021], max_removals=most)).value["removed"]) == 3


@pytest.mark.parametrize("most", [0.07, 0.14, 0.29])
def test_share_of_max_removals_is_exact(most: float) -> None:
    percent = round(100 * most)
    MembershipPlan(present=100, removed=list(range(percent))).validate_removals(most)
    with pytest.raises(DamstraConflictError, match=f"{percent + 1} of 100 would be removed"):
        MembershipPlan(present=100, removed=list(range(percent + 1))).validate_removals(most)


def test_max_removals_does_not_limit_additions(damstra_emulator: DamstraEmulator) -> None:
    run(step([*MEMBERS_OF_102, 1012, 1013], max_removals=0))
    assert changes_in(damstra_emulator) == {"insert group_members": 2}


@pytest.mark.parametrize("who", ["members", "supervisors"])
@pytest.mark.parametrize("empty", [[], "[]", [[], []]], ids=repr)
def test_empty_list_removes_all_only_with_allow_empty(
    empty: Any, who: str, damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    why = fail_fast_message(step(empty, who=who))
    assert why.startswith(
        f"user_ids is empty, so all {who} of group 102 would be removed; nothing was changed"
    )
    assert damstra_emulator.journal() == []
    removed = MEMBERS_OF_102 if who == "members" else [1005]
    outcome = run(step(empty, who=who, allow_empty=True))
    assert outcome.value == outcome.xcoms == {"added": [], "removed": removed}
    assert members(api, who.removesuffix("s")) == []
    assert run(step(empty, who=who, allow_empty=True)).value == {"added": [], "removed": []}


def test_max_removals_limits_empty_list(damstra_emulator: DamstraEmulator, api: ApiClient) -> None:
    why = error_message(step([], allow_empty=True, max_removals=0.5), DamstraConflictError)
    assert why.startswith("6 of 6 would be removed, and max_removals allows 3; nothing was changed.")
    assert members(api) == MEMBERS_OF_102


@pytest.mark.parametrize("argument", ["employee_numbers", "email_addresses"])
def test_empty_list_of_texts_is_named_and_accepted_with_allow_empty(
    argument: str, damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    why = fail_fast_message(step(None, **{argument: []}))
    assert why.startswith(f"{argument} is empty, so all members of group 102 would be removed")
    assert f"{argument} is empty" in fail_fast_message(step(None, **{argument: ""}, allow_empty=True))
    assert run(step(None, **{argument: []}, allow_empty=True)).value["removed"] == MEMBERS_OF_102
    assert members(api) == []


@pytest.mark.parametrize("missing", ["", " "], ids=repr)
def test_missing_value_is_no_empty_list(missing: Any, damstra_emulator: DamstraEmulator) -> None:
    why = fail_fast_message(step(missing, allow_empty=True))
    assert why.startswith("Invalid arguments: user_ids: it is ")
    assert damstra_emulator.journal() == []


def test_unknown_user_is_named_and_no_user_is_removed(
    damstra_emulator: DamstraEmulator, api: ApiClient
) -> None:
    assert "999" in error_message(step([1011, 999]))
    assert members(api) == MEMBERS_OF_102

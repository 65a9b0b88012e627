"""Supervisors of users by the listings of groups and a lesson schedule, on the emulator and with fakes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.endpoints import AddGroupMembers, AddGroupSupervisors, InactivateUser
from airflow_provider_damstra.errors import DamstraNotFoundError
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.models import LessonSchedule, User
from airflow_provider_damstra.services.supervisors import find_supervisors
from tests.services.fakes import FakeClient

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

LIAM, SANDRA, JACK = 1011, 1005, 1006


def supervisors_of(user_id: int) -> list[int]:
    return [user.id for user in DamstraHook().list_supervisors(user_id)]


def test_supervisors_of_all_groups_are_returned_in_order_of_name(damstra_emulator: DamstraEmulator) -> None:
    hook = DamstraHook()
    assert [user.full_name for user in hook.list_supervisors(LIAM)] == ["Sandra Whitlam"]
    hook.call(AddGroupMembers(group_id=103, user_ids=[LIAM]))
    hook.call(AddGroupSupervisors(group_id=103, user_ids=[LIAM]))
    assert supervisors_of(LIAM) == [JACK, SANDRA]
    hook.call(InactivateUser(user_id=SANDRA))
    assert supervisors_of(LIAM) == [JACK]


def test_user_without_groups_and_schedules_has_no_supervisors(damstra_emulator: DamstraEmulator) -> None:
    assert supervisors_of(1008) == []


def test_unknown_user_is_an_error(damstra_emulator: DamstraEmulator) -> None:
    with pytest.raises(DamstraNotFoundError):
        supervisors_of(999)


@pytest.mark.parametrize(
    "entry", [9, "9", {"id": 9}, {"userId": "9", "firstName": "Di"}, {"id": 9, "name": None}], ids=repr
)
def test_direct_supervisor_is_read_from_schedule_in_any_form(entry: Any) -> None:
    supervisor = User(id=9, first_name="Di")
    schedule = LessonSchedule(id=3, supervisors=[entry, None, True, "Di", "9" * 5000, {}, [], 7])
    client = FakeClient(schedule, supervisor)
    assert find_supervisors(client, {7: []}, {7: 3}) == {7: [supervisor]}


def test_missing_groups_schedules_and_users_are_left_out() -> None:
    missing = DamstraNotFoundError("It does not exist.")
    assert find_supervisors(FakeClient(missing, missing), {7: [101]}, {7: 3}) == {7: []}
    schedule = LessonSchedule(id=3, supervisors=[9])
    assert find_supervisors(FakeClient(schedule, missing), {7: []}, {7: 3}) == {7: []}

"""Offboard leavers: out of sessions to come and of every group, then inactive. Emptied groups are closed.

    leavers (CSV) -> where each of them is -> deregistered, no member, no supervisor -> inactive
    -> groups that nobody is left in are closed too

The learning record stays. Where each leaver is looked up, and the account is closed, in a task of its own;
sessions and groups are each visited once, for all who leave them.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import pendulum
from airflow.sdk import DAG, ObjectStoragePath, Param, chain, task

from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.operators.group import (
    DamstraInactivateGroupOperator,
    DamstraRemoveGroupMembersOperator,
    DamstraRemoveGroupSupervisorsOperator,
)
from airflow_provider_damstra.operators.ilt_session import DamstraDeregisterIltSessionUsersOperator
from airflow_provider_damstra.operators.user import DamstraInactivateUserOperator

if TYPE_CHECKING:
    from collections.abc import Iterable

with DAG(
    dag_id="example_damstra_offboarding",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Australia/Perth"),
    catchup=False,
    tags=["damstra", "example"],
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": pendulum.duration(seconds=10)},
    params={
        "leavers": Param("file:///tmp/leavers.csv", type="string", description="CSV: employee_number"),
    },
) as dag:

    @task
    def read_leavers(**context: Any) -> list[str]:
        """Return the employee numbers, each once."""
        lines = ObjectStoragePath(context["params"]["leavers"]).read_text(encoding="utf-8-sig").splitlines()
        return list(dict.fromkeys(row["employee_number"] for row in csv.DictReader(lines)))

    @task(map_index_template="{{ task.op_kwargs.employee_number }}")
    def find_leaver(employee_number: str) -> dict[str, Any]:
        """Return a leaver's user id, and where that user is registered, a member or a supervisor."""
        from airflow_provider_damstra.endpoints import ListIltSessions, ListUserLessonSchedules, ListUsers
        from airflow_provider_damstra.models import IltSessionState, IltSessionStatus

        hook = DamstraHook()
        found = list(hook.iterate(ListUsers(emp_id=employee_number, active_value="all")))
        if len(found) != 1:
            raise ValueError(f"{len(found)} users have the employee number {employee_number}")
        user = found[0]
        rows = [row for row in hook.iterate(ListUserLessonSchedules(user_id=user.id)) if row.is_open]
        to_come = {"state": IltSessionState.UPCOMING, "status": IltSessionStatus.ACTIVE}
        searches = [ListIltSessions(lesson_schedule_id=row.id, **to_come) for row in rows]
        return {
            "user_id": user.id,
            "sessions": [session.id for search in searches for session in hook.iterate(search)],
            "member_of": user.groups,
            "supervisor_of": user.groups_supervised,
        }

    @task
    def gather(leavers: Iterable[dict[str, Any]], what: str, argument: str) -> list[dict[str, Any]]:
        """Return for each session or group the arguments of a task that takes the leavers out of it."""
        user_ids: dict[int, list[int]] = {}
        for leaver in leavers:
            for place in leaver[what]:
                user_ids.setdefault(place, []).append(leaver["user_id"])
        return [{argument: place, "user_ids": ids} for place, ids in user_ids.items()]

    @task(trigger_rule="none_failed")
    def list_empty(memberships: Iterable[dict[str, Any]]) -> list[int]:
        """Return the groups that the leavers were members of and nobody is a member of now."""
        from airflow_provider_damstra.endpoints import ListGroupMembers

        hook = DamstraHook()
        groups = [membership["group_id"] for membership in memberships]
        return [one for one in groups if not any(hook.iterate(ListGroupMembers(group_id=one)))]

    leavers: Any = find_leaver.expand(employee_number=read_leavers())
    registrations: Any = gather.override(task_id="gather_registrations")(
        leavers, "sessions", "ilt_session_id"
    )
    memberships: Any = gather.override(task_id="gather_memberships")(leavers, "member_of", "group_id")
    supervisions: Any = gather.override(task_id="gather_supervisions")(leavers, "supervisor_of", "group_id")

    # Nobody may be registered anywhere: such a task is skipped, and what follows runs all the same.
    deregister = DamstraDeregisterIltSessionUsersOperator.partial(task_id="deregister").expand_kwargs(
        registrations
    )
    members = DamstraRemoveGroupMembersOperator.partial(task_id="remove_members").expand_kwargs(memberships)
    supervisors = DamstraRemoveGroupSupervisorsOperator.partial(task_id="remove_supervisors").expand_kwargs(
        supervisions
    )
    inactivate = DamstraInactivateUserOperator.partial(
        task_id="inactivate_user", trigger_rule="none_failed"
    ).expand(user_id=leavers.map(lambda leaver: leaver["user_id"]))
    empty: Any = list_empty(memberships)
    close = DamstraInactivateGroupOperator.partial(task_id="close_group").expand(group_id=empty)
    chain([deregister, members, supervisors], inactivate)
    chain(members, empty)

if __name__ == "__main__":
    dag.test()

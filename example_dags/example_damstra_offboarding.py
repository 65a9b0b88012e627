"""Offboard leavers: remove them from upcoming sessions and from groups, then inactivate their accounts.

    leavers (CSV) -> look up sessions and groups -> deregister, remove as member and supervisor
    -> inactivate the users, and the groups that are empty now

The learning record is kept. Each leaver is looked up and inactivated by a separate mapped task; each
session and group is changed once, for all leavers together.
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
        """Return the distinct employee numbers."""
        lines = ObjectStoragePath(context["params"]["leavers"]).read_text(encoding="utf-8-sig").splitlines()
        return list(dict.fromkeys(row["employee_number"] for row in csv.DictReader(lines)))

    @task(map_index_template="{{ task.op_kwargs.employee_number }}")
    def find_leaver(employee_number: str) -> dict[str, Any]:
        """Return a leaver's user id, upcoming sessions and groups."""
        from airflow_provider_damstra.endpoints import ListIltSessions, ListUserLessonSchedules, ListUsers
        from airflow_provider_damstra.models import IltSessionState, IltSessionStatus

        hook = DamstraHook()
        users = list(hook.iterate(ListUsers(emp_id=employee_number, active_value="all")))
        if len(users) != 1:
            raise ValueError(f"{len(users)} users have the employee number {employee_number}")
        user = users[0]
        rows = [row for row in hook.iterate(ListUserLessonSchedules(user_id=user.id)) if row.is_open]
        searches = [
            ListIltSessions(
                lesson_schedule_id=row.id,
                state=IltSessionState.UPCOMING,
                status=IltSessionStatus.ACTIVE,
            )
            for row in rows
        ]
        return {
            "user_id": user.id,
            "sessions": [session.id for search in searches for session in hook.iterate(search)],
            "member_of": user.groups,
            "supervisor_of": user.groups_supervised,
        }

    @task
    def group_leavers(leavers: Iterable[dict[str, Any]], key: str, argument: str) -> list[dict[str, Any]]:
        """Return for each session or group the arguments of the task that removes its leavers."""
        user_ids: dict[int, list[int]] = {}
        for leaver in leavers:
            for object_id in leaver[key]:
                user_ids.setdefault(object_id, []).append(leaver["user_id"])
        return [{argument: object_id, "user_ids": ids} for object_id, ids in user_ids.items()]

    @task(trigger_rule="none_failed")
    def list_empty(memberships: Iterable[dict[str, Any]]) -> list[int]:
        """Return the groups of the leavers that have no members left."""
        from airflow_provider_damstra.endpoints import ListGroupMembers

        hook = DamstraHook()
        groups = [membership["group_id"] for membership in memberships]
        return [group_id for group_id in groups if not any(hook.iterate(ListGroupMembers(group_id=group_id)))]

    leavers: Any = find_leaver.expand(employee_number=read_leavers())
    registrations: Any = group_leavers.override(task_id="gather_registrations")(
        leavers, "sessions", "ilt_session_id"
    )
    memberships: Any = group_leavers.override(task_id="gather_memberships")(leavers, "member_of", "group_id")
    supervisions: Any = group_leavers.override(task_id="gather_supervisions")(
        leavers, "supervisor_of", "group_id"
    )

    # A task without leavers is skipped, and none_failed lets the next ones run.
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

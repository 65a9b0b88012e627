"""Synchronise groups with the departments of an HR extract.

    HR extract (CSV) -> upsert users -> rename and create groups -> synchronise members -> add supervisors

A group's description contains the department's code, so that a renamed department keeps its group. To
protect groups from a truncated extract, the task that synchronises members fails without changes if it
would remove more than half of a group. With dry_run users and groups are updated, but changes of members
are only planned.
"""

from __future__ import annotations

import csv
from typing import Any

import pendulum
from airflow.sdk import DAG, ObjectStoragePath, Param, chain, task

from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.operators.group import (
    DamstraAddGroupSupervisorsOperator,
    DamstraCreateGroupOperator,
    DamstraSyncGroupMembersOperator,
    DamstraUpdateGroupOperator,
)
from airflow_provider_damstra.operators.user import DamstraUpsertUsersOperator

USER_COLUMNS = ("employee_number", "first_name", "last_name", "email_address")

with DAG(
    dag_id="example_damstra_group_sync",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Australia/Perth"),
    catchup=False,
    max_active_runs=1,
    tags=["damstra", "example"],
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": pendulum.duration(seconds=10)},
    params={
        "extract": Param(
            "file:///tmp/hr_extract.csv",
            type="string",
            description=f"CSV: {', '.join(USER_COLUMNS)}, department_code, department, leads (yes or no)",
        ),
        "dry_run": Param(False, type="boolean", description="Only plan changes of members"),
    },
) as dag:

    @task
    def read_extract(**context: Any) -> list[dict[str, str]]:
        """Return the rows of the extract."""
        lines = ObjectStoragePath(context["params"]["extract"]).read_text(encoding="utf-8-sig").splitlines()
        return list(csv.DictReader(lines))

    @task
    def list_users(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        """Return the columns of each row that are fields of a user."""
        return [{name: row[name] for name in USER_COLUMNS} for row in rows]

    @task
    def list_departments(rows: list[dict[str, str]], user_ids: Any) -> list[dict[str, Any]]:
        """Return each department's group, members and leaders; user_ids are in the order of the rows."""
        departments: dict[str, dict[str, Any]] = {}
        for row, user_id in zip(rows, user_ids, strict=True):
            group = {"name": row["department"], "description": f"HR department {row['department_code']}"}
            empty = {"group": group, "members": [], "leaders": []}
            department = departments.setdefault(row["department_code"], empty)
            department["members"].append(user_id)
            department["leaders"] += [user_id] if row["leads"] == "yes" else []
        return list(departments.values())

    @task
    def list_renamed(departments: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the groups of renamed departments."""
        from airflow_provider_damstra.endpoints import ListGroups

        names = {
            department["group"]["description"]: department["group"]["name"] for department in departments
        }
        groups = [group for group in DamstraHook().iterate(ListGroups()) if group.description in names]
        return [
            {"group_id": group.id, "name": names[group.description]}
            for group in groups
            if group.name != names[group.description]
        ]

    @task
    def list_members(
        group_ids: Any, departments: list[dict[str, Any]], **context: Any
    ) -> list[dict[str, Any]]:
        """Return the members of each group."""
        dry_run = context["params"]["dry_run"]
        pairs = zip(group_ids, departments, strict=True)
        return [
            {"group_id": group_id, "user_ids": department["members"], "dry_run": dry_run}
            for group_id, department in pairs
        ]

    @task
    def list_leaders(
        group_ids: Any, departments: list[dict[str, Any]], **context: Any
    ) -> list[dict[str, Any]]:
        """Return the supervisors of each group."""
        pairs = [] if context["params"]["dry_run"] else zip(group_ids, departments, strict=True)
        return [
            {"group_id": group_id, "user_ids": department["leaders"]}
            for group_id, department in pairs
            if department["leaders"]
        ]

    rows: Any = read_extract()
    user_rows: Any = list_users(rows)
    users = DamstraUpsertUsersOperator(task_id="upsert_users", users=user_rows)
    departments: Any = list_departments(rows, users.output)
    rename = DamstraUpdateGroupOperator.partial(task_id="rename_group").expand_kwargs(
        list_renamed(departments)
    )
    # Usually no department is renamed: the task is skipped, and none_failed lets the next one run.
    groups = DamstraCreateGroupOperator.partial(
        task_id="create_group", if_exists="update", trigger_rule="none_failed"
    ).expand_kwargs(departments.map(lambda department: department["group"]))
    # A retry would have to remove the same members.
    sync = DamstraSyncGroupMembersOperator.partial(
        task_id="sync_members", max_removals=0.5, retries=0
    ).expand_kwargs(list_members(groups.output, departments))
    supervisors = DamstraAddGroupSupervisorsOperator.partial(task_id="add_supervisors").expand_kwargs(
        list_leaders(groups.output, departments)
    )
    chain(rename, groups)
    chain(sync, supervisors)

if __name__ == "__main__":
    dag.test()

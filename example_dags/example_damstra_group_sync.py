"""Keep groups as HR has its departments: who works in one is in its group, and nobody else.

    HR's extract (CSV) -> users -> groups renamed and created -> members as in the extract -> supervisors

A group's description holds the department's code, so that a department with a new name keeps its group. An
extract that broke off half-way would throw people out: where more than half of a group would have to go, the
task fails and changes nothing. With dry_run, people and groups are brought up to date, but who is to be in
which group is only planned.
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

PERSON = ("employee_number", "first_name", "last_name", "email_address")

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
            description=f"CSV: {', '.join(PERSON)}, department_code, department, leads (yes or no)",
        ),
        "dry_run": Param(False, type="boolean", description="Only plan who is to be in which group"),
    },
) as dag:

    @task
    def read_extract(**context: Any) -> list[dict[str, str]]:
        """Return the rows."""
        lines = ObjectStoragePath(context["params"]["extract"]).read_text(encoding="utf-8-sig").splitlines()
        return list(csv.DictReader(lines))

    @task
    def list_people(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        """Return of each row what Damstra knows."""
        return [{name: row[name] for name in PERSON} for row in rows]

    @task
    def list_departments(rows: list[dict[str, str]], user_ids: Any) -> list[dict[str, Any]]:
        """Return each department's group, with who is in it and who leads it; ids are in the rows' order."""
        departments: dict[str, dict[str, Any]] = {}
        for row, user_id in zip(rows, user_ids, strict=True):
            group = {"name": row["department"], "description": f"HR department {row['department_code']}"}
            empty = {"group": group, "people": [], "leaders": []}
            department = departments.setdefault(row["department_code"], empty)
            department["people"].append(user_id)
            department["leaders"] += [user_id] if row["leads"] == "yes" else []
        return list(departments.values())

    @task
    def list_renamed(departments: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the groups whose department has another name now."""
        from airflow_provider_damstra.endpoints import ListGroups

        names = {one["group"]["description"]: one["group"]["name"] for one in departments}
        groups = [group for group in DamstraHook().iterate(ListGroups()) if group.description in names]
        return [
            {"group_id": one.id, "name": names[one.description]}
            for one in groups
            if one.name != names[one.description]
        ]

    @task
    def list_members(
        group_ids: Any, departments: list[dict[str, Any]], **context: Any
    ) -> list[dict[str, Any]]:
        """Return who is to be in which group."""
        dry_run = context["params"]["dry_run"]
        pairs = zip(group_ids, departments, strict=True)
        return [
            {"group_id": group_id, "user_ids": one["people"], "dry_run": dry_run} for group_id, one in pairs
        ]

    @task
    def list_leaders(
        group_ids: Any, departments: list[dict[str, Any]], **context: Any
    ) -> list[dict[str, Any]]:
        """Return who is to supervise which group."""
        pairs = [] if context["params"]["dry_run"] else zip(group_ids, departments, strict=True)
        return [
            {"group_id": group_id, "user_ids": one["leaders"]} for group_id, one in pairs if one["leaders"]
        ]

    rows: Any = read_extract()
    people: Any = list_people(rows)
    users = DamstraUpsertUsersOperator(task_id="upsert_users", users=people)
    departments: Any = list_departments(rows, users.output)
    rename = DamstraUpdateGroupOperator.partial(task_id="rename_group").expand_kwargs(
        list_renamed(departments)
    )
    # Usually no group has another name: then that is skipped, and what follows runs all the same.
    groups = DamstraCreateGroupOperator.partial(
        task_id="create_group", if_exists="update", trigger_rule="none_failed"
    ).expand_kwargs(departments.map(lambda department: department["group"]))
    # A plan that was refused is no better the second time.
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

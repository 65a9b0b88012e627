"""Make the people of a site equal to an extract of the HR system.

    extract (CSV) -> one plan, checked by guards -> create, update, reactivate, inactivate, move, supervisors

The extract is German, as SAP and Excel write it: semicolons, cp1252, and its own names of columns; one of
them has no place in Damstra. A person who is in no row any more leaves the groups and becomes inactive; one
who returns is active again. The department selects the group, the managers of its people supervise it. A
truncated extract is stopped by a guard: by default a run inactivates at most a tenth of the people.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, Param

from airflow_provider_damstra.operators.roster import DamstraSyncUsersOperator

COLUMNS = {"Personalnummer": "employee_number", "Vorname": "first_name", "Nachname": "last_name"}

with DAG(
    dag_id="example_damstra_roster",
    schedule=None,
    max_active_runs=1,
    start_date=pendulum.datetime(2026, 1, 1, tz="Australia/Perth"),
    tags=["damstra", "example"],
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": pendulum.duration(seconds=10)},
    params={"extract": Param("file:///tmp/mitarbeiter.csv", type="string")},
) as dag:
    DamstraSyncUsersOperator(
        task_id="sync_users",
        users_path="{{ params.extract }}",
        encoding="cp1252",
        columns=COLUMNS,
        ignored_columns=["Kostenstelle"],
        group_id=105,
        include_child_groups=True,
        group_column="Abteilung",
        group_mapping={"Gerüstbau": "Scaffolders", "Betonbau": "Concrete Crew"},
        manager_column="Vorgesetzter",
    )

if __name__ == "__main__":
    dag.test()

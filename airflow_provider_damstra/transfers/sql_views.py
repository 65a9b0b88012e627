"""The operator that creates views on the tables of a database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Unpack, cast

from airflow_provider_damstra.operators.base import DamstraOperator
from airflow_provider_damstra.validation import parse_mapping, validate_subset

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_damstra.arguments import Fields, OperatorArguments, Text

VIEW_NAMES = ("training_record", "training_status", "current_matrix")
"""The keys of ``exports.sql.view_queries.VIEWS``, which is not imported when a DAG file is parsed."""

VIEWED_RESOURCES = ("users", "lesson_schedules", "group_members", "groups")
"""The keys of ``exports.sql.view_sources.REQUIRED_COLUMNS``."""


class DamstraCreateSqlViewsOperator(DamstraOperator):
    """Create SQL views on the tables that ``DamstraToSqlOperator`` has loaded, on PostgreSQL or SQLite.

    - ``training_record``: a row for each lesson schedule, with the user, the lesson and its version, dates,
      status and state.
    - ``training_status``: a row for each user and lesson, with the schedule that determines the status, as in
      the training matrix.
    - ``current_matrix``: a row for each active member of a group and each lesson that a member of the group
      is or was scheduled to; ``not scheduled`` if this member never was.

    Rows marked as deleted are left out. The statuses are those of lesson schedules at the time of the query,
    without training rules. The views are
    created or replaced in one transaction. No request is sent to Damstra Learning.

    :param sql_conn_id: id of the connection to the database (templated).
    :param schema: schema of tables and views; default the connection's (templated).
    :param views: list of names of views; default all.
    :param tables: mapping of table names by resource: ``users``, ``lesson_schedules``, ``group_members`` and
        ``groups``; default the resource's name. All views read the first two. ``current_matrix`` also reads
        the members, or the ``groups`` of users if there is no such table, and, if they exist, the groups
        for their names (templated).
    :param view_prefix: beginning of the views' names (templated).
    :param sql_hook_params: mapping of arguments of the connection's hook (templated).
    :return: list of the views' names, with the schema.
    :raises SqlError: if the database cannot be reached or failed; a retry may succeed.
    """

    template_fields = ("sql_conn_id", "schema", "tables", "view_prefix", "sql_hook_params", "damstra_conn_id")

    def __init__(
        self,
        *,
        sql_conn_id: Text,
        schema: Text | None = None,
        views: Sequence[Literal["training_record", "training_status", "current_matrix"]] | None = None,
        tables: Fields | None = None,
        view_prefix: Text = "",
        sql_hook_params: Fields | None = None,
        **kwargs: Unpack[OperatorArguments],
    ) -> None:
        super().__init__(**kwargs)
        validate_subset("views", views or (), *VIEW_NAMES)
        self.sql_conn_id = cast("str", sql_conn_id)
        self.schema = cast("str | None", schema)
        self.views = VIEW_NAMES if views is None else views
        self.tables = tables
        self.view_prefix = cast("str", view_prefix)
        self.sql_hook_params = cast("Mapping[str, Any] | None", sql_hook_params)

    def _execute(self, context: Context) -> list[str]:
        """Create the views and return their names."""
        from airflow_provider_damstra.exports.sql.views import create_views
        from airflow_provider_damstra.transfers.sql_engine import create_sql_engine, translate_database_errors

        tables = parse_mapping("tables", self.tables or {})
        validate_subset("tables", tables, *VIEWED_RESOURCES)
        engine = create_sql_engine(self.sql_conn_id, self.sql_hook_params)
        with translate_database_errors(f"the views cannot be created in {self.sql_conn_id}"):
            created = create_views(
                engine, self.views, schema=self.schema, tables=tables, prefix=self.view_prefix
            )
        self.log.info("Views: %s", ", ".join(created))
        return created

"""The file or the table to which training statuses are written."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, cast

from airflow_provider_damstra.operators.base import DamstraOperator
from airflow_provider_damstra.transfers.base import validate_file_options
from airflow_provider_damstra.transfers.lineage import (
    asset_uri,
    emit_asset_events,
    file_location,
    output_alias,
    varies_by_run,
)
from airflow_provider_damstra.validation import (
    validate_at_most_one,
    validate_booleans,
    validate_integer,
)

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context
    from sqlalchemy import Engine

    from airflow_provider_damstra.arguments import Fields, Text
    from airflow_provider_damstra.exports.reader import Rows
    from airflow_provider_damstra.exports.sql.tables import ResourceTable

STATUS_TARGET_FIELDS = (
    "target_path",
    "checkpoint_path",
    "sql_conn_id",
    "table",
    "schema",
    "sql_hook_params",
)
"""Template fields of a ``StatusTargetMixin``."""

_TABLE_COUNTS = ("rows", "inserted", "updated", "deleted")


class StatusTargetMixin(DamstraOperator):
    """Operator that writes training statuses to a file or a table, or nowhere.

    A table is created if it does not exist, with the primary key ``(user_id, lesson_id)``. In one
    transaction, its rows of the users who are evaluated, by default all rows, become those of this
    evaluation: a row of a user who is left out, who left, or whom no rule requires any more is deleted.

    The task updates the assets in its ``outlets``, or the alias ``damstra/<dag_id>/<task_id>``, as
    ``DamstraExportOperator`` and ``DamstraToSqlOperator`` do; the event's extra has the counts.

    :param target_path: path or URL of the file (templated); or
    :param sql_conn_id: id of the connection to the database (templated), with
    :param table: name of the table, without its schema (templated). By default no rows are written.
    :param file_format: of the file: ``"jsonl"``, ``"csv"`` or ``"parquet"``; Parquet needs the extra
        ``parquet``.
    :param compression: of the file: ``"gzip"``, ``"zstd"`` or None, as in ``DamstraExportOperator``.
    :param safe_for_spreadsheets: in CSV, put an apostrophe before each formula, as in
        ``DamstraExportOperator``.
    :param checkpoint_path: path or URL of a file that need not exist, next to which listings are kept for a
        retry; default ``target_path``. Without either, a retry reads all listings again (templated).
    :param schema: schema of the table; default the connection's (templated).
    :param batch_size: rows per statement.
    :param add_missing_columns: add columns that an existing table lacks, instead of failing.
    :param sql_hook_params: mapping of arguments of the connection's hook (templated).
    """

    written: dict[str, Any] | None = None
    """Arguments of ``operator_lineage`` for what was written, once it was."""

    _asset_uri = ""

    def __init__(
        self,
        *,
        target_path: Text | None = None,
        file_format: Literal["jsonl", "csv", "parquet"] = "jsonl",
        compression: Literal["gzip", "zstd"] | None = None,
        safe_for_spreadsheets: bool = False,
        checkpoint_path: Text | None = None,
        sql_conn_id: Text | None = None,
        table: Text | None = None,
        schema: Text | None = None,
        batch_size: int = 10_000,
        add_missing_columns: bool = False,
        sql_hook_params: Fields | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        validate_at_most_one(target_path=target_path, table=table)
        if (sql_conn_id is None) != (table is None):
            raise ValueError("give sql_conn_id and table, or neither")
        validate_file_options(file_format, compression, safe_for_spreadsheets=safe_for_spreadsheets)
        validate_booleans(add_missing_columns=add_missing_columns)
        validate_integer("batch_size", batch_size, at_least=1)
        self.target_path = cast("str | None", target_path)
        self.file_format = file_format
        self.compression = compression
        self.safe_for_spreadsheets = safe_for_spreadsheets
        self.checkpoint_path = cast("str | None", checkpoint_path)
        self.sql_conn_id = cast("str | None", sql_conn_id)
        self.table = cast("str | None", table)
        self.schema = cast("str | None", schema)
        self.batch_size = batch_size
        self.add_missing_columns = add_missing_columns
        self.sql_hook_params = cast("Mapping[str, Any] | None", sql_hook_params)
        self._has_target_per_run = varies_by_run(target_path, sql_conn_id, table, schema)
        if target_path is not None or table is not None:
            self.outlets = self.outlets or [output_alias(self)]

    def prepare_target(self) -> None:
        """Raise if the rows cannot be written, before the first request; create the table.

        :raises ValueError: naming the problem.
        """
        from airflow_provider_damstra.exports.formats import require_format

        require_format(self.file_format, self.compression)
        self.validate_paths("target_path", "checkpoint_path")
        if self.table is not None:
            from airflow_provider_damstra.exports.sql.prepare import prepare_table

            with self._open_table() as (engine, target):
                prepare_table(engine, target, add_columns=self.add_missing_columns, deletes=True)

    def write_statuses(self, pages: Iterator[Rows], *, user_ids: Collection[int] | None) -> dict[str, Any]:
        """Write all rows, and return facts about them.

        :param user_ids: users whose rows of a table are replaced; None for all rows.
        """
        if self.target_path is not None:
            return self._write_file(self.target_path, pages)
        if self.table is not None:
            return self._write_table(pages, user_ids)
        return {"rows": sum(map(len, pages))}

    def _write_file(self, path: str, pages: Iterator[Rows]) -> dict[str, Any]:
        from airflow_provider_damstra.exports.formats import write_rows
        from airflow_provider_damstra.exports.training_status.rows import TRAINING_STATUS
        from airflow_provider_damstra.storage import atomic_open

        with atomic_open(path, task_try=self.task_try) as file:
            facts = write_rows(
                file,
                TRAINING_STATUS,
                pages,
                file_format=self.file_format,
                compression=self.compression,
                safe_for_spreadsheets=self.safe_for_spreadsheets,
            )
        location = file_location(path)
        self._asset_uri = asset_uri(*location)
        self.written = {"target": location, "rows": facts["rows"], "size": facts["bytes"]}
        return {"uri": path, **facts}

    def _write_table(self, pages: Iterator[Rows], user_ids: Collection[int] | None) -> dict[str, Any]:
        from airflow_provider_damstra.exports.sql.deletion import ReadParents
        from airflow_provider_damstra.exports.sql.load import replace_all
        from airflow_provider_damstra.transfers.sql_engine import table_location

        with self._open_table() as (engine, target):
            # The status of a user who could not be read is unknown: an earlier row would look current.
            scope = ReadParents(selected=user_ids)
            counts = replace_all(engine, target, pages, batch_size=self.batch_size, parents=lambda: scope)
            server, names = table_location(engine, schema=target.schema, table=target.name)
        self._asset_uri = asset_uri(server, *names)
        self.written = {"target": (server, ".".join(names)), "rows": counts["rows"]}
        return {"table": str(target), **{name: counts[name] for name in _TABLE_COUNTS}}

    @contextmanager
    def _open_table(self) -> Iterator[tuple[Engine, ResourceTable]]:
        from airflow_provider_damstra.exports.sql.tables import ResourceTable
        from airflow_provider_damstra.exports.training_status.rows import TRAINING_STATUS
        from airflow_provider_damstra.transfers.sql_engine import create_sql_engine, translate_database_errors

        target = ResourceTable(TRAINING_STATUS, str(self.table), self.schema)
        engine = create_sql_engine(str(self.sql_conn_id), self.sql_hook_params)
        with translate_database_errors(f"the table {target} of {self.sql_conn_id} cannot be written"):
            yield engine, target

    def emit_assets(self, context: Context, facts: Mapping[str, Any]) -> None:
        """Add an event with the facts to the assets of what was written."""
        if self.written is not None:
            uri = None if self._has_target_per_run else self._asset_uri
            emit_asset_events(self, context, uri=uri, extra=dict(facts))

    def get_openlineage_facets_on_complete(self, task_instance: object) -> OperatorLineage[Any, Any] | None:
        """Return sources and target for OpenLineage, which calls this after the task has succeeded."""
        from airflow_provider_damstra.exports.resources import RESOURCES
        from airflow_provider_damstra.exports.training_status.rows import TRAINING_STATUS
        from airflow_provider_damstra.transfers.lineage import operator_lineage

        if self.written is None:
            return None
        return operator_lineage(
            base_url=self.hook.settings.base_url,
            sources=[RESOURCES["lesson_schedules"], RESOURCES["users"]],
            written=TRAINING_STATUS,
            **self.written,
        )

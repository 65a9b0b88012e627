"""The operator that exports a resource to a table of a database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Unpack, cast

from airflow_provider_damstra.transfers.base import ResourceTransfer
from airflow_provider_damstra.transfers.lineage import (
    asset_uri,
    emit_asset_events,
    output_alias,
    varies_by_run,
)
from airflow_provider_damstra.validation import validate_booleans, validate_choice, validate_integer

if TYPE_CHECKING:
    from airflow.sdk import Context
    from sqlalchemy import Engine

    from airflow_provider_damstra.arguments import Fields, ResourceArguments, Text
    from airflow_provider_damstra.exports.reader import ResourceReader
    from airflow_provider_damstra.exports.resources import ResourceQuery
    from airflow_provider_damstra.exports.sql.tables import ResourceTable
    from airflow_provider_damstra.transfers.resume import WrittenParents


class DamstraToSqlOperator(ResourceTransfer):
    """Write all rows of a resource to a table of a database.

    Works with every database that Airflow's SQL hooks and SQLAlchemy support. The table is created if it does
    not exist: a typed column for each known field, ``other_members`` (JSON) for unknown fields, and a primary
    key. Changed rows are updated and unchanged rows left alone, so that a retry writes no row twice.

    The task updates the assets in its ``outlets``, with the counts and the date of the DAG run as the event's
    extra. Without outlets it uses the alias ``damstra/<dag_id>/<task_id>`` and adds the table to it as an
    asset such as ``postgres://host:5432/database/schema/table``, or, if templates give another table in each
    DAG run, the asset ``damstra/<dag_id>/<task_id>``. OpenLineage receives source and target.

    The arguments that select the rows are those of ``ResourceTransfer``.

    :param sql_conn_id: id of the connection to the database (templated).
    :param table: name of the table, without its schema (templated).
    :param schema: schema of the table; default the connection's (templated).
    :param write_mode: ``"upsert"`` inserts and updates in batches, one transaction each, and deletes no row;
        from Airflow 3.3 a retry does not request groups, users or sessions again whose rows are written,
        except, after a kill, the latest tenth of them.
        ``"replace"`` collects all rows in a temporary file of the worker and then, in one transaction,
        updates the table and deletes the rows that are missing from the listings that were read, also those
        that ``filters`` exclude. Rows of groups, users or sessions that ``parent_ids`` or ``parent_filters``
        exclude, or that could not be read, are kept.
    :param delete_mode: ``"hard"`` deletes missing rows. ``"soft"`` keeps them and sets their ``deleted_at``;
        rows that are read have none. It marks rows with ``write_mode="replace"`` only.
    :param history: whether the table ``<table>_history`` keeps each version of a row with the times
        ``valid_from`` and ``valid_to``, on PostgreSQL and SQLite. Versions of deleted rows end with
        ``write_mode="replace"`` only. Soft deletion and a history exclude ``filters`` that leave out rows
        from ``"replace"``: a row that is left out is not deleted.
    :param batch_size: rows per batch.
    :param add_missing_columns: add columns that an existing table lacks, instead of failing.
    :param sql_hook_params: mapping of arguments of the connection's hook (templated).
    :return: ``table``, ``rows`` (read by this try), ``inserted``, ``updated``, ``deleted`` (only with
        ``"replace"``), ``history_inserted`` and ``history_ended`` (versions, only with ``history``),
        ``watermark`` (the latest ``modifiedDate`` of the rows read by this try),
        ``failed_parent_count`` and ``failed_parents``, the reasons by id of the first twenty. ``table`` and
        ``rows`` are XComs of their own, too.
    :raises SqlError: if the database cannot be reached or failed; a retry may succeed.
    """

    xcom_keys = ("table", "rows")
    template_fields = (*ResourceTransfer.template_fields, "sql_conn_id", "table", "schema", "sql_hook_params")

    def __init__(
        self,
        *,
        sql_conn_id: Text,
        table: Text,
        schema: Text | None = None,
        write_mode: Literal["upsert", "replace"] = "upsert",
        delete_mode: Literal["hard", "soft"] = "hard",
        history: bool = False,
        batch_size: int = 10_000,
        add_missing_columns: bool = False,
        sql_hook_params: Fields | None = None,
        **kwargs: Unpack[ResourceArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.outlets = self.outlets or [output_alias(self)]
        validate_choice("write_mode", write_mode, "upsert", "replace")
        validate_choice("delete_mode", delete_mode, "hard", "soft")
        validate_booleans(history=history)
        validate_integer("batch_size", batch_size, at_least=1)
        self.sql_conn_id = cast("str", sql_conn_id)
        self.table = cast("str", table)
        self.schema = cast("str | None", schema)
        self.write_mode = write_mode
        self.delete_mode = delete_mode
        self.history = history
        self.batch_size = batch_size
        self.add_missing_columns = add_missing_columns
        self.sql_hook_params = cast("Mapping[str, Any] | None", sql_hook_params)
        self._has_table_per_run = varies_by_run(sql_conn_id, table, schema)

    def _execute(self, context: Context) -> dict[str, Any]:
        """Write the rows and return their counts."""
        from airflow_provider_damstra.exports.sql.prepare import prepare_table
        from airflow_provider_damstra.transfers.resume import WrittenParents
        from airflow_provider_damstra.transfers.sql_engine import create_sql_engine, translate_database_errors

        query = self.create_query(deduplicates=True)
        target = self._create_target(query)
        engine = create_sql_engine(self.sql_conn_id, self.sql_hook_params)
        fingerprint = self.fingerprint(query, self.sql_conn_id, str(target), self.write_mode, self.history)
        written = WrittenParents(context, fingerprint=fingerprint)
        deletes = self.write_mode == "replace"
        with translate_database_errors(f"the table {target} of {self.sql_conn_id} cannot be written"):
            if prepare_table(engine, target, add_columns=self.add_missing_columns, deletes=deletes):
                written.clear()
            with self.open_reader(query) as reader:
                write = self._replace if deletes else self._upsert
                counts = write(engine, target, reader, written)
        written.clear()
        self._emit_assets(engine, target, counts, context)
        self.log.info("%s in the table %s: %s", self.resource, target, counts)
        return {"table": str(target), **counts, **self.report_failed_parents(reader)}

    def _create_target(self, query: ResourceQuery) -> ResourceTable:
        from airflow_provider_damstra.exports.sql.tables import ResourceTable

        if query.hidden:
            query.hidden.require_ids(needed_for="a table")
        keeps_deleted = self.delete_mode == "soft"
        if self.write_mode == "replace" and query.is_filtered and (keeps_deleted or self.history):
            raise ValueError(
                f"filters {dict(query.filters)} leave out rows, which would be recorded as deleted: load "
                "without filters, or with write_mode='upsert', or without delete_mode='soft' and history=True"
            )
        return ResourceTable(
            query.written_resource,
            self.table,
            self.schema,
            keeps_deleted=keeps_deleted,
            has_history=self.history,
        )

    def _upsert(
        self, engine: Engine, target: ResourceTable, reader: ResourceReader, written: WrittenParents
    ) -> dict[str, Any]:
        from airflow_provider_damstra.exports.sql.load import batches_of, upsert_batches

        pages = reader.pages(skip=frozenset(written.ids))
        # Airflow's state would contain the ids of parents.
        add_written = written.add if not reader.query.hides_ids else lambda _: None
        batches = batches_of(pages, size=self.batch_size, on_parents_written=add_written)
        with written.store_on_error():
            return upsert_batches(engine, target, batches)

    def _replace(
        self, engine: Engine, target: ResourceTable, reader: ResourceReader, _: WrittenParents
    ) -> dict[str, Any]:
        """Replace all rows; a retry reads all of them, because the temporary file is lost with its try."""
        from airflow_provider_damstra.exports.sql.deletion import ReadParents
        from airflow_provider_damstra.exports.sql.load import replace_all

        query = reader.query
        selected = reader.parent_ids() if query.selects_parents else None
        selected_in_table = None if selected is None else query.written_parent_ids(selected)
        return replace_all(
            engine,
            target,
            (page.rows for page in reader.pages(selected)),
            batch_size=self.batch_size,
            parents=lambda: ReadParents(
                selected=selected_in_table, failed=query.written_parent_ids(reader.failed)
            ),
            is_complete=lambda: reader.is_complete,
        )

    def _emit_assets(
        self, engine: Engine, target: ResourceTable, counts: dict[str, Any], context: Context
    ) -> None:
        from airflow_provider_damstra.transfers.sql_engine import table_location

        server, names = table_location(engine, schema=target.schema, table=target.name)
        self.written = {"target": (server, ".".join(names)), "rows": counts["rows"]}
        extra = {"table": str(target), "resource": self.resource, **counts}
        uri = None if self._has_table_per_run else asset_uri(server, *names)
        emit_asset_events(self, context, uri=uri, extra=extra)

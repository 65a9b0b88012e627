"""The operator that exports a resource to a table of a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.transfers.base import ResourceTransfer
from airflow_provider_damstra.transfers.lineage import asset_uri, emit_asset_events, output_alias
from airflow_provider_damstra.validation import validate_choice, validate_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context
    from sqlalchemy import Engine

    from airflow_provider_damstra.exports.reader import ResourceReader
    from airflow_provider_damstra.exports.sql.schema import ResourceTable
    from airflow_provider_damstra.transfers.resume import WrittenParents


class DamstraToSqlOperator(ResourceTransfer):
    """Write all rows of a resource to a table of a database, and return what became of them.

    The database is any that Airflow's SQL hooks and SQLAlchemy know. The table is made if there is none: a
    column for each member that the provider knows, typed, ``other_members`` (JSON) for the rest, and a
    primary key. A row that is there already is updated, and left alone if nothing changed, so that a retry
    changes nothing twice. What is read, and how, is said by the arguments of ``ResourceTransfer``.

    The task updates the assets in its ``outlets``, with what became of the rows as the event's extra. If it
    has none, its outlet is the alias ``damstra/<dag_id>/<task_id>``, to which it adds the table as an asset,
    such as ``postgres://host:5432/database/schema/table``. OpenLineage is told source and target.

    :param sql_conn_id: id of the connection to the database (templated).
    :param table: name of the table (templated).
    :param schema: the schema it is in; default the connection's own (templated).
    :param write_mode: ``upsert`` inserts and updates batch by batch, each in a transaction, and deletes
        nothing; where Airflow keeps such a thing (from 3.3), a retry does not ask again for those groups,
        users or sessions whose rows are written. ``replace`` collects all rows first, in a temporary file of
        the worker, and then, in one transaction, lets the table hold these and no others; the rows of a
        group, user or session that was left out stay.
    :param batch_size: rows that are written at once.
    :param add_missing_columns: add columns that a table lacks, instead of failing.
    :param sql_hook_params: arguments of the connection's hook (templated).
    :return: ``table``, ``rows`` (read by this attempt), ``inserted``, ``updated``, ``deleted`` (only with
        ``replace``), ``watermark`` (the latest ``modifiedDate`` of the rows that this attempt read),
        ``failed_parent_count`` and ``failed_parents``, the ids of the first twenty with the reason.
    """

    template_fields = (*ResourceTransfer.template_fields, "sql_conn_id", "table", "schema", "sql_hook_params")

    def __init__(
        self,
        *,
        sql_conn_id: str,
        table: str,
        schema: str | None = None,
        write_mode: str = "upsert",
        batch_size: int = 10_000,
        add_missing_columns: bool = False,
        sql_hook_params: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.outlets = self.outlets or [output_alias(self)]
        validate_choice("write_mode", write_mode, "upsert", "replace")
        validate_number("batch_size", batch_size, at_least=1)
        self.sql_conn_id = sql_conn_id
        self.table = table
        self.schema = schema
        self.write_mode = write_mode
        self.batch_size = batch_size
        self.add_missing_columns = add_missing_columns
        self.sql_hook_params = sql_hook_params

    def _execute(self, context: Context) -> dict[str, Any]:
        """Return what became of the rows."""
        from airflow_provider_damstra.exports.sql.errors import translate_database_errors
        from airflow_provider_damstra.exports.sql.prepare import prepare_table
        from airflow_provider_damstra.exports.sql.schema import ResourceTable
        from airflow_provider_damstra.transfers.resume import WrittenParents
        from airflow_provider_damstra.transfers.sql_engine import create_sql_engine

        query = self.create_query(deduplicates=True)
        target = ResourceTable(query.resource, self.table, self.schema)
        engine = create_sql_engine(self.sql_conn_id, self.sql_hook_params)
        where = (self.sql_conn_id, str(target), self.write_mode)
        done = WrittenParents(context, fingerprint=self.fingerprint(query, *where))
        with translate_database_errors(f"the table {target} of {self.sql_conn_id} cannot be written"):
            is_new = prepare_table(
                engine, target, add_columns=self.add_missing_columns, deletes=self.write_mode == "replace"
            )
            if is_new:
                done.clear()
            with self.open_reader(query) as reader:
                facts = self._write(engine, target, reader, done)
        done.clear()
        self._tell(engine, target, facts, context)
        self.log.info("%s in the table %s: %s", self.resource, target, facts)
        return {"table": str(target), **facts, **self.report_failed_parents(reader)}

    def _tell(self, engine: Engine, target: ResourceTable, facts: dict[str, Any], context: Context) -> None:
        """Let Airflow and OpenLineage know of the table."""
        from airflow_provider_damstra.transfers.sql_engine import table_location

        server, names = table_location(engine, schema=target.schema, table=target.name)
        self.written = {"target": (server, ".".join(names)), "rows": facts["rows"]}
        known = {"table": str(target), "resource": self.resource, **facts}
        emit_asset_events(self, context, uri=asset_uri(server, *names), extra=known)

    def _write(
        self, engine: Engine, target: ResourceTable, reader: ResourceReader, done: WrittenParents
    ) -> dict[str, Any]:
        from airflow_provider_damstra.exports.sql import load as loading

        if self.write_mode == "replace":
            # The temporary file is lost with this try, so the next one has to read all rows.
            pages = (page.rows for page in loading.read_with_progress(reader))
            return loading.replace_all(
                engine,
                target,
                pages,
                batch_size=self.batch_size,
                kept_parents=reader.failed.keys(),
                is_complete=lambda: reader.is_complete,
            )
        pages_read = loading.read_with_progress(reader, skip=frozenset(done.ids))
        batches = loading.batches_of(pages_read, size=self.batch_size, written=done.add)
        return loading.upsert_batches(engine, target, batches)

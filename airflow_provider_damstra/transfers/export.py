"""The operator that exports a resource to a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, Unpack, cast

from airflow_provider_damstra.transfers.base import ResourceTransfer, validate_file_options
from airflow_provider_damstra.transfers.lineage import (
    asset_uri,
    emit_asset_events,
    file_location,
    output_alias,
    source_asset,
    varies_by_run,
)
from airflow_provider_damstra.validation import parse_bool, validate_booleans

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_damstra.arguments import ResourceArguments, Text
    from airflow_provider_damstra.exports.reader import ResourceReader, Rows
    from airflow_provider_damstra.exports.resources import Resource, ResourceQuery
    from airflow_provider_damstra.transfers.incremental_export import IncrementalExport


class DamstraExportOperator(ResourceTransfer):
    """Write all rows of a resource to a file on any object storage, and return its URI and facts about it.

    What is read, and how, is set by the arguments of ``ResourceTransfer``.

    **File.** JSON lines contain each row as the server sent it, so nothing is lost; CSV and Parquet have a
    column for each member of the model, in Parquet with its type, and ``other_members``, JSON, for
    the rest. The file is written under a hidden name next to the target and renamed when it is complete: a
    killed or failed try leaves an existing file unchanged, and the next try removes its temporary file.

    **Retries.** Where rows are listed for many groups, users or sessions, a retry continues where the last
    try stopped: until the file is complete, pages are kept in a hidden folder next to the target (the
    checkpoint), on a local disk page by page, on object storage every ten seconds. A listing that was read in
    part is continued if its next row has not moved, and read from its beginning otherwise. The
    checkpoint is removed with the last try, and not used more than a day after the export began; one that a
    killed last try has left is removed by a later DAG run's export. A single listing is read from its
    beginning.

    **Incremental exports.** The API cannot filter by changes: ``incremental`` reads everything and writes
    what is new. A row is new if it was not in the last DAG run's export of this target (the argument before
    rendering), or had another ``modifiedDate``, ``status`` or ``clientStatusId`` there; without
    ``modifiedDate``, if any member differs. The versions of the rows are kept in a hidden file next to the
    target, and its path in the state store of an asset that stands for the resource (Airflow 3.3) or in an
    Airflow Variable (before, and in mapped tasks); both are replaced after the new file is in place. A DAG
    run that runs again is compared with the same export again; one that is earlier than the last writes all
    rows.

    **Assets.** The task updates the assets in its ``outlets``, with the facts about the file and the date of
    the DAG run as the event's extra. If it has none, its outlet is the alias ``damstra/<dag_id>/<task_id>``,
    to which it adds one asset: the file, or, if ``target_path`` is rendered to another file in each DAG run,
    the asset ``damstra/<dag_id>/<task_id>``. OpenLineage receives source and target.

    :param resource: name of the resource, see ``ResourceTransfer`` (templated).
    :param target_path: path or URL of the file, such as ``s3://lake/users/{{ ds }}.jsonl`` (templated).
    :param file_format: ``"jsonl"``, ``"csv"`` or ``"parquet"``; Parquet needs the extra ``parquet``.
    :param compression: ``"gzip"``, ``"zstd"`` or None for none: of the columns in Parquet, else of the whole
        file, where ``zstd`` needs the extra ``zstd`` below Python 3.14.
    :param safe_for_spreadsheets: in CSV, put an apostrophe before each formula in a text, for files that are
        opened in a spreadsheet: users can change their names. The file begins with a byte order mark, so that
        Excel reads it as UTF-8. Programs read the apostrophe as a part of the text.
    :param checkpoint: whether pages are kept for a retry. They are not if ``exclude_columns`` has ids of
        rows, or of their groups, users or sessions, and ``hash_columns`` is empty.
    :param incremental: whether only rows are written that are new since the last DAG run.
    :param full_refresh: whether all rows are written although ``incremental`` is set; the next DAG run is
        compared with this one. A boolean, or the string ``"true"`` or ``"false"`` (templated).
    :param find_deleted: whether the keys of rows that the last DAG run had and this one has not are written
        to ``<target_path>.deleted.jsonl``, a JSON object on each line. Rows that only moved to another page
        while they were read are not among them; with ``filters``, rows that no longer match are. There is no
        such file if a parent was left out.
    :return: the XCom ``return_value``, a dictionary: ``uri`` (the target path), ``rows``, ``bytes``,
        ``sha256``, ``watermark`` (the latest ``modifiedDate``, if exports are compared, or None),
        ``deleted_uri`` and ``deleted`` (with ``find_deleted``: path and number of the deleted keys),
        ``failed_parent_count``, and ``failed_parents`` (error messages by id, of the first twenty). ``uri``,
        ``rows``, ``sha256`` and ``deleted_uri`` are XComs of their own, too: a task with the argument
        ``users.output["uri"]`` runs after the task ``users``.
    """

    xcom_keys = ("uri", "rows", "sha256", "deleted_uri")
    template_fields = (*ResourceTransfer.template_fields, "target_path", "full_refresh")

    def __init__(
        self,
        *,
        target_path: Text,
        file_format: Literal["jsonl", "csv", "parquet"] = "jsonl",
        compression: Literal["gzip", "zstd"] | None = None,
        safe_for_spreadsheets: bool = False,
        checkpoint: bool = True,
        incremental: bool = False,
        full_refresh: bool | Text = False,
        find_deleted: bool = False,
        **kwargs: Unpack[ResourceArguments],
    ) -> None:
        super().__init__(**kwargs)
        validate_file_options(file_format, compression, safe_for_spreadsheets=safe_for_spreadsheets)
        validate_booleans(checkpoint=checkpoint, incremental=incremental, find_deleted=find_deleted)
        self.target_path = cast("str", target_path)
        self.file_format = file_format
        self.compression = compression
        self.safe_for_spreadsheets = safe_for_spreadsheets
        self.checkpoint = checkpoint
        self.incremental = incremental
        self.full_refresh = full_refresh
        self.find_deleted = find_deleted
        self._unrendered_target = str(target_path)
        self._source = source_asset(self.damstra_conn_id, self.resource) if self._is_compared else None
        self.inlets = [*self.inlets, *filter(None, (self._source,))]
        self.outlets = self.outlets or [output_alias(self)]

    def _execute(self, context: Context) -> dict[str, Any]:
        from airflow_provider_damstra.exports.formats import require_format

        query = self.create_query(deduplicates=self._is_compared)
        if query.hidden and self._is_compared:
            query.hidden.require_ids(needed_for="incremental" if self.incremental else "find_deleted")
        self.validate_paths("target_path")
        require_format(self.file_format, self.compression)
        parse_bool("full_refresh", self.full_refresh)
        with self.open_reader(query) as reader:
            facts = self._write(reader, context)
        self.log.info("%d rows of %s written to %s", facts["rows"], self.resource, self.target_path)
        self._report_file(facts, context)
        return {"uri": self.target_path, **facts, **self.report_failed_parents(reader)}

    @property
    def _is_compared(self) -> bool:
        """Return whether the rows are compared with those of the last DAG run."""
        return self.incremental or self.find_deleted

    def _write(self, reader: ResourceReader, context: Context) -> dict[str, Any]:
        """Write the file, and the state for the next DAG run."""
        resource = reader.query.written_resource
        with self._open_pages(reader, context) as pages:
            if not self._is_compared:
                return {**self._write_file(resource, pages), "watermark": None}
            incremental = self._incremental_export(reader.query, context)
            with incremental.open_versions(resource) as versions:
                facts = self._write_file(resource, incremental.filter_changed(versions, pages))
                return facts | incremental.finish(
                    versions, has_failed_parents=bool(reader.failed), is_complete=reader.is_complete
                )

    def _write_file(self, resource: Resource, pages: Iterator[Rows]) -> dict[str, Any]:
        from airflow_provider_damstra.exports.formats import write_rows
        from airflow_provider_damstra.storage import atomic_open

        with atomic_open(self.target_path, task_try=self.task_try) as file:
            return write_rows(
                file,
                resource,
                pages,
                file_format=self.file_format,
                compression=self.compression,
                safe_for_spreadsheets=self.safe_for_spreadsheets,
            )

    @contextmanager
    def _open_pages(self, reader: ResourceReader, context: Context) -> Iterator[Iterator[Rows]]:
        """Yield the rows page by page; they are kept in a checkpoint until the block ends."""
        from airflow_provider_damstra.exports.checkpoint import read_with_checkpoint
        from airflow_provider_damstra.transfers.resume import open_checkpoint

        query = reader.query
        if query.resource.parent is None or not (self.checkpoint and query.allows_checkpoint):
            yield (page.rows for page in reader.pages() if page.rows)
            return
        fingerprint = self.fingerprint(query, query.parent_ids)
        with open_checkpoint(self.target_path, context, fingerprint=fingerprint) as checkpoint:
            yield read_with_checkpoint(reader, checkpoint)

    def _incremental_export(self, query: ResourceQuery, context: Context) -> IncrementalExport:
        from airflow_provider_damstra.task_state import AssetState, task_position
        from airflow_provider_damstra.transfers.incremental_export import IncrementalExport, run_ref

        fingerprint = self.fingerprint(query, self._unrendered_target, *task_position(context))
        return IncrementalExport(
            target_path=self.target_path,
            task_try=self.task_try,
            state=AssetState(context, asset=self._source, name="export", fingerprint=fingerprint),
            run=run_ref(context),
            all_rows=not self.incremental or parse_bool("full_refresh", self.full_refresh),
            find_deleted=self.find_deleted,
        )

    def _report_file(self, facts: dict[str, Any], context: Context) -> None:
        """Report the file to Airflow and OpenLineage."""
        location = file_location(self.target_path)
        self.written = {"target": location, "rows": facts["rows"], "size": facts["bytes"]}
        extra = {"uri": self.target_path, "resource": self.resource, **facts}
        uri = None if varies_by_run(self._unrendered_target) else asset_uri(*location)
        emit_asset_events(self, context, uri=uri, extra=extra)

"""The operator that exports a resource to a file."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.transfers.assets import (
    alias_of,
    emit,
    place_of,
    source_of,
    uri_of_file,
)
from airflow_provider_damstra.transfers.base import ResourceTransfer
from airflow_provider_damstra.validation import parse_bool, validate_choice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import Context

    from airflow_provider_damstra.clients.client import Client
    from airflow_provider_damstra.exports.reader import Export, Rows
    from airflow_provider_damstra.exports.resources import Resource
    from airflow_provider_damstra.transfers.incremental import IncrementalExport


class DamstraExportOperator(ResourceTransfer):
    """Write all rows of a resource to a file on any object storage, and return where it is.

    JSON lines hold each row as the server sent it, so nothing is lost; CSV and Parquet have a column for each
    member that the provider knows, in Parquet with its type, and ``other_members``, JSON, for the rest. The
    file is written under a hidden name beside the target and moved when it is whole.

    Where rows are listed for many groups, users or sessions, a retry goes on where the last attempt ended:
    until the file is there, what came is kept in a hidden folder beside the target, on a disk page by page,
    on object storage every ten seconds. A listing that was half read is gone on with if its rows stayed.
    What was begun more than a day ago is read anew, and so is a single listing.

    The API cannot be asked for changes: ``incremental`` reads everything and writes what is new. A row is new
    if it was not in the last DAG run's export of this target, as the DAG has it, or had another
    ``modifiedDate`` or ``status`` there; one without ``modifiedDate``, if anything in it differs. What that
    export was is kept in the state store of an asset that stands for the resource (Airflow 3.3), or in an
    Airflow Variable (before, and in mapped tasks), with a hidden file beside its target; it is replaced once
    the new file is in place. A DAG run that runs again is compared with the same export again; an earlier one
    than the last writes all rows.

    The task updates the assets in its ``outlets``, with what is known of the file as the event's extra. If it
    has none, its outlet is the alias ``damstra/<dag_id>/<task_id>``, to which it adds the file as an asset.
    OpenLineage is told source and target.

    What is read, and how, is said by the arguments of ``ResourceTransfer``.

    :param target_path: path or URL of the file, such as ``s3://lake/users/{{ ds }}.jsonl`` (templated).
    :param file_format: ``jsonl``, ``csv`` or ``parquet``; Parquet needs the extra ``parquet``.
    :param compression: ``gzip``, ``zstd`` or None for none; in Parquet that of the columns, and else of the
        whole file, where ``zstd`` needs the extra ``zstd`` before Python 3.14.
    :param checkpoint: False to keep nothing for a retry.
    :param incremental: write only rows that are new since the last DAG run.
    :param full_refresh: write all rows all the same; the next run is compared with this one (templated).
    :param find_deleted: write the keys of rows that the last DAG run had and this one has not to
        ``<target_path>.deleted.jsonl``, a JSON object each, but not of who only moved to another page
        meanwhile; a run that left somebody out has no such file.
    :return: ``uri``, ``rows``, ``bytes``, ``sha256``, ``watermark`` (if exports are compared, the latest
        ``modifiedDate``), ``deleted_uri`` and ``deleted`` (if asked for), ``failed_parent_count`` and
        ``failed_parents``, the ids of the first twenty with the reason.
    """

    template_fields = (*ResourceTransfer.template_fields, "target_path", "full_refresh")

    def __init__(
        self,
        *,
        resource: str,
        target_path: str,
        file_format: str = "jsonl",
        compression: str | None = None,
        checkpoint: bool = True,
        incremental: bool = False,
        full_refresh: bool | str = False,
        find_deleted: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(resource=resource, **kwargs)
        validate_choice("file_format", file_format, "jsonl", "csv", "parquet")
        validate_choice("compression", compression, "gzip", "zstd", None)
        validate_choice("checkpoint", checkpoint, True, False)
        validate_choice("incremental", incremental, True, False)
        validate_choice("find_deleted", find_deleted, True, False)
        self.target_path = target_path
        self.file_format = file_format
        self.compression = compression
        self.checkpoint = checkpoint
        self.incremental = incremental
        self.full_refresh = full_refresh
        self.find_deleted = find_deleted
        self._target_as_written = str(target_path)
        self._source = source_of(self.damstra_conn_id, resource) if self._is_compared else None
        self.inlets = [*self.inlets, *filter(None, (self._source,))]
        self.outlets = self.outlets or [alias_of(self)]

    def _execute(self, context: Context) -> dict[str, Any]:
        """Return where the file is and what is in it."""
        export = self.export(knows_what_comes_again=self._is_compared)
        self._refuse_what_cannot_be_written()
        facts = self._write(export, context)
        self.log.info("%d rows of %s written to %s", facts["rows"], self.resource, self.target_path)
        self._tell(facts, context)
        return {
            "uri": self.target_path,
            **facts,
            "failed_parents": self.failed_parents(export),
            "failed_parent_count": len(export.failed),
        }

    @property
    def _is_compared(self) -> bool:
        """Return whether the rows are compared with those of the last DAG run."""
        return self.incremental or self.find_deleted

    def _tell(self, facts: dict[str, Any], context: Context) -> None:
        """Let Airflow and OpenLineage know of the file."""
        place = place_of(self.target_path)
        self.written = {"target": place, "rows": facts["rows"], "size": facts["bytes"]}
        known = {"uri": self.target_path, "resource": self.resource, **facts}
        emit(self, context, uri=uri_of_file(self.target_path), extra=known)

    def _refuse_what_cannot_be_written(self) -> None:
        from airflow_provider_damstra.exports.formats import refuse_missing_format
        from airflow_provider_damstra.storage import validate_writable_path

        validate_writable_path("target_path", self.target_path, task_try=self.task_try)
        refuse_missing_format(self.file_format, self.compression)
        parse_bool("full_refresh", self.full_refresh)

    def _write(self, export: Export, context: Context) -> dict[str, Any]:
        """Write the file, and what is to be known of it in the next DAG run."""
        with self.open_client() as client, self._pages(export, client, context) as pages:
            if not self._is_compared:
                return {**self._write_file(export.resource, pages), "watermark": None}
            following = self._following(export, context)
            with following.increment(export.resource) as increment:
                facts = self._write_file(export.resource, following.new_rows(increment, pages))
                is_complete = not export.failed
                return facts | following.finish(
                    increment, is_complete=is_complete, is_certain=export.is_certain
                )

    def _write_file(self, resource: Resource, pages: Iterator[Rows]) -> dict[str, Any]:
        from airflow_provider_damstra.exports.formats import write_rows
        from airflow_provider_damstra.storage import atomic_open

        with atomic_open(self.target_path, task_try=self.task_try) as file:
            return write_rows(
                file, resource, pages, file_format=self.file_format, compression=self.compression
            )

    @contextmanager
    def _pages(self, export: Export, client: Client, context: Context) -> Iterator[Iterator[Rows]]:
        """Yield the pages, kept for a retry until the file is there."""
        from airflow_provider_damstra.exports.checkpoint import pages_with_checkpoint
        from airflow_provider_damstra.exports.progress import with_progress
        from airflow_provider_damstra.transfers.checkpoints import checkpoint_beside

        if export.resource.parent is None or not self.checkpoint:
            yield with_progress(export.pages(client), export.resource.name, total=lambda: export.total)
            return
        arguments = self.fingerprint(export, export.parent_ids)
        with checkpoint_beside(self.target_path, context, arguments=arguments) as checkpoint:
            yield pages_with_checkpoint(export, client, checkpoint)

    def _following(self, export: Export, context: Context) -> IncrementalExport:
        from airflow_provider_damstra.task_state import AssetState
        from airflow_provider_damstra.transfers.incremental import IncrementalExport, run_of

        map_index = getattr(context["ti"], "map_index", -1)
        key = self.fingerprint(export, self._target_as_written, map_index)
        return IncrementalExport(
            target_path=self.target_path,
            task_try=self.task_try,
            state=AssetState(context, asset=self._source, name="export", fingerprint=key),
            run=run_of(context),
            all_rows=not self.incremental or parse_bool("full_refresh", self.full_refresh),
            finds_deleted=self.find_deleted,
        )

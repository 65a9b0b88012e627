"""The operator that exports a resource to a file."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.arguments import one_of
from airflow_provider_damstra.transfers.base import ResourceTransfer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import Context

    from airflow_provider_damstra.clients.sync import Client
    from airflow_provider_damstra.exports.rows import Export, Rows


class DamstraExportOperator(ResourceTransfer):
    """Write all rows of a resource to a file on any object storage, and return where it is.

    JSON lines hold each row as the server sent it, so nothing is lost; CSV and Parquet have a column for each
    member that the provider knows, in Parquet with its type, and ``other_members``, JSON, for the rest. The
    file is written under a hidden name beside the target and moved when it is whole.

    Where rows are listed for many groups, users or sessions, a retry goes on where the last attempt ended:
    until the file is there, what came is kept in a hidden folder beside the target, on a disk page by page,
    on object storage every ten seconds. What was begun more than a day ago is read anew, and so is a single
    listing.

    What is read, and how, is said by the arguments of ``ResourceTransfer``.

    :param target_path: path or URL of the file, such as ``s3://lake/users/{{ ds }}.jsonl`` (templated).
    :param file_format: ``jsonl``, ``csv`` or ``parquet``; Parquet needs the extra ``parquet``.
    :param compression: ``gzip``, ``zstd`` or None for none; in Parquet that of the columns, and else of the
        whole file, where ``zstd`` needs the extra ``zstd`` before Python 3.14.
    :param checkpoint: False to keep nothing for a retry.
    :return: ``uri``, ``rows``, ``bytes``, ``sha256``, ``failed_parent_count`` and ``failed_parents``, the ids
        of the first twenty with the reason.
    """

    template_fields = (*ResourceTransfer.template_fields, "target_path")

    def __init__(
        self,
        *,
        target_path: str,
        file_format: str = "jsonl",
        compression: str | None = None,
        checkpoint: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        one_of("file_format", file_format, "jsonl", "csv", "parquet")
        one_of("compression", compression, "gzip", "zstd", None)
        one_of("checkpoint", checkpoint, True, False)
        self.target_path = target_path
        self.file_format = file_format
        self.compression = compression
        self.checkpoint = checkpoint

    def act(self, context: Context) -> dict[str, Any]:
        """Return where the file is and what is in it."""
        from airflow_provider_damstra.exports.files import refuse_missing_format, write_rows
        from airflow_provider_damstra.storage import opened_whole, refuse_what_is_no_file

        export = self.export()
        refuse_what_is_no_file("target_path", self.target_path)
        refuse_missing_format(self.file_format, self.compression)
        with (
            self.client() as client,
            self._pages(export, client, context) as pages,
            opened_whole(self.target_path, attempt=self.attempt) as file,
        ):
            facts = write_rows(
                file, export.resource, pages, file_format=self.file_format, compression=self.compression
            )
        failed = self.failed_parents(export)
        self.log.info("%d rows of %s written to %s", facts["rows"], self.resource, self.target_path)
        return {
            "uri": self.target_path,
            **facts,
            "failed_parents": failed,
            "failed_parent_count": len(export.failed),
        }

    @contextmanager
    def _pages(self, export: Export, client: Client, context: Context) -> Iterator[Iterator[Rows]]:
        """Yield the pages, kept for a retry until the file is there."""
        from airflow_provider_damstra.exports.checkpoint import pages_with_checkpoint
        from airflow_provider_damstra.exports.progress import with_progress
        from airflow_provider_damstra.transfers.support.checkpoints import checkpoint_beside

        if export.resource.parent is None or not self.checkpoint:
            yield with_progress(export.pages(client), export.resource.name, total=lambda: export.total)
            return
        with checkpoint_beside(self.target_path, context, arguments=self.fingerprint(export)) as checkpoint:
            yield pages_with_checkpoint(export, client, checkpoint)

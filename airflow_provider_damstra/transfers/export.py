"""The operator that exports a resource to a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.arguments import one_of
from airflow_provider_damstra.transfers.base import ResourceTransfer

if TYPE_CHECKING:
    from airflow.sdk import Context


class DamstraExportOperator(ResourceTransfer):
    """Write all rows of a resource to a file on any object storage, and return where it is.

    JSON lines hold each row as the server sent it, so nothing is lost; CSV and Parquet have a column for each
    member that the provider knows, in Parquet with its type, and ``other_members``, JSON, for the rest. The
    file is written under a hidden name beside the target and moved when it is whole; a retry starts anew.
    What is read, and how, is said by the arguments of ``ResourceTransfer``.

    :param target_path: path or URL of the file, such as ``s3://lake/users/{{ ds }}.jsonl`` (templated).
    :param file_format: ``jsonl``, ``csv`` or ``parquet``; Parquet needs the extra ``parquet``.
    :param compression: ``gzip``, ``zstd`` or None for none; in Parquet that of the columns, and else of the
        whole file, where ``zstd`` needs the extra ``zstd`` before Python 3.14.
    :return: ``uri``, ``rows``, ``bytes``, ``sha256`` and ``failed_parents``, ids with the reason.
    """

    template_fields = (*ResourceTransfer.template_fields, "target_path")

    def __init__(
        self, *, target_path: str, file_format: str = "jsonl", compression: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        one_of("file_format", file_format, "jsonl", "csv", "parquet")
        one_of("compression", compression, "gzip", "zstd", None)
        self.target_path = target_path
        self.file_format = file_format
        self.compression = compression

    def act(self, context: Context) -> dict[str, Any]:
        """Return where the file is and what is in it."""
        from airflow_provider_damstra.exports.files import refuse_missing_format, write_rows
        from airflow_provider_damstra.storage import opened_whole, refuse_what_is_no_file

        export = self.export()
        refuse_what_is_no_file("target_path", self.target_path)
        refuse_missing_format(self.file_format, self.compression)
        with self.client() as client, opened_whole(self.target_path, attempt=self.attempt) as file:
            facts = write_rows(
                file,
                export.resource,
                export.pages(client),
                file_format=self.file_format,
                compression=self.compression,
            )
        failed = self.failed_parents(export)
        self.log.info("%d rows of %s written to %s", facts["rows"], self.resource, self.target_path)
        return {"uri": self.target_path, **facts, "failed_parents": failed}

"""The command ``export``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.cli.execution import CommandError, UsageError, airflow_command, usage_errors
from airflow_provider_damstra.cli.files import format_of
from airflow_provider_damstra.cli.output import print_item
from airflow_provider_damstra.cli.progress import read_with_progress
from airflow_provider_damstra.exports.formats import require_format, write_rows
from airflow_provider_damstra.storage import TaskTry, atomic_open
from airflow_provider_damstra.transfers.export import DamstraExportOperator

if TYPE_CHECKING:
    from argparse import Namespace

    from airflow_provider_damstra.exports.reader import ResourceReader


@airflow_command(needs_database=False)
def export(args: Namespace) -> None:
    """Write the rows of a resource to a file, and print facts about it.

    :raises CommandError: if groups, users or sessions were left out.
    """
    with usage_errors():
        operator = _create_operator(args)
        query = operator.create_query(deduplicates=False)
        operator.validate_paths("target_path")
        require_format(operator.file_format, operator.compression)
    with operator.open_reader(query) as reader:
        facts = {"path": args.target_path, **_write(operator, reader)}
    print_item(facts, output=args.output)
    if reader.failed:
        lines = [f"{query.resource.parent_argument} {key}: {why}" for key, why in reader.failed.items()]
        raise CommandError("\n".join(["Left out:", *lines]))


def _create_operator(args: Namespace) -> DamstraExportOperator:
    """Return the operator with the command's options; it is not executed, as it needs no task."""
    excluded = args.exclude_columns or ""
    file_format, compression = format_of(args.target_path, default="jsonl")
    file_format = args.file_format or file_format
    if file_format == "parquet":
        # Its compression is that of the columns, which a name does not have.
        compression = None
    return DamstraExportOperator(
        task_id="export",
        damstra_conn_id=args.conn_id,
        resource=args.resource,
        target_path=args.target_path,
        file_format=file_format,
        compression=args.compression or compression,
        safe_for_spreadsheets=args.safe_for_spreadsheets,
        filters=_parse_filters(args.filter),
        parent_ids=args.parent_ids,
        on_failed_parent="skip" if args.skip_failed_parents else "fail",
        exclude_columns=[name.strip() for name in excluded.split(",") if name.strip()],
    )


def _parse_filters(filters: list[str]) -> dict[str, str]:
    if wrong := [text for text in filters if "=" not in text]:
        raise UsageError(f"--filter {wrong[0]!r} is not NAME=VALUE, such as status=overdue.")
    return {name.strip(): value for name, _, value in (text.partition("=") for text in filters)}


def _write(operator: DamstraExportOperator, reader: ResourceReader) -> dict[str, Any]:
    with atomic_open(operator.target_path, task_try=TaskTry()) as file:
        return write_rows(
            file,
            reader.query.written_resource,
            read_with_progress(reader),
            file_format=operator.file_format,
            compression=operator.compression,
            safe_for_spreadsheets=operator.safe_for_spreadsheets,
        )

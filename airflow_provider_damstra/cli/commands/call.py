"""The command ``call``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.cli.cli_config import ARG_VERBOSE
from pydantic import BaseModel
from rich.markup import escape
from rich_argparse import RawTextRichHelpFormatter

from airflow_provider_damstra import endpoints
from airflow_provider_damstra.cli.commands.resources import create_call, open_rows
from airflow_provider_damstra.cli.confirmation import confirm
from airflow_provider_damstra.cli.definitions.base import CONN_ID, EXIT_CODES, LIMIT, OUTPUT_FORMATS, YES
from airflow_provider_damstra.cli.execution import (
    CommandError,
    InterruptedChangeError,
    airflow_command,
    print_message,
)
from airflow_provider_damstra.cli.files import STANDARD_STREAM, require_writable, write_file
from airflow_provider_damstra.cli.operation_options import add_field_options, field_values
from airflow_provider_damstra.cli.output import print_item, print_items
from airflow_provider_damstra.endpoints.base import ListEndpoint
from airflow_provider_damstra.errors import DamstraError
from airflow_provider_damstra.hooks.damstra import DamstraHook

if TYPE_CHECKING:
    from airflow_provider_damstra.cli.output import Item
    from airflow_provider_damstra.endpoints.base import Endpoint
    from airflow_provider_damstra.http import Request

_LISTINGS = {
    "user": "users list",
    "group": "groups list",
    "lesson_schedule": "schedules list --user-id ID",
    "ilt_session": "sessions list",
}
"""Commands that show the records which a change is about, by the segment of its path."""


def call(args: argparse.Namespace) -> None:
    """Call an operation and print its result; the options of the operation are parsed here."""
    namespace = operation_parser(args.operation).parse_args(args.arguments)
    namespace.operation = args.operation
    namespace.verbose = args.verbose or namespace.verbose
    _call(namespace)


def operation_parser(name: str) -> argparse.ArgumentParser:
    """Return the parser of the options of an operation."""
    endpoint = _endpoint(name)
    parser = argparse.ArgumentParser(
        prog=f"airflow damstra call {name}",
        description=escape((endpoint.__doc__ or "").replace("``", "")),
        epilog=EXIT_CODES,
        formatter_class=RawTextRichHelpFormatter,
        allow_abbrev=False,
    )
    add_field_options(parser, endpoint)
    for argument in (CONN_ID, ARG_VERBOSE, *([YES] if endpoint.method != "GET" else [])):
        argument.add_to_parser(parser)
    if _is_written_to_file(endpoint):
        parser.add_argument(
            "--file",
            required=True,
            help=f"path or URL of the file for the result; {STANDARD_STREAM} is standard output",
        )
        return parser
    parser.add_argument("-o", "--output", choices=OUTPUT_FORMATS, default="json", help="output format")
    if issubclass(endpoint, ListEndpoint):
        LIMIT.add_to_parser(parser)
    return parser


def _endpoint(name: str) -> type[Endpoint[Any]]:
    found: type[Endpoint[Any]] = getattr(endpoints, name)
    return found


def _is_written_to_file(endpoint: type[Endpoint[Any]]) -> bool:
    """Return whether the result is a file or a secret, which is not printed unless that is requested."""
    return endpoint.response_is_secret or endpoint.result_type() is bytes


@airflow_command(needs_database=False)
def _call(args: argparse.Namespace) -> None:
    endpoint = _endpoint(args.operation)
    request = create_call(endpoint, field_values(endpoint, args))
    hook = DamstraHook(damstra_conn_id=args.conn_id)
    if _is_written_to_file(endpoint):
        require_writable("--file", args.file)
    if request.request().is_write:
        confirm(f"Send {request.request()} to {hook.settings.base_url} (connection {args.conn_id!r})?", args)
    if isinstance(request, ListEndpoint):
        _print_rows(hook, request, args)
        return
    with _unknown_outcomes(request.request(), args.conn_id):
        result = hook.call(request)
    if _is_written_to_file(endpoint):
        write_file(args.file, result if isinstance(result, bytes) else str(result).encode())
    else:
        _print_result(result, args.output)


@contextmanager
def _unknown_outcomes(request: Request, conn_id: str) -> Iterator[None]:
    """Say how to look up the outcome of a change whose response is lost, or that is interrupted.

    :raises CommandError: if the server may have carried out the change.
    """
    segments = [name for name in request.path.split("/") if name in _LISTINGS]
    command = _LISTINGS[segments[-1] if segments else "user"]
    advice = (
        "It may have been carried out: look it up before you send it again, such as by airflow damstra "
        f"{command} --conn-id {conn_id}."
    )
    try:
        yield
    except DamstraError as error:
        if error.outcome_unknown:
            raise CommandError(f"{error} {advice}") from None
        raise
    except KeyboardInterrupt:
        if request.is_write:
            raise InterruptedChangeError(f"Interrupted while {request} was sent. {advice}") from None
        raise


def _print_rows(hook: DamstraHook, request: ListEndpoint[Any], args: argparse.Namespace) -> None:
    fields = request.row_type().model_fields.items()
    columns = [info.serialization_alias or name for name, info in fields]
    with open_rows(hook, request) as rows:
        items = map(_to_item, rows)
        print_items(items, columns=columns, output=args.output, limit=args.limit, whole=True)


def _print_result(result: Any, output: str) -> None:
    if result is None:
        print_message("Done.")
    elif isinstance(result, BaseModel):
        print_item(_to_item(result), output=output)
    else:
        items = [_to_item(item) for item in result]
        columns = list(dict.fromkeys(name for item in items for name in item))
        print_items(items, columns=columns, output=output)


def _to_item(result: Any) -> Item:
    """Return a row, or an id, with the API's own names."""
    if isinstance(result, BaseModel):
        return result.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return {"id": result}

"""The commands ``doctor`` and ``verify``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import PurePath
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import mask_secret

from airflow_provider_damstra.cli.execution import CommandError, UsageError, airflow_command, print_message
from airflow_provider_damstra.cli.files import require_writable, write_file
from airflow_provider_damstra.cli.output import print_items
from airflow_provider_damstra.diagnostics.doctor.run import diagnose
from airflow_provider_damstra.diagnostics.finding import Level
from airflow_provider_damstra.diagnostics.verification.report import render_json, render_markdown
from airflow_provider_damstra.diagnostics.verification.run import verify
from airflow_provider_damstra.hooks.connection import load_settings

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from airflow_provider_damstra.diagnostics.verification.run import Verification

FINDING_COLUMNS = ("check", "level", "text", "advice")
ASSUMPTION_COLUMNS = ("assumption", "outcome", "details")
RENDERERS: dict[str, Callable[[Verification], str]] = {".md": render_markdown, ".json": render_json}
"""Formats of the report by the suffix of its file."""


class NothingVerifiedError(CommandError):
    """The account did not respond to any request, so that it could not be compared."""

    exit_code = 3


# Not the metadata database: doctor reports that it cannot be reached.
@airflow_command(needs_database=False)
def doctor(args: Namespace) -> None:
    """Print the findings of all checks.

    :raises CommandError: if one of them is an error.
    """
    findings = list(diagnose(args.conn_id))
    items = ({**asdict(finding), "level": finding.level.value} for finding in findings)
    print_items(items, columns=FINDING_COLUMNS, output=args.output)
    errors = [finding.check for finding in findings if finding.level is Level.ERROR]
    if errors:
        raise CommandError(f"Errors were found: {', '.join(dict.fromkeys(errors))}.")


@airflow_command(needs_database=False)
def verify_account(args: Namespace) -> None:
    """Print the outcome of each assumption, and write the report.

    :raises UsageError: if the report cannot be written to this file.
    :raises NothingVerifiedError: if the account did not respond to any request.
    :raises CommandError: if the account deviates from an assumption.
    """
    path: str | None = args.report
    render = _renderer(path) if path else None
    settings = load_settings(args.conn_id)
    mask_secret(settings.access_key.get_secret_value())
    verification = verify(settings, max_requests=args.max_requests, page_size=args.page_size)
    if path and render:
        write_file(path, render(verification).encode())
        print_message("The report has no value of a record, so that it can be sent.")
    items = [
        {
            "assumption": result.assumption_id,
            "outcome": result.outcome.value,
            "details": "; ".join(result.details),
        }
        for result in verification.results
    ]
    print_items(items, columns=ASSUMPTION_COLUMNS, output=args.output)
    if not verification.has_responded:
        raise NothingVerifiedError(
            "Nothing could be compared: no request with the connection's access key was successful. airflow "
            f"damstra doctor --conn-id {args.conn_id} shows why."
        )
    if verification.deviations:
        raise CommandError(
            f"The account deviates from {len(verification.deviations)} of {len(items)} assumptions: send the "
            "report (--report) to the maintainers of this package, so that models and emulator are corrected."
        )


def _renderer(path: str) -> Callable[[Verification], str]:
    """Return what renders the report for a file, after checking that the file can be written."""
    suffix = PurePath(path).suffix
    if suffix not in RENDERERS:
        raise UsageError(f"--report {path}: its name must end with {' or '.join(RENDERERS)}.")
    require_writable("--report", path)
    return RENDERERS[suffix]

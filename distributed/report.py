"""The report of all runs, as Markdown."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable

    from distributed.runs.result import RunResult


def render(results: Iterable[RunResult], *, versions: dict[str, str], seconds: float) -> str:
    """Return the report.

    :param versions: versions of packages and servers, by name.
    :param seconds: time of all runs together.
    """
    results = list(results)
    findings = sum(len(result.findings) for result in results)
    verdict = f"{findings} findings" if findings else "no findings: nothing lost, doubled or leaked"
    lines = [
        "# Report of the distributed runs",
        "",
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {seconds / 60:.0f} min: **{verdict}**.",
        "",
        f"Machine: {os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB. "
        f"Versions: {', '.join(f'{name} {number}' for name, number in versions.items())}.",
        "",
        "CeleryExecutor with two workers of four slots, two schedulers, two triggerers, a DAG processor and "
        "an API server with two processes, on PostgreSQL and Redis; the emulator keeps its store in a file.",
    ]
    for result in results:
        lines += ["", f"## {result.title}", "", *_section(result)]
    return "\n".join([*lines, ""])


def _section(result: RunResult) -> list[str]:
    facts = [f"| {name} | {text} |" for name, text in result.facts.items()]
    table = ["| | |", "|---|---|", *facts, ""] if facts else []
    verdict = [f"- **{finding}**" for finding in result.findings] or ["No findings."]
    return [*table, *verdict]

"""The secrets of the stack are searched in everything that the stack has written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distributed.judge.secrets import audit
from distributed.runs.result import RunResult

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from distributed.judge.secrets import Arguments
    from distributed.stack.stack import Stack

URL_FILES = ("login.url", "player.url")
PATTERNS = {"a login URL": rb"/touch/\d+\?token=\w", "an embed URL": rb"#player/\d+\?embed=true&token=\w"}
ALLOWED = ("redis.conf", "emulator.db", "emulator.db-wal", *URL_FILES)
"""Files whose purpose is to contain a secret; the emulator keeps the URLs of webhooks, as Damstra does."""


def run(stack: Stack, *, report: str, arguments: Arguments, crews: int) -> RunResult:
    """Search files except ``ALLOWED``, both databases, the arguments of processes, and the report so far.

    :param report: text of the report.
    :param crews: the number of crews, each of which has a login URL and an embed URL.
    """
    folder = stack.root / "audit"
    folder.mkdir(exist_ok=True)
    (folder / "report.md").write_text(report)
    stack.metadata.dump(folder / "metadata.txt")
    stack.warehouse.dump(folder / "warehouse.txt")
    arguments.collect()
    urls = _urls(stack)
    audited = audit(
        stack.secrets | urls, patterns=PATTERNS, files=_files(stack), arguments=sorted(arguments.seen)
    )
    result = RunResult(title="Secrets", findings=audited.findings)
    result.facts = {
        "secrets": ", ".join([*stack.secrets, f"{len(urls)} login and embed URLs"]),
        "searched": f"{audited.places} files and processes, {audited.size / 1_000_000:.0f} MB",
        "hits": str(len(audited.findings)),
    }
    if len(urls) < crews * len(URL_FILES):
        result.findings.append(f"only {len(urls)} login and embed URLs were written")
    return result


def _urls(stack: Stack) -> dict[str, str]:
    """Return the login and embed URLs, which are secrets, from the only files that may contain them."""
    files = (file for name in URL_FILES for file in sorted(stack.root.glob(f"crews/*/{name}")))
    return {f"{file.parent.name}/{file.name}": file.read_text().strip() for file in files}


def _files(stack: Stack) -> Iterator[Path]:
    """Yield the files that must contain no secret."""
    for path in (*sorted(stack.root.rglob("*")), stack.postgresql.log):
        if path.is_file() and path.name not in ALLOWED:
            yield path

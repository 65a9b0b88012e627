"""Search for secrets in files and in the arguments of processes."""

from __future__ import annotations

import base64
import contextlib
import re
import threading
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

MINIMUM = 12
"""Characters of the shortest secret that can be recognized in any form."""

ARGUMENTS_INTERVAL = 5.0
"""Seconds between two looks at the processes."""


@dataclass(frozen=True, kw_only=True)
class AuditResult:
    """The result of an audit.

    :param places: number of files and processes that were searched.
    :param size: number of bytes that were searched.
    :param findings: names of secrets, each with a place, never a secret itself.
    """

    places: int
    size: int
    findings: list[str]


class Arguments:
    """A thread that collects the arguments of all processes of the machine, within a ``with`` block."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="arguments", daemon=True)

    def __enter__(self) -> Self:
        """Start the thread."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the thread."""
        self._stopped.set()
        self._thread.join()

    def collect(self) -> None:
        """Collect those of the processes that are running now."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                self.seen.add(" ".join(process.cmdline()))

    def _run(self) -> None:
        while not self._stopped.wait(ARGUMENTS_INTERVAL):
            self.collect()


def audit(
    secrets: Mapping[str, str],
    *,
    patterns: Mapping[str, bytes] | None = None,
    files: Iterator[Path],
    arguments: Iterable[str] = (),
) -> AuditResult:
    """Search files and arguments of processes for secrets: in clear, percent-encoded, in hex and base64.

    :param secrets: secrets by the name that the findings show.
    :param patterns: regular expressions of further secrets, by name.
    :param arguments: the arguments of each process.
    :raises ValueError: if a secret is too short to be recognized.
    """
    for name, secret in secrets.items():
        if len(secret) < MINIMUM:
            raise ValueError(f"{name} is too short to be searched for")
    searched = [
        (name, re.compile(b"|".join(map(re.escape, _forms(secret))))) for name, secret in secrets.items()
    ]
    searched += [(name, re.compile(pattern)) for name, pattern in (patterns or {}).items()]
    findings: set[str] = set()
    places, size = 0, 0
    processes = (("the arguments of a process", text.encode()) for text in arguments)
    for place, content in chain(_contents(files), processes):
        places += 1
        size += len(content)
        findings |= {f"{name} is in {place}" for name, pattern in searched if pattern.search(content)}
    return AuditResult(places=places, size=size, findings=sorted(findings))


def _forms(secret: str) -> Iterator[bytes]:
    """Yield the forms in which a secret can be written; in base64 for each position modulo three."""
    raw = secret.encode()
    yield raw
    yield quote(secret, safe="").encode()
    yield raw.hex().encode()
    for offset in range(3):
        # The characters at both ends also depend on the bytes around the secret.
        yield base64.b64encode(b"\0" * offset + raw)[(offset * 4 + 2) // 3 + 1 : -4]


def _contents(files: Iterator[Path]) -> Iterator[tuple[str, bytes]]:
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            yield str(file), file.read_bytes()

"""Run mypy and pyright as users have them: without pydantic's plugin and without this project's settings."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
MYPY_ERROR = re.compile(r"^([^:]+):(\d+): error: (.*)  \[([\w-]+)\]$", re.M)


class TypingError(NamedTuple):
    """An error that a type checker reports."""

    path: Path
    line: int
    code: str
    message: str


def run_mypy(files: Iterable[Path]) -> Iterator[TypingError]:
    """Yield what ``mypy --strict`` reports."""
    cache = ROOT / ".mypy_cache" / "users"
    options = ["--strict", "--config-file=", f"--cache-dir={cache}"]
    for path, line, message, code in MYPY_ERROR.findall(_run("mypy", *options, *map(str, files))):
        yield TypingError((HERE / path).resolve(), int(line), code, message)


def run_pyright(files: Iterable[Path]) -> Iterator[TypingError]:
    """Yield what pyright reports with its default rules."""
    output = _run("pyright", "--outputjson", f"--pythonpath={sys.executable}", *map(str, files))
    for error in json.loads(output)["generalDiagnostics"]:
        line = error["range"]["start"]["line"] + 1
        yield TypingError(Path(error["file"]).resolve(), line, error.get("rule", ""), error["message"])


def _run(module: str, *options: str) -> str:
    """Return the output of a type checker; an exit code above 1 means that it could not run."""
    result = subprocess.run(  # noqa: S603 (a fixed program)
        [sys.executable, "-m", module, *options],
        cwd=HERE,  # pyright reads pyrightconfig.json there
        env={"PATH": os.environ["PATH"], "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert result.returncode in (0, 1), result.stdout + result.stderr
    return result.stdout

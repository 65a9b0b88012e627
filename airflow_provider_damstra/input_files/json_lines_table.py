"""JSON lines: a JSON object on each line."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_damstra.input_files.text import open_text

if TYPE_CHECKING:
    from airflow_provider_damstra.input_files.table import LocatedRow


class JsonLinesTable:
    """Rows of a file with a JSON object on each line; blank lines are skipped."""

    columns: tuple[str, ...] | None = None
    header_location = "each line"

    def __init__(self, content: bytes, *, encoding: str | None) -> None:
        # Other line ends may occur inside JSON strings.
        self._lines = open_text(content, encoding=encoding, newline="\n")

    def rows(self, only: Collection[str] | None = None) -> Iterator[LocatedRow]:
        """Yield the rows, once."""
        for number, line in enumerate(self._lines, start=1):
            if line.strip():
                yield f"line {number}", _parse_json_line(line)


def _parse_json_line(line: str) -> dict[str, Any] | ValueError:
    try:
        row = json.loads(line, object_pairs_hook=_without_duplicates, parse_constant=_reject_constant)
    except json.JSONDecodeError as error:
        return ValueError(f"is not JSON ({error.msg} at character {error.pos + 1})")
    except (ValueError, RecursionError) as error:
        reason = "too many levels" if isinstance(error, RecursionError) else error
        return ValueError(f"is not JSON ({reason})")
    if not isinstance(row, dict):
        return ValueError(f"is a {type(row).__name__}, not names and values")
    return row


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        raise ValueError("an object has a name twice")
    return row


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")

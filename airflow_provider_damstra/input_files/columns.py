"""Names of columns in messages: the nearest match, and no cell of a file that has no header."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, TypeVar

DELIMITERS = (",", ";", "\t", "|")
"""Characters that can separate the cells of a CSV file without being named by ``delimiter``."""

NOT_SPLIT = "the header is a single column that contains another delimiter: correct the delimiter argument"
"""The problem of a header for which ``is_not_split`` is true."""

Cell = TypeVar("Cell")

_MAX_LENGTH = 60
_LOOKS_LIKE_NAME = re.compile(rf"(?!.*\d{{3}})[^\W\d][^@<>{{}}\[\]\x00-\x1f]{{0,{_MAX_LENGTH - 1}}}", re.S)


def parse_header(cells: Sequence[str]) -> tuple[str, ...]:
    """Return the names of columns in the cells of a header; empty ones at its end make no column.

    :param cells: at least one of them is not empty.
    :raises ValueError: if two columns have one name.
    """
    width = max(number for number, cell in enumerate(cells, start=1) if cell)
    names = tuple(cells[:width])
    counts = Counter(name for name in names if name)
    duplicates = [column_label(name, names) for name, count in counts.items() if count > 1]
    if duplicates:
        raise ValueError(f"has more than one column {', '.join(duplicates)}")
    return names


def cells_by_column(columns: Sequence[str], cells: Sequence[Cell]) -> dict[str, Cell] | ValueError:
    """Return the cells of a row that are not empty, by the name of their column.

    :param cells: an empty one is ``""``.
    """
    width = len(columns)
    if any(cell != "" for cell in cells[width:]):
        return ValueError(f"has {len(cells) - width} more cells than the header")
    return {name: cell for name, cell in zip(columns, cells, strict=False) if cell != ""}


def plain_number(value: Any) -> Any:
    """Return a value without what pandas and databases add to it: NaN is None, a whole number an ``int``."""
    if not isinstance(value, (float, Decimal)):
        return value
    if math.isnan(value):
        return None
    return int(value) if math.isfinite(value) and value == int(value) else value


def looks_like_header(names: Iterable[str]) -> bool:
    """Return whether names can be shown in a message: none looks like a number or an e-mail address."""
    return all(name == "" or _LOOKS_LIKE_NAME.fullmatch(name) for name in names)


def is_not_split(names: Sequence[str]) -> bool:
    """Return whether a header is one name that contains a delimiter: the file has another one."""
    return len(names) == 1 and any(delimiter in names[0] for delimiter in DELIMITERS)


def column_label(name: str, names: Sequence[str] | None = None) -> str:
    """Return a column's name for a message, or its position if the name looks like the cell of a row."""
    if name == "":
        return "a column without a name"
    if looks_like_header([name]):
        return repr(name)
    return f"column {names.index(name) + 1}" if names and name in names else "a column"


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that differs least, regardless of case, blanks and underscores, or None."""
    by_plain = {_plain(other): other for other in known}
    close = get_close_matches(_plain(name), by_plain, n=1)
    return by_plain[close[0]] if close else None


def missing_column_message(wanted: Sequence[str], names: Sequence[str]) -> str:
    """Return why a column cannot be read, with the nearest and all available names."""
    message = f"there is no column {' or '.join(wanted)}"
    if is_not_split(names):
        return f"{message}; {NOT_SPLIT}"
    if not looks_like_header(names):
        return f"{message}; a header with the names of the columns is needed"
    nearest = nearest_name(wanted[0], names)
    hint = f"; did you mean {nearest!r}?" if nearest else "."
    return f"{message}{hint} The file has {', '.join(map(repr, names)) or 'no columns'}"


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()

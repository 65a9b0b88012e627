"""Print rows as a table, JSON, YAML, plain text or CSV.

JSON, YAML and CSV are printed row by row while the rows are read, for any number of rows. Users and servers
may choose texts and names of fields: control characters and rich's markup are escaped in each format, and
formulas in CSV.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from itertools import islice
from typing import Any

from airflow.cli.simple_table import AirflowConsole
from airflow.utils import yaml

from airflow_provider_damstra.cli.execution import UsageError, print_message
from airflow_provider_damstra.exports.csv_files import escape_formulas, format_csv
from airflow_provider_damstra.exports.schema import format_timestamp
from airflow_provider_damstra.text import escape_unprintable

Item = Mapping[str, Any]
"""Values by name: texts, numbers, booleans, times, None, and lists and mappings of them."""


def print_items(
    items: Iterable[Item], *, columns: Sequence[str], output: str, limit: int = 0, whole: bool = False
) -> None:
    """Print items as rows, and a message if there are more than the limit.

    :param columns: names of the columns; absent values are empty.
    :param output: one of ``OUTPUT_FORMATS``.
    :param limit: maximum number of rows; 0 for all.
    :param whole: whether JSON and YAML have all members of an item instead of the columns.
    """
    remaining = iter(items)
    shown = islice(remaining, limit) if limit else remaining
    if not (whole and output in ("json", "yaml")):
        shown = ({column: item.get(column) for column in columns} for item in shown)
    if _print_rows(shown, columns, output) == limit > 0 and next(remaining, None) is not None:
        print_message(f"There are more than {limit} rows: --limit 0 prints all.")


def _print_rows(rows: Iterable[Item], columns: Sequence[str], output: str) -> int:
    """Print rows and return their number."""
    streams: dict[str, Callable[[Iterable[Item], Sequence[str]], int]] = {
        "json": _print_json,
        "yaml": _print_yaml,
        "csv": _print_csv,
    }
    if output in streams:
        return streams[output](rows, columns)
    cells = [{_to_cell(name): _to_cell(value) for name, value in row.items()} for row in rows]
    _print_table(cells, output)
    return len(cells)


def print_item(item: Item, *, output: str) -> None:
    """Print one item: as an object in JSON and YAML, with a line for each value in a table."""
    if output == "json":
        _write(json.dumps(_to_plain(item)) + "\n")
    elif output == "yaml":
        _write(yaml.dump(_to_plain(item), sort_keys=False))
    elif output == "csv":
        _print_csv([item], list(item))
    else:
        cells = [{"field": _to_cell(name), "value": _to_cell(value)} for name, value in item.items()]
        _print_table(cells, output)


def choose_columns(
    requested: str | None, *, available: Sequence[str], default: Sequence[str]
) -> Sequence[str]:
    """Return the columns that the option ``--columns`` requests.

    :param requested: names separated by commas, ``all``, or None for the default ones.
    :raises UsageError: naming unknown columns and the available ones.
    """
    if requested is None:
        return default
    if requested == "all":
        return available
    names = [name.strip() for name in requested.split(",")]
    if unknown := [name for name in names if name not in available]:
        raise UsageError(
            f"There is no column {', '.join(map(repr, unknown))}; the columns are {', '.join(available)}."
        )
    return list(dict.fromkeys(names))


def _print_json(rows: Iterable[Item], _columns: Sequence[str]) -> int:
    count = 0
    for count, row in enumerate(rows, start=1):
        _write(("[" if count == 1 else ",\n ") + json.dumps(_to_plain(row)))
    _write("]\n" if count else "[]\n")
    return count


def _print_yaml(rows: Iterable[Item], _columns: Sequence[str]) -> int:
    count = 0
    for count, row in enumerate(rows, start=1):  # noqa: B007 (it is returned)
        _write(yaml.dump([_to_plain(row)], sort_keys=False))
    if not count:
        _write("[]\n")
    return count


def _print_csv(rows: Iterable[Item], columns: Sequence[str]) -> int:
    _write(format_csv([map(_to_csv_cell, columns)]))
    count = 0
    for count, row in enumerate(rows, start=1):  # noqa: B007 (it is returned)
        _write(format_csv([[_to_csv_cell(row[column]) for column in columns]]))
    return count


def _print_table(cells: list[dict[str, str]], output: str) -> None:
    # Without markup and emoji, rich shows texts as they are.
    console = AirflowConsole(markup=False, emoji=False, highlight=False)
    console.print_as(data=cells, output=output)


def _write(text: str) -> None:
    sys.stdout.write(text)


def _to_plain(value: Any) -> Any:
    """Return a value of the types that JSON and YAML have."""
    if isinstance(value, Mapping):
        return {name: _to_plain(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_plain(member) for member in value]
    if isinstance(value, Enum):
        return value.value
    return format_timestamp(value) if isinstance(value, datetime) else value


def _to_cell(value: Any) -> str:
    """Return a value as printable text on one line."""
    plain = _to_plain(value)
    if plain is None:
        return ""
    # JSON also for booleans: true and false, as in the exports.
    return escape_unprintable(plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False))


def _to_csv_cell(value: Any) -> str:
    is_number = isinstance(value, (int, float))
    return _to_cell(value) if is_number else escape_formulas(_to_cell(value))

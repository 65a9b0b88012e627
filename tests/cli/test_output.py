"""Output formats: types, streaming, and texts that terminals and spreadsheets do not interpret."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from airflow_provider_damstra.cli import output
from airflow_provider_damstra.cli.definitions.base import OUTPUT_FORMATS
from airflow_provider_damstra.cli.execution import UsageError
from airflow_provider_damstra.cli.output import choose_columns, print_item, print_items

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COLUMNS = ("id", "name", "active", "at", "groups", "note")
ITEM: dict[str, Any] = {
    "id": -7,
    "name": "Ann Ärzte",
    "active": True,
    "at": datetime(2026, 1, 31, 9, tzinfo=UTC),
    "groups": [1, 2],
    "hidden": "not printed",
}
PLAIN = {
    **{"id": -7, "name": "Ann Ärzte", "active": True},
    **{"at": "2026-01-31T09:00:00.000Z", "groups": [1, 2], "note": None},
}
CELLS = ["-7", "Ann Ärzte", "true", "2026-01-31T09:00:00.000Z", "[1, 2]", ""]
HOSTILE = "=1+1\x1b[2J\r\n[/x]\u202e"


def test_structured_formats_keep_types(capsys: pytest.CaptureFixture[str]) -> None:
    for name, load in (("json", json.loads), ("yaml", yaml.safe_load)):
        print_items([ITEM, ITEM], columns=COLUMNS, output=name)
        assert load(capsys.readouterr().out) == [PLAIN, PLAIN]
        print_item({name: ITEM.get(name) for name in COLUMNS}, output=name)
        assert load(capsys.readouterr().out) == PLAIN
        print_items([], columns=COLUMNS, output=name)
        assert load(capsys.readouterr().out) == []


def test_csv_has_header_and_cells(capsys: pytest.CaptureFixture[str]) -> None:
    print_items([ITEM], columns=COLUMNS, output="csv")
    assert list(csv.reader(io.StringIO(capsys.readouterr().out))) == [list(COLUMNS), CELLS]


@pytest.mark.parametrize("name", ["table", "plain"])
def test_tables_have_cells(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_items([ITEM], columns=COLUMNS, output=name)
    printed = capsys.readouterr().out
    assert all(text in printed for text in (*COLUMNS, *CELLS))
    assert "None" not in printed
    print_item(ITEM, output=name)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert lines[-1].startswith("hidden")


@pytest.mark.parametrize("name", OUTPUT_FORMATS)
def test_hostile_text_is_printed_with_escapes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_items([{HOSTILE: HOSTILE}], columns=[HOSTILE], output=name)
    print_item({HOSTILE: HOSTILE}, output=name)
    printed = capsys.readouterr().out
    assert all(character.isprintable() for character in printed.replace("\n", "").replace("\r", ""))
    assert "[/x]" in printed
    if name == "csv":
        assert printed.count("=1+1") == printed.count("'=1+1") == 4


@pytest.mark.parametrize("name", ["json", "yaml", "csv"])
def test_rows_are_printed_while_they_are_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    printed: list[str] = []
    monkeypatch.setattr(output, "_write", printed.append)

    def rows() -> Iterator[dict[str, Any]]:
        yield {"id": 101}
        assert "101" in "".join(printed)
        yield {"id": 102}

    print_items(rows(), columns=["id"], output=name)
    assert "102" in "".join(printed)


@pytest.mark.parametrize("name", OUTPUT_FORMATS)
@pytest.mark.parametrize(("limit", "has_more"), [(0, False), (1, True), (2, False), (3, False)])
def test_limit_is_reported_if_there_are_more_rows(
    limit: int, has_more: bool, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_items([{"id": 101}, {"id": 102}], columns=["id"], output=name, limit=limit)
    printed = capsys.readouterr()
    assert ("102" not in printed.out) is has_more
    assert printed.err == (f"There are more than {limit} rows: --limit 0 prints all.\n" if has_more else "")


@pytest.mark.parametrize(("name", "load"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_whole_items_have_members_without_column(
    name: str, load: Callable[[str], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    print_items([{"id": 1, "other": {"a": [None]}}], columns=["id", "none"], output=name, whole=True)
    assert load(capsys.readouterr().out) == [{"id": 1, "other": {"a": [None]}}]


def test_columns_are_chosen_by_name() -> None:
    def choose(requested: str | None) -> list[str]:
        return [*choose_columns(requested, available=["a", "b", "c"], default=["a"])]

    assert choose(None) == ["a"]
    assert choose("all") == ["a", "b", "c"]
    assert choose("c, a,c") == ["c", "a"]
    with pytest.raises(UsageError, match="There is no column 'x'; the columns are a, b, c"):
        choose("a,x")

"""CSV text: line breaks in cells read back, formulas are escaped where any program begins a cell."""

from __future__ import annotations

import csv
import io

import pytest

from airflow_provider_damstra.exports.csv_files import escape_formulas, format_csv


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("cell", ["Ann\rMary", "Ann\nMary", "Ann\r\nMary", "\r", 'a, "b"', "a\u2028b\x85c"])
def test_cell_reads_back_as_one(cell: str, line_end: str) -> None:
    lines = [["id", "name"], ["1", cell], ["2", ""]]
    text = format_csv(lines, line_end=line_end)
    assert text.endswith(f"2,{line_end}")
    assert list(csv.reader(io.StringIO(text, newline=""), strict=True)) == lines


def test_carriage_return_is_quoted_on_every_python() -> None:
    """Python's own writer does so from 3.11.9 and 3.12.3 on only, and other programs end the line there."""
    assert format_csv([["Ann\rMary"]]) == '"Ann\rMary"\n'


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        *((f"{sign}cmd()", f"'{sign}cmd()") for sign in "=+-@\uff1d\uff0b\uff0d\uff20"),
        *((f"Bob{separator}=cmd()", f"Bob{separator}'=cmd()") for separator in ";\t|\n\r\u2028"),
        *((f"{ignored}=cmd()", f"{ignored}'=cmd()") for ignored in (" ", "\xa0", "\x00", '"', "\ufeff")),
        ('Bob; \x01"=cmd()', "Bob; \x01\"'=cmd()"),
        ("-1;-1", "'-1;'-1"),
        ("\tcmd()", "'\tcmd()"),
        ("\r=cmd()", "'\r'=cmd()"),
    ],
)
def test_formula_gets_apostrophe(text: str, escaped: str) -> None:
    assert escape_formulas(text) == escaped


@pytest.mark.parametrize(
    "text", ["", "Bob", "Bob = Ann", "bob@example.com", "Kim; Lee", '{"x": -1}', "a;b\tc", "'=cmd()", "; "]
)
def test_text_without_formula_is_unchanged(text: str) -> None:
    assert escape_formulas(text) == text


def test_escaping_takes_time_linear_in_the_length() -> None:
    """A quadratic search would take minutes for these."""
    for part in ("\t", "; ", '"', ";a", "=;"):
        escape_formulas(part * 500_000)

"""CSV text that every version of Python reads back, and that a spreadsheet does not evaluate."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from types import SimpleNamespace

# Where a cell can begin: programs split lines at other separators than the comma, and do not recognise quotes
# in the middle of such a cell.
_SEPARATORS = r";\t|\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029"
# White space, control characters, invisible characters and quotes, which programs remove from a cell's start.
_IGNORED = r"\s\x00-\x20\"\x7f-\xa0\xad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
# With the full-width and small forms, which spreadsheets in East Asian languages evaluate too.
_FORMULA = r"=+\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b"
# Possessive, so that the time is linear in the length of any text.
_CELL_START = re.compile(rf"(?:^|[{_SEPARATORS}])[{_IGNORED}{_SEPARATORS}]*+(?=([{_FORMULA}])?)")
_STARTS_WITH_BREAK = ("\t", "\r", "\n")


def format_csv(lines: Iterable[Iterable[str]], *, line_end: str = "\n") -> str:
    r"""Return lines of cells as CSV.

    Before 3.11.9 and 3.12.3, Python's writer quotes only the characters of its own line terminator: with
    ``\n``, a name with a carriage return would be two lines.

    :param line_end: end of each line; line breaks in cells are kept.
    """
    written: list[str] = []
    # The writer passes one complete line to each call.
    csv.writer(SimpleNamespace(write=written.append), lineterminator="\r\n").writerows(lines)
    return "".join(line[:-2] + line_end for line in written)


def escape_formulas(text: str) -> str:
    """Return a cell's text with an apostrophe before each formula that a spreadsheet would evaluate.

    A formula begins with ``= + - @`` or their full-width or small form, at the start of the text or behind a
    semicolon, tab, vertical bar or line break, also after blanks, quotes and control characters. A text that
    begins with a tab or a line break gets an apostrophe, too. The quotes of CSV do not protect: a spreadsheet
    that splits lines at semicolons finds them in the middle of a cell.
    """
    escaped = _CELL_START.sub(lambda found: found[0] + "'" if found[1] else found[0], text)
    return f"'{escaped}" if text.startswith(_STARTS_WITH_BREAK) else escaped

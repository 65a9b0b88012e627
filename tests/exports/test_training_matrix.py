"""Training matrix: the deciding schedule of a lesson, and the contents of the files."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from html import unescape
from html.parser import HTMLParser
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pyarrow import parquet

from airflow_provider_damstra.exports.training_matrix.matrix import (
    MatrixCell,
    MatrixRow,
    TrainingMatrix,
    cell_of,
    deciding_schedule,
)
from airflow_provider_damstra.exports.training_matrix.rendering import to_csv, to_html, to_parquet
from airflow_provider_damstra.models import Group, User, UserLessonSchedule

PERTH = ZoneInfo("Australia/Perth")
EVENING = datetime(2026, 3, 31, 20, tzinfo=UTC)  # the next morning in Perth


def schedule(number: int, status: str | None, start: str | None, completed: str | None = None) -> Any:
    return UserLessonSchedule.model_validate(
        {"id": number, "lessonId": 1, "status": status, "startDate": start, "lessonCompletedDate": completed}
    )


JANUARY, MARCH, JUNE = (f"2026-{month:02}-01T00:00:00+0000" for month in (1, 3, 6))
DECIDING: list[tuple[str, list[Any], int]] = [
    ("the later one", [schedule(1, "overdue", JANUARY), schedule(2, "due", MARCH)], 2),
    ("the later one, first", [schedule(2, "due", MARCH), schedule(1, "overdue", JANUARY)], 2),
    ("done, and due again", [schedule(1, "completed", JANUARY, JANUARY), schedule(2, "overdue", MARCH)], 2),
    ("done after the other", [schedule(1, "completed", JANUARY, JUNE), schedule(2, "overdue", MARCH)], 1),
    ("not begun yet", [schedule(1, "overdue", JANUARY), schedule(2, "scheduled", JUNE)], 1),
    ("nothing has begun", [schedule(1, "scheduled", JUNE), schedule(2, "scheduled", MARCH)], 1),
    ("cancelled later", [schedule(1, "due", JANUARY), schedule(2, "cancelled", JUNE)], 1),
    ("cancelled, and one to come", [schedule(1, "cancelled", MARCH), schedule(2, "scheduled", JUNE)], 2),
    ("all cancelled", [schedule(1, "cancelled", MARCH), schedule(2, "cancelled", JANUARY)], 1),
    ("without dates the newer id", [schedule(1, "due", None), schedule(2, "overdue", None)], 2),
]


@pytest.mark.parametrize(("rows", "expected"), [case[1:] for case in DECIDING], ids=[c[0] for c in DECIDING])
def test_deciding_schedule_is_latest_started(rows: list[Any], expected: int) -> None:
    assert deciding_schedule(rows).id == expected


@pytest.mark.parametrize(
    ("status", "completed", "word"),
    [
        ("due", None, "due"),
        ("scheduled", None, "scheduled"),
        ("overdue", None, "overdue"),
        ("overdue", MARCH, "completed"),
        ("completed", None, "completed"),
        ("cancelled", None, "cancelled"),
        ("expired", None, "expired"),
        (None, None, "open"),
    ],
)
def test_cell_status_is_state_or_api_status(status: str | None, completed: str | None, word: str) -> None:
    assert cell_of(schedule(1, status, JANUARY, completed)).status == word


HOSTILE = "<script>alert(1)</script>\"'&"


def matrix(*, status: str = "expired <b>") -> TrainingMatrix:
    """Return a matrix with markup, formulas and line breaks in every text."""
    users = [
        {"id": 7, "firstName": HOSTILE, "employeeNumber": "-7", "clientStatusId": 57},
        {"id": 8, "firstName": "=cmd()", "lastName": 'Ng,\n"Zoë"', "employeeNumber": "@8"},
    ]
    cells = (
        {1: MatrixCell(status="completed", due=EVENING, completed=EVENING)},
        {2: MatrixCell(status=status)},
    )
    rows = [
        MatrixRow(user=User.model_validate(user), groups=(f"+{HOSTILE}", "B"), cells=one)
        for user, one in zip(users, cells, strict=True)
    ]
    return TrainingMatrix(
        group=Group(id=1, name=HOSTILE),
        lessons={1: "=HYPERLINK()", 2: HOSTILE},
        rows=rows,
        read_at=EVENING,
    )


def test_csv_contains_all_values_and_escapes_formulas() -> None:
    content = to_csv(matrix(), time_zone=PERTH)
    header, first, second = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    assert content.startswith(b"\xef\xbb\xbfuser_id,")
    assert header == [
        *("user_id", "employee_number", "name", "active", "groups"),
        *(f"'=HYPERLINK() [1] {column}" for column in ("status", "due", "completed")),
        *(f"{HOSTILE} [2] {column}" for column in ("status", "due", "completed")),
    ]
    groups = f"'+{HOSTILE}; B"
    assert first == [
        *("7", "'-7", HOSTILE, "no", groups),
        *("completed", "2026-04-01", "2026-04-01", "not scheduled", "", ""),
    ]
    assert second == [
        *("8", "'@8", '\'=cmd() Ng,\n"Zoë"', "yes", groups),
        *("not scheduled", "", "", "expired <b>", "", ""),
    ]


def test_csv_has_no_formula_where_semicolons_separate_cells() -> None:
    user = User.model_validate({"id": 7, "firstName": "Bob;=HYPERLINK(1)", "employeeNumber": "\uff1d7"})
    row = MatrixRow(user=user, groups=("A", "-B"), cells={})
    content = to_csv(replace(matrix(), rows=[row]), time_zone=PERTH).decode("utf-8-sig")
    assert content.splitlines()[1].startswith("7,'\uff1d7,Bob;'=HYPERLINK(1),yes,A; '-B,")


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "9999-12-31T23:00:00Z"])
def test_date_at_end_of_calendar_is_written(text: str) -> None:
    time, day = datetime.fromisoformat(text), text[:10]
    one = replace(matrix(), rows=[replace(matrix().rows[0], cells={1: MatrixCell(status="due", due=time)})])
    for time_zone in (timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))):
        assert day.encode() in to_csv(one, time_zone=time_zone)
        assert day.encode() in to_html(one, time_zone=time_zone)
        table = parquet.read_table(io.BytesIO(to_parquet(one, time_zone=time_zone)))
        assert table.to_pylist()[0]["=HYPERLINK() [1] due"] == time.date()


class Page(HTMLParser):
    """Parse the tags and cell texts of a page."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(content.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += f"|{data}" if self.open[-1] == "small" else data


def test_html_escapes_every_text() -> None:
    page = Page(to_html(matrix(), time_zone=PERTH))
    assert page.open == []
    assert page.rows == [
        ["Name", "Employee number", "=HYPERLINK()", HOSTILE],
        [f"{HOSTILE}|+{HOSTILE}, B, inactive", "-7", "✓ completed|on 2026-04-01", "\u2013 not scheduled"],
        [f'=cmd() Ng,\n"Zoë"|+{HOSTILE}, B', "@8", "\u2013 not scheduled", "? expired <b>"],
    ]


def test_html_has_no_script_and_no_external_asset() -> None:
    content = to_html(matrix(), time_zone=PERTH)
    page = Page(content)
    assert {tag for tag, _ in page.tags} == {
        *("html", "head", "meta", "title", "style", "body", "h1", "p", "ul", "li"),
        *("table", "thead", "tbody", "tr", "th", "td", "small"),
    }
    assert {name for _, attributes in page.tags for name in attributes} <= {
        *("lang", "charset", "http-equiv", "content", "class", "scope", "style")
    }
    assert not re.search(rb"url\(|@import|https?:|javascript:", content)
    assert b"default-src 'none'" in content


def test_html_shows_read_time_and_legend() -> None:
    text = to_html(matrix(), time_zone=PERTH, title="A & <B>").decode()
    assert "<title>A &amp; &lt;B&gt;</title>" in text
    assert "<h1>A &amp; &lt;B&gt;</h1>" in text
    assert "2026-04-01 04:00 Australia/Perth" in text
    assert re.search(r"2 people, 2 lessons, as of", text)
    legend = re.findall(r'<li style="background:(#\w+)">(.*?)</li>', text)
    assert [unescape(words) for _, words in legend] == [
        "✓ completed: 1",
        "○ due: 0",
        "! overdue: 0",
        "… scheduled: 0",
        "✕ cancelled: 0",
        "\u2013 not scheduled: 2",
        "? expired <b>: 1",
    ]
    assert len({colour for colour, _ in legend}) == 7
    cells = re.findall(r'<td style="background:(#\w+)">(\S+ [a-z ]+)', text)
    assert len(cells) == 4
    colours = {unescape(words).rsplit(":", 1)[0].strip(): colour for colour, words in legend}
    assert all(colours[words if "expired" not in words else "? expired <b>"] == one for one, words in cells)


def test_html_header_is_sticky_and_repeats_in_print() -> None:
    text = to_html(matrix(), time_zone=UTC).decode()
    style = text[text.index("<style>") : text.index("</style>")]
    assert "thead th { position: sticky; top: 0" in style
    printed = style[style.index("@media print") :]
    assert "display: table-header-group" in printed
    assert "print-color-adjust: exact" in printed


def test_counts_equal_number_of_cells_by_status() -> None:
    assert matrix().counts() == {"not scheduled": 2, "completed": 1, "expired <b>": 1}

"""Training matrix as HTML: escaped texts, no external assets, hashed script, shares, print layout."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from datetime import UTC
from html.parser import HTMLParser

import pytest

from airflow_provider_damstra.exports.training_matrix.matrix import MatrixCell, MatrixRow
from airflow_provider_damstra.exports.training_matrix.page import to_html
from airflow_provider_damstra.models import Group, User
from tests.exports.matrices import HOSTILE, PERTH, matrix, requirement_matrix

VOID = ("meta", "col")


class Page(HTMLParser):
    """Parse the tags, the content of scripts and styles, and the cell texts of each table of a page."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.contents: dict[str, list[str]] = {}
        self.tables: list[list[list[str]]] = []
        self.feed(content.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.contents.setdefault(self.open[-1] if self.open else "", []).append(data)
        if {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1] += f"|{data}" if self.open[-1] == "small" else data

    @property
    def people(self) -> list[list[str]]:
        """Return the cells of the last table, which is the matrix."""
        return self.tables[-1]


def test_html_escapes_every_text() -> None:
    page = Page(to_html(matrix(), time_zone=PERTH))
    assert page.open == []
    assert page.people == [
        ["Name", "Employee number", "=HYPERLINK()", HOSTILE],
        [f"{HOSTILE} |+{HOSTILE}, B, inactive", "-7", "✓ completed |on 2026-04-01", "\u2013 not scheduled"],
        [f'=cmd() Ng,\n"Zoë" |+{HOSTILE}, B', "@8", "\u2013 not scheduled", "? expired <b>"],
    ]


@pytest.mark.parametrize(
    "text", [HOSTILE, "</script><script>alert(1)</script>", "'\"><img src=x onerror=a()>"]
)
def test_names_and_reasons_run_no_script(text: str) -> None:
    row = MatrixRow(
        user=User(id=1, first_name=text, employee_number=text),
        groups=(Group(id=1, name=text),),
        cells={1: MatrixCell(status=text, reason=text)},
        supervisors=[User(id=2, last_name=text)],
    )
    one = replace(requirement_matrix(), rows=[row], lessons={1: text}, group=Group(id=1, name=text))
    page = Page(to_html(one, time_zone=PERTH, title=text))
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert "img" not in {tag for tag, _ in page.tags}
    (titled,) = (attributes for _, attributes in page.tags if "title" in attributes)
    assert titled["title"] == text
    (script,) = page.contents["script"]
    assert "alert" not in script
    assert "innerHTML" not in script


def test_html_allows_only_its_own_script_and_style_and_no_request() -> None:
    content = to_html(requirement_matrix(), time_zone=PERTH)
    page = Page(content)
    policy = next(attributes["content"] for tag, attributes in page.tags if "http-equiv" in attributes)
    assert policy is not None
    hashes = {
        tag: f"'sha256-{base64.b64encode(hashlib.sha256(page.contents[tag][0].encode()).digest()).decode()}'"
        for tag in ("style", "script")
    }
    assert policy.split("; ") == [
        "default-src 'none'",
        f"style-src {hashes['style']}",
        f"script-src {hashes['script']}",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert {name for _, attributes in page.tags for name in attributes} == {
        *("lang", "charset", "http-equiv", "content", "class", "id", "scope", "span", "bgcolor", "title")
    }
    assert not re.search(rb"url\(|@import|https?:|javascript:|\ssrc=|<link", content)


def test_html_shows_read_time_and_legend() -> None:
    content = to_html(matrix(), time_zone=PERTH, title="A & <B>")
    text = content.decode()
    assert "<title>A &amp; &lt;B&gt;</title>" in text
    assert "<h1>A &amp; &lt;B&gt;</h1>" in text
    assert "2026-04-01 04:00 Australia/Perth" in text
    assert re.search(r"2 people, 2 lessons, as of", text)
    page = Page(content)
    assert page.tables[0] == [
        [
            "! overdue |0",
            "○ due |0",
            "… scheduled |0",
            "✓ completed |1",
            "✕ cancelled |0",
            "\u2013 not scheduled |2",
            "? expired <b> |1",
        ]
    ]
    coloured = re.findall(r'<td bgcolor="(#\w+)">([^<]*[^< ])', text)
    assert len({colour for colour, _ in coloured[:7]}) == 7
    assert len(coloured) == 7 + 4
    assert set(coloured[7:]) < set(coloured[:7])


@pytest.mark.parametrize("status", ["not passed", "expired"])
def test_legend_has_statuses_of_rejected_completions_only_if_used(status: str) -> None:
    legends = [Page(to_html(matrix(status=one), time_zone=UTC)).tables[0] for one in (status, "due")]
    assert [any(status in cell for cell in legend[0]) for legend in legends] == [True, False]


def test_requirement_cells_have_dates_of_the_person_and_a_reason() -> None:
    content = to_html(requirement_matrix(), time_zone=UTC)
    page = Page(content)
    assert page.people == [
        ["Name", "Employee number", "Induction |50\u00a0% trained", "Heights |0\u00a0% trained", "Pit"],
        [
            "Ada |A, B",
            "E1",
            "✓ current |on 2026-04-01\nto 2027-04-01",
            "↻ expired |on 2025-03-31\nto 2026-03-30\ndue 2026-04-01",
            "\u2013 not required",
        ],
        ["Bob |A", "", "✗ missing", "! overdue |due 2026-03-31", "\u2013 not required"],
    ]
    titles = [attributes["title"] for tag, attributes in page.tags if "title" in attributes]
    assert titles[0] == "Yearly: completed on 2026-04-01, valid through 2027-04-01"
    assert len(titles) == 4


def test_share_table_has_shares_by_lesson_and_group() -> None:
    page = Page(to_html(requirement_matrix(), time_zone=UTC))
    assert page.tables[1] == [
        ["Group", "All lessons", "Induction", "Heights", "Pit"],
        ["All people |2 people", "25\u00a0% |1 of 4", "50\u00a0% |1 of 2", "0\u00a0% |0 of 2", "\u2013"],
        ["A |2 people", "25\u00a0% |1 of 4", "50\u00a0% |1 of 2", "0\u00a0% |0 of 2", "\u2013"],
        ["B |1 people", "50\u00a0% |1 of 2", "100\u00a0% |1 of 1", "0\u00a0% |0 of 1", "\u2013"],
    ]
    assert len(Page(to_html(matrix(), time_zone=UTC)).tables) == 2


def test_groups_of_the_same_name_are_distinguished() -> None:
    groups = (Group(id=7, name="Crew"), Group(id=3, name="Crew"), Group(id=5, name=None))
    rows = [replace(row, groups=groups) for row in requirement_matrix().rows]
    names = [
        row[0] for row in Page(to_html(replace(requirement_matrix(), rows=rows), time_zone=UTC)).tables[1]
    ]
    assert names[2:] == ["Crew [3] |2 people", "Crew [7] |2 people", "group 5 |2 people"]


def test_html_header_is_sticky_and_repeats_in_print() -> None:
    text = to_html(matrix(), time_zone=UTC).decode()
    style = text[text.index("<style>") : text.index("</style>")]
    assert "thead th { position: sticky; top: 0" in style
    assert "@page { size: A3 landscape" in style
    printed = style[style.index("@media print") :]
    assert "display: table-header-group" in printed
    assert "break-inside: avoid" in printed
    assert "print-color-adjust: exact" in printed


def test_size_of_page_grows_linearly() -> None:
    sizes = []
    for count in (100, 200, 400):
        rows = [row for number in range(count) for row in requirement_matrix().rows]
        sizes.append(len(to_html(replace(requirement_matrix(), rows=rows), time_zone=UTC)))
    assert sizes[2] - sizes[1] == pytest.approx(2 * (sizes[1] - sizes[0]), rel=0.01)
    # Of a row with three lessons, five of six with a reason of usual length.
    assert (sizes[1] - sizes[0]) / 200 < 3 * 200 + 100

"""The page of a training matrix on paper: A3, repeated headers, colours, width, filtered people."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from airflow_provider_damstra.exports.training_matrix.page import to_html
from tests.exports.matrices import PERTH, large_matrix

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.ui.browsing import Browsing

pytestmark = pytest.mark.browser

# A3 landscape without margins of 10 mm, in pixels of 1/96 inch.
PRINTED_WIDTH = round(400 / 25.4 * 96)
A3_IN_POINTS = (1191, 842)


def printed(browsing: Browsing, folder: Path, *, people: int, lessons: int) -> Page:
    file = folder / "matrix.html"
    file.write_bytes(to_html(large_matrix(people, lessons=lessons), time_zone=PERTH))
    page = browsing.open(file, width=PRINTED_WIDTH)
    page.emulate_media(media="print")
    return page


def sheets(page: Page) -> list[tuple[int, int]]:
    """Return the sizes of the sheets in points."""
    content = page.pdf(prefer_css_page_size=True, print_background=False)
    boxes = re.findall(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", content)
    assert len(boxes) == len(re.findall(rb"/Type\s*/Page\b", content))
    return [(round(float(width)), round(float(height))) for width, height in boxes]


def test_people_fit_on_few_sheets_of_a3(browsing: Browsing, tmp_path: Path) -> None:
    found = sheets(printed(browsing, tmp_path, people=300, lessons=20))
    assert set(found) == {A3_IN_POINTS}
    assert 7 <= len(found) <= 14


@pytest.mark.parametrize("lessons", [1, 8, 20, 28])
def test_table_fits_in_width_and_no_date_is_cut(browsing: Browsing, tmp_path: Path, lessons: int) -> None:
    page = printed(browsing, tmp_path, people=30, lessons=lessons)
    assert page.evaluate("document.documentElement.scrollWidth") <= PRINTED_WIDTH
    cut = (
        "[...document.querySelectorAll('td')].filter(cell => cell.scrollWidth > cell.clientWidth + 1).length"
    )
    assert page.evaluate(cut) == 0


def test_headers_repeat_rows_stay_whole_and_controls_are_hidden(browsing: Browsing, tmp_path: Path) -> None:
    page = printed(browsing, tmp_path, people=300, lessons=5)

    def style(selector: str, name: str) -> str:
        value: str = page.locator(selector).first.evaluate(
            "(element, name) => getComputedStyle(element)[name]", name
        )
        return value

    assert style("#matrix thead", "display") == "table-header-group"
    assert style("#matrix thead th", "position") == "static"
    # Chromium prints a button only in the first of the repeated headers.
    assert style("#matrix thead button", "display") == "contents"
    assert style("#matrix tbody tr", "breakInside") == "avoid"
    assert style("#matrix tbody td", "printColorAdjust") == "exact"
    assert page.locator("input:visible, select:visible, .more:visible").count() == 0
    assert page.locator("#matrix tbody tr:visible").count() == 300


def test_filtered_people_are_printed_with_their_number(browsing: Browsing, tmp_path: Path) -> None:
    page = printed(browsing, tmp_path, people=300, lessons=20)
    count = len(sheets(page))
    page.emulate_media(media="screen")
    page.get_by_label("Name, employee number or group").fill("e21")
    expect(page.locator("output")).to_have_text("10 of 300 people")
    page.emulate_media(media="print")
    assert len(sheets(page)) < count / 2
    assert page.locator("output").is_visible()

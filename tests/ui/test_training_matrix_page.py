"""The page of a training matrix in a browser: sort, filter, keyboard, hostile names, 10,000 people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from airflow_provider_damstra.exports.training_matrix.page import to_html
from tests.exports.matrices import PERTH, crew_matrix, large_matrix, matrix
from tests.ui.browsing import save_picture

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from airflow_provider_damstra.exports.training_matrix.matrix import TrainingMatrix
    from tests.ui.browsing import Browsing

pytestmark = pytest.mark.browser

PEOPLE = 300


def write(folder: Path, content: TrainingMatrix) -> Path:
    file = folder / "matrix.html"
    file.write_bytes(to_html(content, time_zone=PERTH))
    return file


@pytest.fixture
def page(browsing: Browsing, tmp_path: Path) -> Page:
    """Return the page of 300 people by 4 lessons."""
    return browsing.open(write(tmp_path, large_matrix(PEOPLE, lessons=4)))


def column(page: Page, number: int) -> list[str]:
    """Return the texts of a column, of all rows that would be printed; the first line of each cell."""
    texts = page.locator(f"#matrix tbody tr > :nth-child({number + 1})").all_text_contents()
    return [text.split(" on ")[0].split(" due ")[0].split(" Crew")[0].strip() for text in texts]


def sort_order(page: Page) -> dict[str, str]:
    """Return the columns that are sorted, by the text of their button."""
    headers = page.locator("#matrix thead th").all()
    orders = {header.inner_text().split("\n")[0]: header.get_attribute("aria-sort") for header in headers}
    return {name: order for name, order in orders.items() if order and order != "none"}


def click(page: Page, name: str) -> None:
    page.locator("#matrix thead button", has_text=name).click()


def test_picture_for_the_documentation(browsing: Browsing, tmp_path: Path) -> None:
    page = browsing.open(write(tmp_path, crew_matrix()), width=860)
    assert page.locator("#matrix tbody tr").count() == 15
    save_picture(page, "training-matrix")


def test_click_on_name_sorts_and_second_click_reverses(page: Page) -> None:
    names = column(page, 0)
    assert names == sorted(names)
    click(page, "Name")
    assert sort_order(page) == {"Name": "ascending"}
    assert column(page, 0) == names
    click(page, "Name")
    assert sort_order(page) == {"Name": "descending"}
    assert column(page, 0) == sorted(names, reverse=True)


def test_employee_numbers_are_sorted_as_numbers_and_missing_ones_last(page: Page) -> None:
    click(page, "Employee number")
    numbers = column(page, 1)
    digits = [int(number.removeprefix("E")) for number in numbers if number]
    assert digits == sorted(digits)
    assert len(digits) < PEOPLE
    assert numbers[len(digits) :] == [""] * (PEOPLE - len(digits))


def test_lesson_is_sorted_by_urgency_then_date(page: Page) -> None:
    click(page, "Lesson 1")
    assert sort_order(page) == {"Lesson 1": "ascending"}
    order = [
        "! overdue",
        "↻ expired",
        "✗ missing",
        "○ assigned",
        "△ expiring",
        "✓ current",
        "\u2013 not required",
    ]
    statuses = column(page, 2)
    assert [one for one in order if one in statuses] == order
    assert statuses == sorted(statuses, key=order.index)
    current = page.locator("#matrix tbody td:nth-child(3)", has_text="current").all_text_contents()
    dates = [text[-10:] for text in current]
    assert len(set(dates)) > 10
    assert dates == sorted(dates)


def test_keyboard_sorts_and_keeps_the_focus(page: Page) -> None:
    page.locator("#matrix thead button").first.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert sort_order(page) == {"Employee number": "ascending"}
    page.keyboard.press("Space")
    assert sort_order(page) == {"Employee number": "descending"}
    focused = page.evaluate("document.activeElement.textContent")
    assert focused == "Employee number"


@pytest.mark.parametrize("text", ["person 0007", "E17", "crew 0007", "CREW  7", "e1 crew person 2", "x"])
def test_text_filters_name_number_and_group(page: Page, text: str) -> None:
    people = large_matrix(PEOPLE, lessons=1).rows
    texts = {
        row.user.full_name: f"{row.user.full_name} {row.user.employee_number} {row.group_names}".casefold()
        for row in people
    }
    expected = [name for name, of in texts.items() if all(word in of for word in text.casefold().split())]
    page.get_by_label("Name, employee number or group").fill(text)
    expect(page.locator("output")).to_have_text(f"{len(expected)} of {PEOPLE} people")
    assert column(page, 0) == expected


def test_filters_of_status_add_up_and_can_be_removed(page: Page) -> None:
    names = column(page, 0)
    click(page, "Employee number")
    page.get_by_label("Status of any lesson").select_option("✗ missing")
    rows = page.locator("#matrix tbody tr")
    missing = rows.count()
    assert 0 < missing < PEOPLE
    assert all("missing" in text for text in rows.all_text_contents())
    page.get_by_label("Status of Lesson 2").select_option("✓ current")
    assert set(column(page, 3)) == {"✓ current"}
    assert 0 < rows.count() < missing
    page.get_by_label("Name, employee number or group").fill("unknown")
    expect(page.locator("output")).to_have_text(f"0 of {PEOPLE} people")
    page.get_by_role("button", name="Show all").click()
    assert column(page, 0) == names
    assert sort_order(page) == {}
    assert page.locator("output").text_content() == ""


def test_hostile_names_run_nothing_and_are_shown(browsing: Browsing, tmp_path: Path) -> None:
    page = browsing.open(write(tmp_path, matrix()))
    for button in page.locator("#matrix thead button").all():
        button.click()
    page.get_by_label("Status of any lesson").select_option("? expired <b>")
    assert page.locator("#matrix tbody tr").count() == 1
    assert "<script>alert(1)</script>" in page.locator("#matrix").inner_text()


def test_policy_refuses_scripts_styles_and_requests_of_others(
    unchecked_browsing: Browsing, tmp_path: Path
) -> None:
    page = unchecked_browsing.open(write(tmp_path, matrix()))
    page.evaluate("""() => {
        const script = Object.assign(document.createElement("script"), { textContent: "window.ran = 1" });
        const image = Object.assign(document.createElement("img"), { src: "https://example.com/a.png" });
        const style = Object.assign(document.createElement("style"), { textContent: "body { color: red }" });
        document.body.append(script, image, style);
        document.body.setAttribute("onclick", "window.ran = 1");
        document.body.click();
    }""")
    page.wait_for_function("() => window.violations.length >= 4")
    assert page.evaluate("window.ran") is None
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(26, 26, 26)"
    assert page.evaluate("document.images[0].naturalWidth") == 0


def test_table_is_complete_without_scripts(browsing: Browsing, tmp_path: Path) -> None:
    page = browsing.open(write(tmp_path, large_matrix(PEOPLE, lessons=4)), scripts=False)
    rows = page.locator("#matrix tbody tr")
    assert rows.count() == PEOPLE
    assert all(row.is_visible() for row in rows.all())
    assert page.locator("button, select, input").count() == 0
    assert page.locator("#matrix td[bgcolor]").first.evaluate("cell => cell.textContent") != ""


def test_header_and_names_stay_visible(browsing: Browsing, tmp_path: Path) -> None:
    page = browsing.open(write(tmp_path, large_matrix(PEOPLE, lessons=30)))
    page.mouse.wheel(800, 4000)
    page.wait_for_function("() => scrollX > 700 && scrollY > 3000")
    assert page.locator("#matrix thead th").nth(5).evaluate("cell => cell.getBoundingClientRect().top") == 0
    assert page.locator("#matrix tbody th").nth(60).evaluate("cell => cell.getBoundingClientRect().left") == 0


def test_scrolling_displays_more_of_many_people(page: Page) -> None:
    displayed = page.locator("#matrix tbody tr:visible")
    more = page.get_by_role("button", name="Show more (200 of 300)")
    assert displayed.count() == 200
    more.focus()
    expect(displayed).to_have_count(PEOPLE)
    expect(page.locator(".more")).to_be_hidden()


def test_ten_thousand_people_can_be_sorted_and_filtered(browsing: Browsing, tmp_path: Path) -> None:
    file = write(tmp_path, large_matrix(10_000, lessons=20))
    assert file.stat().st_size < 30_000_000
    page = browsing.open(file)
    seconds = page.evaluate("""async () => {
        const painted = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
        const select = document.querySelector(".filters select");
        const measure = async action => {
            const start = performance.now();
            action();
            await painted();
            return (performance.now() - start) / 1000;
        };
        const buttons = [...document.querySelectorAll("#matrix thead button")].slice(0, 3);
        const found = [];
        for (const button of buttons) found.push(await measure(() => button.click()));
        select.value = "0";
        found.push(await measure(() => select.dispatchEvent(new Event("change"))));
        return found;
    }""")
    assert page.locator("#matrix tbody tr:visible").count() == 200
    print("\nseconds to sort by three columns, and to filter:", ", ".join(f"{one:.2f}" for one in seconds))

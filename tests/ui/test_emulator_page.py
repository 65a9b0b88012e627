"""The emulator's page in a browser: buttons, search, clock, webhooks, faults, live journal, hostile names."""

from __future__ import annotations

import re
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.emulator.api_client import HAUL_TRUCK, TRAINEES, ApiClient, call_control_plane
from tests.ui.browsing import save_picture
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Locator, Page

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.ui.browsing import Browsing

pytestmark = pytest.mark.browser

TRAINEE = TRAINEES[0]
HOSTILE = "<img src=x onerror=alert(1)>"
NARROW = 375


@pytest.fixture
def emulator(damstra_emulator: DamstraEmulator) -> DamstraEmulator:
    return damstra_emulator


@pytest.fixture
def api(emulator: DamstraEmulator) -> Iterator[ApiClient]:
    with closing(ApiClient(emulator.url, emulator.access_key)) as client:
        yield client


@pytest.fixture
def page(emulator: DamstraEmulator, unchecked_browsing: Browsing) -> Iterator[Page]:
    """Return the page; it may request nothing from elsewhere, violate no policy, and write no message."""
    page = unchecked_browsing.open_url(emulator.url)
    expect(page.locator("#connection")).to_have_text("connected")
    yield page
    assert [url for url in unchecked_browsing.requests if not url.startswith(emulator.url)] == []
    assert unchecked_browsing.violations() == []
    # Chromium reports every response that is an error.
    assert [text for text in unchecked_browsing.messages if "Failed to load resource" not in text] == []


def click(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def open_view(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="Views").get_by_role("link", name=name).click()


def search(page: Page, text: str) -> None:
    page.get_by_role("searchbox", name="Search").fill(text)


def rows(page: Page, title: str) -> Locator:
    return page.get_by_role("table", name=title).locator("tbody tr")


def message(page: Page) -> Locator:
    return page.locator("#message")


@pytest.fixture
def schedule(api: ApiClient, page: Page) -> int:
    """Create a lesson schedule, which the page shows by itself, and return its id."""
    schedule_id = api.schedule(TRAINEE, HAUL_TRUCK)
    expect(page.get_by_text(f"schedule {schedule_id}", exact=True)).to_be_visible()
    return schedule_id


@pytest.mark.parametrize(
    ("button", "status", "passed"),
    [("Complete", "completed", True), ("Fail", "completed", False), ("Cancel", "cancelled", None)],
)
def test_button_closes_lesson_schedule(
    button: str, status: str, passed: bool | None, page: Page, schedule: int, api: ApiClient
) -> None:
    click(page, f"{button} lesson schedule {schedule}")
    expect(message(page)).to_have_text(f"{button} lesson schedule {schedule}: done")
    assert api.schedule_status(TRAINEE, schedule) == status
    expect(page.get_by_text(f"schedule {schedule}", exact=True)).to_have_count(0)
    page.get_by_label("Status").select_option("all")
    outcome = {True: " passed", False: " failed", None: ""}[passed]
    row = rows(page, "Schedules").filter(has_text=f"schedule {schedule}")
    expect(row).to_contain_text(status + outcome)
    expect(row.get_by_role("button")).to_have_count(0)


def test_started_lesson_is_shown_as_started(page: Page, schedule: int, api: ApiClient) -> None:
    click(page, f"Start lesson schedule {schedule}")
    expect(rows(page, "Schedules").filter(has_text=f"schedule {schedule}")).to_contain_text("started")
    assert api.get_json(f"/lesson_schedule/{schedule}")["lessonStartedDate"]


def test_schedule_is_moved_in_time_zone_of_account(page: Page, schedule: int, api: ApiClient) -> None:
    click(page, f"Move lesson schedule {schedule}")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Liam Murphy")
    dialog.get_by_label("New start").fill("2030-02-01T09:00")
    dialog.get_by_role("button", name="Move").click()
    expect(message(page)).to_have_text(f"Move lesson schedule {schedule}: done")
    assert api.get_json(f"/lesson_schedule/{schedule}")["startDate"] == "2030-02-01T01:00:00.000Z"
    click(page, f"Start lesson schedule {schedule}")
    expect(message(page)).to_contain_text("cannot be started before 2030-02-01")
    expect(message(page)).to_have_class("error")


def test_closed_dialog_moves_nothing(page: Page, schedule: int, emulator: DamstraEmulator) -> None:
    before = call_control_plane(emulator, "GET", f"/lesson_schedules?q={schedule}").json()
    click(page, f"Move lesson schedule {schedule}")
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert call_control_plane(emulator, "GET", f"/lesson_schedules?q={schedule}").json() == before


@pytest.mark.parametrize(("button", "status"), [("Complete", 2), ("Cancel", 3)])
def test_button_closes_session(button: str, status: int, page: Page, api: ApiClient) -> None:
    open_view(page, "Sessions")
    click(page, f"{button} session 402")
    expect(message(page)).to_have_text(f"{button} session 402: done")
    assert api.get_json("/ilt_session/402")["statusId"] == status


@pytest.mark.parametrize(
    ("view", "text", "found"),
    [
        ("Schedules", "liam heights", ["Liam Murphy"]),
        ("People", "e1011", ["Liam Murphy"]),
        ("People", "KELLY marg", ["Margaret Kelly"]),
        ("Lessons", "never", ["Working at Heights"]),
        ("Sessions", "perth", ["Confined Space Entry (instructor-led)"]),
        ("People", "100%", []),
    ],
)
def test_search_finds_all_words(view: str, text: str, found: list[str], page: Page) -> None:
    open_view(page, view)
    search(page, text)
    expect(page.locator("#range")).to_have_text(f"1 to {len(found)} of {len(found)}" if found else "")
    expect(rows(page, view)).to_have_count(len(found))
    for name in found:
        expect(rows(page, view)).to_contain_text(name)


def test_person_links_to_own_schedules(page: Page) -> None:
    open_view(page, "People")
    search(page, "murphy")
    expect(page.locator("#range")).to_have_text("1 to 1 of 1")
    page.get_by_role("link", name=re.compile("open$")).click()
    page.get_by_label("Status").select_option("all")
    expect(rows(page, "Schedules")).to_have_count(4)
    assert set(rows(page, "Schedules").locator("th").all_inner_texts()) == {f"Liam Murphy\nid {TRAINEE}"}


def test_clock_is_advanced_by_one_day(page: Page, schedule: int, emulator: DamstraEmulator) -> None:
    before = emulator.now
    click(page, "Advance one day")
    expect(message(page)).to_have_text("Advance one day: done")
    assert timedelta(days=1) <= emulator.now - before < timedelta(days=1, minutes=5)
    shown = page.locator("#now")
    wait_until(
        lambda: datetime.fromisoformat(shown.get_attribute("datetime") or "") > before + timedelta(hours=23),
        "the new time",
    )
    emulator.advance_clock(timedelta(days=14))
    expect(rows(page, "Schedules").filter(has_text=f"schedule {schedule}")).to_contain_text("overdue")


def test_fault_is_added_hit_and_cleared(page: Page, api: ApiClient, emulator: DamstraEmulator) -> None:
    open_view(page, "Faults")
    form = page.get_by_role("form", name="Add fault")
    form.get_by_label("Path").fill("/user")
    form.get_by_label("HTTP status").fill("503")
    form.get_by_label("Requests").fill("2")
    click(page, "Add fault")
    expect(rows(page, "Faults")).to_contain_text("HTTP 503")
    assert [api.get("/user").status_code for _ in range(3)] == [503, 503, 200]
    expect(rows(page, "Faults").locator("td").last).to_have_text("2")
    expect(page.locator("#entries li").filter(has_text="fault: status")).to_have_count(2)
    click(page, "Clear all faults")
    expect(page.get_by_text("No faults.")).to_be_visible()
    assert call_control_plane(emulator, "GET", "/faults").json() == []


def test_fault_without_status_is_refused(page: Page) -> None:
    open_view(page, "Faults")
    click(page, "Add fault")
    expect(message(page)).to_contain_text("a fault of the kind status needs a status")


def test_webhook_is_added_delivered_and_deleted(page: Page, emulator: DamstraEmulator) -> None:
    open_view(page, "Webhooks")
    token = "T0ken-of-the-receiver"
    page.get_by_label("URL").fill(f"http://127.0.0.1:9/damstra/webhooks/damstra_default/{token}")
    click(page, "Add webhook")
    expect(rows(page, "Webhooks")).to_contain_text("/damstra/webhooks/damstra_default/***")
    emulator.cancel_lesson_schedule(30006)
    expect(rows(page, "Deliveries")).to_contain_text("lesson.schedule.cancelled")
    expect(rows(page, "Deliveries")).to_contain_text("failed")
    assert token not in page.content()
    page.get_by_role("button", name=re.compile("^Delete webhook")).click()
    expect(page.get_by_text("No webhooks.")).to_be_visible()
    assert call_control_plane(emulator, "GET", "/webhooks").json() == []


def test_journal_shows_calls_that_are_made_meanwhile(page: Page, api: ApiClient) -> None:
    entries = page.locator("#entries li")
    api.get("/user/99", q="unknown")
    expect(entries).to_have_count(1)
    expect(entries).to_contain_text("400 GET /user/99")
    page.get_by_label("Pause").check()
    api.send("/group", name=HOSTILE, description="new")
    page.get_by_label("Pause").uncheck()
    expect(entries.first).to_contain_text("200 POST /group")
    entries.first.locator("summary").click()
    expect(entries.first.locator("pre")).to_contain_text(HOSTILE)
    expect(entries.first.locator("pre")).to_contain_text("insert  groups 109")
    page.get_by_label("Filter").fill("post group")
    expect(page.locator("#entries li:visible")).to_have_count(1)
    click(page, "Clear journal")
    expect(entries).to_have_count(0)


def test_reset_is_confirmed(page: Page, emulator: DamstraEmulator, api: ApiClient) -> None:
    api.get("/user")
    emulator.advance_clock(timedelta(days=9))
    click(page, "Reset")
    click(page, "Reset everything")
    expect(message(page)).to_have_text("Reset: done")
    expect(page.locator("#entries li")).to_have_count(0)
    assert emulator.now < datetime.now(UTC) + timedelta(days=1)


def test_name_with_html_is_shown_as_text(page: Page, api: ApiClient) -> None:
    api.send("/user", firstName=HOSTILE, lastName="<b>Bold</b>", userName="hostile")
    open_view(page, "People")
    search(page, "hostile")
    expect(page.locator("#range")).to_have_text("1 to 1 of 1")
    expect(rows(page, "People").locator("th")).to_contain_text(f"{HOSTILE} <b>Bold</b>")
    assert page.locator("main img, main b").count() == 0


def test_views_and_buttons_are_reached_with_keyboard(page: Page, schedule: int, api: ApiClient) -> None:
    button = page.get_by_role("button", name=f"Complete lesson schedule {schedule}")
    page.get_by_role("searchbox", name="Search").focus()
    page.keyboard.press("Tab")  # the status
    for _ in range(2):
        page.keyboard.press("Tab")
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(message(page)).to_have_text(f"Complete lesson schedule {schedule}: done")
    assert api.schedule_status(TRAINEE, schedule) == "completed"


def test_page_fits_on_narrow_screen(
    emulator: DamstraEmulator, unchecked_browsing: Browsing, schedule_of_narrow_page: int
) -> None:
    page = unchecked_browsing.open_url(emulator.url, width=NARROW)
    expect(page.get_by_text(f"schedule {schedule_of_narrow_page}", exact=True)).to_be_visible()
    for view in ("People", "Lessons", "Sessions", "Webhooks", "Faults", "Schedules"):
        open_view(page, view)
        assert page.evaluate("document.documentElement.scrollWidth") == NARROW, view
    click(page, f"Complete lesson schedule {schedule_of_narrow_page}")
    expect(message(page)).to_contain_text("done")


@pytest.fixture
def schedule_of_narrow_page(api: ApiClient) -> int:
    return api.schedule(TRAINEE, HAUL_TRUCK)


def test_ten_thousand_people_are_paged_and_searched(page: Page, emulator: DamstraEmulator) -> None:
    emulator.reset(seed="large:10000")
    open_view(page, "People")
    expect(page.locator("#range")).to_have_text("1 to 50 of 10000")
    expect(page.get_by_role("button", name="Previous")).to_be_disabled()
    click(page, "Next")
    expect(page.locator("#range")).to_have_text("51 to 100 of 10000")
    search(page, "e0009999")
    expect(page.locator("#range")).to_have_text("1 to 1 of 1")


@pytest.mark.parametrize(
    ("address", "user_ids"), [("/touch/1012?token=x", {"1012"}), ("/#player/30006?embed=true", {"1016"})]
)
def test_login_and_embed_urls_show_person_or_schedule(
    address: str, user_ids: set[str], emulator: DamstraEmulator, unchecked_browsing: Browsing
) -> None:
    page = unchecked_browsing.open_url(emulator.url + address)
    names = rows(page, "Schedules").locator("th small")
    expect(names.first).to_be_visible()
    assert {text.removeprefix("id ") for text in names.all_inner_texts()} == user_ids


def test_document_describes_api_and_control_plane(
    emulator: DamstraEmulator, unchecked_browsing: Browsing
) -> None:
    page = unchecked_browsing.open_url(f"{emulator.url}/docs")
    operation = page.locator("details").filter(has_text="/api/v2/bulkUserImport")
    operation.locator("summary").click()
    expect(operation.get_by_role("row", name=re.compile("^users body"))).to_contain_text("required")
    expect(page.get_by_text("/_emulator/clock/advance")).to_be_visible()
    assert page.locator("details").count() >= 38 + 20
    assert [url for url in unchecked_browsing.requests if not url.startswith(emulator.url)] == []
    assert unchecked_browsing.violations() == []


def test_picture_for_documentation(
    page: Page, schedule: int, api: ApiClient, emulator: DamstraEmulator
) -> None:
    emulator.add_fault("status", status=503, path="/user", count=1)
    api.get("/user", q="liam")
    api.get("/user", q="liam")
    click(page, f"Complete lesson schedule {schedule}")
    expect(page.locator("#entries li")).to_have_count(3)
    page.set_viewport_size({"width": 1280, "height": 800})
    save_picture(page, "emulator")

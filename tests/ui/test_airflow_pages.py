"""The pages in a real UI of Airflow: navigation, frame, tabs, retry, links out of the frame, dark theme."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from airflow_provider_damstra.webhooks.inbox import EventState
from tests.pages.events import add_event, event_of
from tests.pages.task_instances import add_task, add_trigger
from tests.ui.airflow_ui import AirflowUI, running_airflow_ui
from tests.ui.browsing import save_picture
from tests.webhooks.conftest import _empty_metadata  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from airflow_provider_damstra.testing import DamstraEmulator

pytestmark = [pytest.mark.browser, pytest.mark.needs_airflow("3.1")]


@pytest.fixture(scope="module")
def airflow_url(_empty_metadata: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:  # noqa: F811
    """Run one API server for all tests."""
    database = tmp_path_factory.mktemp("airflow-ui") / "airflow.db"
    shutil.copy(_empty_metadata, database)
    with pytest.MonkeyPatch.context() as patch, running_airflow_ui(database, patch) as url:
        yield url


@pytest.fixture
def sign_in(airflow_url: str, chromium: Browser) -> Iterator[Callable[..., AirflowUI]]:
    """Return a function that opens a window of a user; no page may cause an error in the browser."""
    opened: list[AirflowUI] = []

    def open_window(role: str = "ADMIN", **options: str) -> AirflowUI:
        opened.append(AirflowUI(chromium, airflow_url, role, **options))
        return opened[-1]

    yield open_window
    for window in opened:
        window.close()
    assert [message for window in opened for message in window.messages] == []


def test_navigation_leads_to_the_inbox_and_retry_works(sign_in: Callable[..., AirflowUI]) -> None:
    reason = "user 1023 does not exist in Damstra"
    event_id = add_event(EventState.REFUSED, reason=reason)
    window = sign_in()
    frame = window.open_damstra()
    expect(frame.get_by_role("heading", name="Inbox")).to_be_visible()
    expect(frame.get_by_text(reason)).to_be_visible()
    save_picture(window.page, "airflow-inbox")
    frame.get_by_role("button", name=f"Retry event {event_id}").click()
    expect(frame.get_by_role("status")).to_contain_text("The event is due now.")
    assert event_of(event_id)["state"] == "waiting"
    frame.get_by_label("State").select_option("refused")
    expect(frame.get_by_text("No events are refused.")).to_be_visible()


def test_every_tab_is_rendered(sign_in: Callable[..., AirflowUI], damstra_emulator: DamstraEmulator) -> None:
    window = sign_in()
    frame = window.open_damstra()
    frame.get_by_role("link", name="Training").click()
    frame.get_by_label("Group").select_option("101")
    matrix = frame.frame_locator("iframe")
    expect(matrix.locator("#matrix")).to_be_visible()
    # Created by the script of the matrix, which has no access to Airflow's origin.
    expect(matrix.get_by_role("search")).to_be_visible()
    assert matrix.locator("html").evaluate("() => self.origin") == "null"
    save_picture(window.page, "airflow-training")
    frame.get_by_role("link", name="Connections").click()
    frame.get_by_role("button", name="Check damstra_default").click()
    expect(frame.get_by_role("status")).to_contain_text("the access key is accepted")
    save_picture(window.page, "airflow-connections")


def test_link_of_a_wait_leaves_the_frame(sign_in: Callable[..., AirflowUI]) -> None:
    add_task("wait", "deferred", trigger_id=add_trigger(user_id=7, lesson_ids=[12]))
    window = sign_in("VIEWER")
    frame = window.open_damstra()
    expect(frame.get_by_role("heading", name="Waits")).to_be_visible()
    expect(frame.get_by_role("navigation").get_by_role("link")).to_have_count(1)
    save_picture(window.page, "airflow-waits")
    frame.get_by_role("link", name="onboarding / wait").click()
    window.page.wait_for_url(re.compile(r"/dags/onboarding/runs/[^/]+/tasks/wait"))


def test_page_adopts_the_theme_of_airflow(sign_in: Callable[..., AirflowUI]) -> None:
    colors = {}
    for theme in ("light", "dark"):
        window = sign_in(color_scheme=theme)
        body = window.open_damstra().locator("body")
        expect(window.frame.locator(f"html[data-theme={theme}]")).to_have_count(1)
        colors[theme] = body.evaluate("element => getComputedStyle(element).backgroundColor")
    assert colors == {"light": "rgb(255, 255, 255)", "dark": "rgb(17, 20, 24)"}

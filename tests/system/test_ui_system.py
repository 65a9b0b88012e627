"""Airflow's UI in a browser: a wait that the emulator's page ends, the connection form, a DAG run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from airflow_provider_damstra.get_provider_info import get_provider_info
from demo.onboarding import DAG_ID
from demo.waiting import wait_until
from tests.system.dag_runs import TIMEOUT, DagRun
from tests.ui.browsing import TIMEOUT_MILLISECONDS, save_picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from playwright.sync_api import Browser, BrowserContext, Locator, Page

    from demo.onboarding import DemoEnvironment
    from tests.system.conftest import Onboarding

    OpenPage = Callable[..., Page]

pytestmark = pytest.mark.system

SENSOR_DAG = "wait_for_webhook"
SCHEDULE = 30052
"""An open lesson schedule of a user whom no other test uses."""

WAIT = "wait_for_online_lessons"
GRAPH = {"default_dag_view": json.dumps("graph"), f"direction-{DAG_ID}": json.dumps("DOWN")}
GRID = {"default_dag_view": json.dumps("grid"), "log_wrap": "true"}
"""Settings that Airflow's UI keeps in the browser's local storage."""

CONN_ID = "damstra_form"
WRONG_KEY = "wrong-key-of-the-form"
CONNECTION_TYPE = get_provider_info()["connection-types"][0]


@pytest.fixture(scope="module")
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """Return one context for all tests, which caches the scripts of Airflow's UI."""
    with chromium.new_context() as context:
        context.set_default_timeout(TIMEOUT_MILLISECONDS)
        yield context


@pytest.fixture
def open_page(context: BrowserContext) -> Iterator[OpenPage]:
    """Return a function that opens an address, after it has stored settings of Airflow's UI."""

    def open_page(
        url: str, *, width: int = 1280, height: int = 800, settings: Mapping[str, str] | None = None
    ) -> Page:
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": height})
        stored = json.dumps({"theme": "light"} | dict(settings or {}))
        # Not in a blank frame, which has no storage.
        page.add_init_script(f"if (location.origin !== 'null') Object.assign(localStorage, {stored})")
        page.goto(url)
        return page

    yield open_page
    for page in context.pages:
        page.close()


def test_click_on_complete_lets_dag_continue(environment: DemoEnvironment, open_page: OpenPage) -> None:
    airflow, emulator = environment.airflow, environment.emulator
    wait_until(lambda: airflow.api.has_dag(SENSOR_DAG), description="the DAG", timeout=TIMEOUT)
    run = DagRun(airflow, SENSOR_DAG, airflow.api.trigger(SENSOR_DAG, {"lesson_schedule_id": SCHEDULE}))
    run.wait_for("deferred", "wait")
    wait_until(lambda: "0 of 1" in run.log("wait"), description="its first poll", timeout=TIMEOUT)
    ui = open_page(f"{airflow.url}/dags/{SENSOR_DAG}/runs/{run.run_id}/tasks/wait", settings=GRID)
    expect(ui.get_by_text("Deferred", exact=True).first).to_be_visible()

    page = open_page(f"{emulator.url}/#webhooks")
    expect(page.locator("#connection")).to_have_text("connected")
    delivery = page.get_by_role("table", name="Deliveries").locator("tr", has_text=f'"{SCHEDULE}"')
    page.get_by_role("link", name="Schedules").click()
    page.get_by_role("searchbox", name="Search").fill(str(SCHEDULE))
    page.get_by_role("button", name=f"Complete lesson schedule {SCHEDULE}").click()
    expect(page.locator("#message")).to_have_text(f"Complete lesson schedule {SCHEDULE}: done")
    page.get_by_role("link", name="Webhooks").click()
    expect(delivery).to_contain_text("delivered")
    expect(delivery).to_contain_text("HTTP 200")
    assert emulator.webhook_token not in page.content()

    expect(ui.get_by_text("Success", exact=True).first).to_be_visible()
    assert run.wait_until_finished() == "success", run.failed_logs()


@pytest.fixture
def form(environment: DemoEnvironment, open_page: OpenPage) -> Locator:
    """Return the form for a new connection of this provider's type."""
    page = open_page(f"{environment.airflow.url}/connections")
    page.get_by_role("button", name="Add Connection").click()
    form = page.get_by_role("dialog")
    form.get_by_role("textbox", name="Connection ID").fill(CONN_ID)
    kind = form.get_by_role("combobox", name="Connection Type")
    kind.fill("Damstra")
    expect(page.get_by_role("option")).to_have_text("Damstra Learning")
    kind.press("Enter")
    return form


def test_connection_form_has_fields_of_damstra_only(form: Locator) -> None:
    form.get_by_role("textbox", name="Access key").fill("an access key")
    for label in ("Description", "Host"):
        expect(form.get_by_role("textbox", name=label)).to_be_visible()
    expect(form.get_by_role("spinbutton", name="Port")).to_be_visible()
    for label in ("Login", "Password", "Schema"):
        expect(form.get_by_text(label)).to_have_count(0)
    assert "an access key" not in form.inner_text()
    save_picture(form, "connection-form")
    form.get_by_role("button", name="Extra Fields", exact=True).click()
    for field in CONNECTION_TYPE["conn-fields"].values():
        expect(form.get_by_text(field["label"], exact=True)).to_be_visible()
        expect(form.get_by_text(field["description"])).to_be_visible()


def test_connection_test_distinguishes_keys(form: Locator, environment: DemoEnvironment) -> None:
    emulator, page = environment.emulator, form.page
    host, _, port = emulator.url.rpartition(":")
    form.get_by_role("textbox", name="Host").fill(host)
    form.get_by_role("spinbutton", name="Port").fill(port)
    form.get_by_role("textbox", name="Access key").fill(WRONG_KEY)
    form.get_by_role("button", name="Save").click()
    row = page.get_by_role("row").filter(has_text=CONN_ID)
    row.get_by_role("button", name="Test Connection").click()
    expect(page.get_by_text("Key problem: the server is reachable, but rejects").first).to_be_visible()
    assert WRONG_KEY not in page.content()

    row.get_by_role("button", name="Edit Connection").click()
    form.get_by_role("textbox", name="Access key").fill(emulator.access_key)
    form.get_by_role("button", name="Save").click()
    expect(form).to_have_count(0)
    row.get_by_role("button", name="Test Connection").click()
    expect(page.get_by_text("the access key is accepted").first).to_be_visible()
    row.get_by_role("button", name="Edit Connection").click()
    expect(form.get_by_role("textbox", name="Access key")).to_be_visible()
    assert emulator.access_key not in page.content()


def onboarding_url(onboarding: Onboarding) -> str:
    return f"{onboarding.environment.airflow.url}/dags/{DAG_ID}/runs/{onboarding.dag_run.run_id}"


def test_graph_shows_finished_tasks(onboarding: Onboarding, open_page: OpenPage) -> None:
    page = open_page(onboarding_url(onboarding), width=1000, height=1000, settings=GRAPH)
    graph = page.locator(".react-flow")
    tasks = {task.task_id for task in onboarding.dag_run.tasks.values()}
    expect(graph.get_by_text("success", exact=True)).to_have_count(len(tasks))
    expect(graph.get_by_text("upsert_users")).to_be_in_viewport()
    expect(graph.get_by_text("download_certificate [5]")).to_be_in_viewport()
    save_picture(graph, "onboarding-graph")


def test_grid_names_mapped_tasks_after_users(onboarding: Onboarding, open_page: OpenPage) -> None:
    page = open_page(f"{onboarding_url(onboarding)}/tasks/{WAIT}/mapped", settings=GRID)
    for record in onboarding.records:
        expect(page.get_by_role("link", name=f"user {record.user_id}")).to_be_visible()
    save_picture(page, "onboarding-grid")


def test_log_of_wait_is_readable_and_its_link_opens(onboarding: Onboarding, open_page: OpenPage) -> None:
    states = onboarding.dag_run.observed_states
    index = next(i for i in range(len(onboarding.records)) if "deferred" in states[f"{WAIT}[{i}]"])
    page = open_page(f"{onboarding_url(onboarding)}/tasks/{WAIT}/mapped/{index}", height=900, settings=GRID)
    new_starter = onboarding.records[index].new_starter.name
    expect(page.get_by_text(f"{new_starter}, lesson 201 Site Induction (open)").first).to_be_visible()
    expect(page.get_by_text("The wait continues in the triggerer.")).to_be_visible()
    expect(page.get_by_text("The wait has ended: 2 of 2 lesson schedules completed.")).to_be_visible()
    save_picture(page.locator("#details-panel"), "wait-log")
    page.get_by_role("link", name="Details", exact=True).click()
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Open in Damstra").click()
    expect(opened.value).to_have_title("Damstra Learning emulator")

"""The page of the inbox: what it shows, its filters, and its actions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.pages import inbox_page
from airflow_provider_damstra.webhooks.inbox import EventState
from tests.pages.events import add_event, event_of

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from tests.pages.conftest import SignIn

pytestmark = pytest.mark.needs_airflow("3.1")


@pytest.fixture
def browser(sign_in: SignIn) -> TestClient:
    return sign_in("ADMIN")


def submit(browser: TestClient, label: str, *, page: str = "") -> str:
    """Click a button of the page, and return the page that it leads to."""
    shown = browser.get(f"/damstra-ui/inbox{page}").text
    form = re.search(rf"<form[^>]*action=\"([^\"]+)\">((?:(?!</form>).)*aria-label=\"{label}\")", shown, re.S)
    assert form, shown
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form[2]))
    response = browser.post(form[1], data=fields)
    assert response.status_code == 303, response.text
    return browser.get(response.headers["Location"]).text


def test_shows_open_events_with_reason_and_escapes_it(browser: TestClient) -> None:
    add_event(reason="<script>alert(1)</script> 503")
    add_event(EventState.REFUSED, name="user.account.created", reason="no such user")
    add_event(EventState.CONFIRMED, name="user.settings.updated")
    page = browser.get("/damstra-ui/inbox").text
    assert "1 waiting, 1 refused" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; 503" in page
    assert "<script>alert(1)" not in page
    assert "no such user" in page
    assert "lesson schedule 1233" in page
    assert "user.settings.updated" not in page


@pytest.mark.parametrize(
    ("query", "shown"),
    [("?state=waiting", {1, 3}), ("?state=refused", {2}), ("?conn_id=other", {3}), ("", {1, 2, 3})],
)
def test_filters(browser: TestClient, query: str, shown: set[int]) -> None:
    ids = [add_event(), add_event(EventState.REFUSED), add_event(conn_id="other")]
    page = browser.get(f"/damstra-ui/inbox{query}").text
    found = {int(one) for one in re.findall(r"<small>event (\d+),", page)}
    assert found == {ids[number - 1] for number in shown}


def test_many_events_are_limited_and_counted(browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_page, "MAX_EVENTS", 2)
    ids = [add_event() for _ in range(3)]
    page = browser.get("/damstra-ui/inbox").text
    assert "3 waiting, 0 refused; the newest 2 are shown" in page
    assert f"event {ids[0]}," not in page


def test_retry_makes_a_refused_event_due_and_keeps_the_filter(browser: TestClient) -> None:
    event_id = add_event(EventState.REFUSED, reason="no such user")
    page = submit(browser, f"Retry event {event_id}", page="?state=refused")
    assert "The event is due now." in page
    assert '<option value="refused" selected>' in page
    assert (event_of(event_id)["state"], event_of(event_id)["reason"]) == ("waiting", None)


def test_refusal_names_the_user_who_refused(browser: TestClient) -> None:
    event_id = add_event()
    page = submit(browser, f"Refuse event {event_id}")
    assert "refused by admin &lt;b&gt; in Airflow&#39;s UI" in page
    assert event_of(event_id)["state"] == "refused"


def test_event_that_was_confirmed_meanwhile_stays_confirmed(browser: TestClient) -> None:
    event_id = add_event()
    shown = browser.get("/damstra-ui/inbox").text
    add_event(EventState.CONFIRMED)
    token = re.search(r'name="csrf_token" value="([^"]*)"', shown)
    assert token
    confirmed = add_event(EventState.CONFIRMED)
    response = browser.post(f"/damstra-ui/inbox/{confirmed}/retry", data={"csrf_token": token[1]})
    page = browser.get(response.headers["Location"]).text
    assert "Nothing was changed" in page
    assert event_of(confirmed)["state"] == "confirmed"
    assert event_of(event_id)["state"] == "waiting"


@pytest.mark.parametrize("event_id", ["0", "999", "x", str(1 << 63)])
def test_unknown_event_is_an_error_page(browser: TestClient, event_id: str) -> None:
    add_event()
    token = re.search(r'name="csrf_token" value="([^"]*)"', browser.get("/damstra-ui/inbox").text)
    assert token
    response = browser.post(f"/damstra-ui/inbox/{event_id}/retry", data={"csrf_token": token[1]})
    assert response.status_code in (404, 422)
    assert response.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_missing_table_is_explained(browser: TestClient) -> None:
    from airflow_provider_damstra.webhooks.database import inbox_table, transaction

    with transaction() as connection:
        inbox_table.drop(connection)
    response = browser.get("/damstra-ui/inbox")
    assert (response.status_code, "Run: airflow db migrate" in response.text) == (503, True)


def test_headers_allow_only_the_page_itself_in_a_frame_of_airflow(browser: TestClient) -> None:
    headers = browser.get("/damstra-ui/inbox").headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == "'none'"
    assert policy["frame-ancestors"] == policy["form-action"] == "'self'"
    assert policy["script-src"].startswith("'sha256-")
    assert policy["style-src"].startswith("'sha256-")
    assert headers["Cache-Control"] == "no-store"

"""The page of the training of a group: the choice, the matrix, its limits, and who may see it."""

from __future__ import annotations

import os
import threading
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.emulator.demo_seed import GROUPS
from airflow_provider_damstra.pages import bounded_threads, training_page, training_reading
from airflow_provider_damstra.pages.bounded_threads import limit_calls
from airflow_provider_damstra.pages.training_reading import list_groups, read_matrix_page
from tests.waiting import wait_until

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.pages.conftest import SignIn

pytestmark = pytest.mark.needs_airflow("3.1")

TRAINING = "/damstra-ui/training"
GROUP_ID = 101


@pytest.fixture(autouse=True)
def _empty_caches() -> None:
    for function in (list_groups, read_matrix_page):
        function.cache_clear()


@pytest.fixture
def browser(sign_in: SignIn, damstra_connection: str) -> TestClient:
    return sign_in("OP")


def matrix_url(conn_id: str = "damstra_default", group_id: int = GROUP_ID) -> str:
    return f"{TRAINING}/matrix?conn_id={conn_id}&group_id={group_id}"


@pytest.mark.parametrize(
    ("role", "status"), [(None, 401), ("VIEWER", 403), ("USER", 403), ("OP", 200), ("ADMIN", 200)], ids=str
)
@pytest.mark.parametrize("path", [TRAINING, matrix_url()], ids=["choice", "matrix"])
def test_training_needs_permission_to_read_connections(
    sign_in: SignIn,
    damstra_connection: str,
    damstra_emulator: DamstraEmulator,
    path: str,
    role: str | None,
    status: int,
) -> None:
    assert sign_in(role).get(path).status_code == status
    assert bool(damstra_emulator.journal()) is (status == 200)


def test_choice_lists_groups_and_frames_the_matrix(browser: TestClient) -> None:
    page = browser.get(f"{TRAINING}?conn_id=damstra_default&group_id={GROUP_ID}").text
    assert all(f'<option value="{group["id"]}"' in page for group in GROUPS if group["active"])
    assert f"{TRAINING}/matrix?conn_id=damstra_default&amp;group_id={GROUP_ID}" in page


def test_matrix_shows_members_in_a_frame_of_airflow_only(browser: TestClient) -> None:
    response = browser.get(matrix_url())
    assert response.status_code == 200
    assert "Training matrix: " in response.text
    policy = "sandbox allow-scripts; frame-ancestors 'self'"
    assert response.headers["Content-Security-Policy"] == policy
    assert 'http-equiv="Content-Security-Policy"' in response.text


def test_slow_connection_leaves_the_others_their_threads(
    browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_threads, "CALLS_PER_CONNECTION", 1)
    monkeypatch.setenv("AIRFLOW_CONN_SITE_B", os.environ["AIRFLOW_CONN_DAMSTRA_DEFAULT"])
    with limit_calls("damstra_default"):
        for path in (matrix_url(), f"{TRAINING}?conn_id=damstra_default"):
            response = browser.get(path)
            assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
            assert "Damstra has not yet responded to other pages" in response.text
        assert browser.get(matrix_url("site_b")).status_code == 200
    assert browser.get(matrix_url()).status_code == 200


def test_page_is_refused_while_all_threads_are_in_use(
    browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    monkeypatch.setattr(bounded_threads, "_idle_threads", BoundedSemaphore(1))
    with monkeypatch.context() as patch:
        patch.setattr(training_page, "PAGE_SECONDS", 0.01)
        patch.setattr(training_page, "_matrix", lambda *_: release.wait(30))
        assert browser.get(matrix_url()).status_code == 504
    response = browser.get(matrix_url())
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    release.set()
    wait_until(lambda: browser.get(matrix_url()).status_code == 200, "an idle thread")


def test_matrix_is_kept_for_a_minute(browser: TestClient, damstra_emulator: DamstraEmulator) -> None:
    first = browser.get(matrix_url()).content
    damstra_emulator.clear_journal()
    assert browser.get(matrix_url()).content == first
    assert damstra_emulator.journal() == []


def test_large_group_is_not_read(browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_reading, "MAX_PEOPLE", 1)
    response = browser.get(matrix_url())
    assert (response.status_code, "DamstraTrainingMatrixOperator" in response.text) == (502, True)


def test_reading_ends_after_its_time_limit(browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_reading, "READ_SECONDS", -1.0)
    for path in (matrix_url(), f"{TRAINING}?conn_id=damstra_default"):
        assert "did not send all of the data within" in browser.get(path).text


def test_page_ends_after_its_time_limit(browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(training_page, "PAGE_SECONDS", 0.01)
    monkeypatch.setattr(training_page, "_matrix", lambda *_: release.wait(30))
    response = browser.get(matrix_url())
    release.set()
    assert (response.status_code, "did not respond within" in response.text) == (504, True)


def test_error_of_damstra_is_shown(browser: TestClient, damstra_emulator: DamstraEmulator) -> None:
    response = browser.get(matrix_url(group_id=99999))
    assert (response.status_code, "The training cannot be shown" in response.text) == (502, True)
    damstra_emulator.add_fault("status", path="/group", status=403)
    assert 'role="alert"' in browser.get(f"{TRAINING}?conn_id=damstra_default").text


@pytest.mark.parametrize("text", ["9" * 5000, "0", "x"], ids=["long", "zero", "letter"])
def test_group_that_is_no_id_is_invalid(browser: TestClient, text: str) -> None:
    for path in (TRAINING, f"{TRAINING}/matrix"):
        response = browser.get(f"{path}?conn_id=damstra_default&group_id={text}")
        assert (response.status_code, "Reload the page" in response.text) == (422, True)


def test_form_without_a_choice_is_valid(browser: TestClient) -> None:
    page = browser.get(f"{TRAINING}?conn_id=damstra_default&group_id=")
    assert (page.status_code, "<iframe" in page.text) == (200, False)


@pytest.mark.parametrize("path", [matrix_url("unknown"), f"{TRAINING}?conn_id=unknown"])
def test_unknown_connection_is_not_read(browser: TestClient, path: str) -> None:
    assert browser.get(path).status_code == 404

"""The pages as Airflow's API server runs them: mounted, with its auth manager and its middlewares."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from airflow.api_fastapi.app import get_auth_manager, init_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.core_api.app import init_middlewares
from fastapi import FastAPI
from fastapi.testclient import TestClient

from airflow_provider_damstra.pages.plugin import DamstraPagesPlugin

# Fixtures of the receiver's tests.
from tests.webhooks.conftest import _empty_metadata, metadata_database  # noqa: F401

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator

BASE_URL = "http://airflow.example.com"
CONN_ID = "damstra_default"
TOKEN = "webhook-token-that-no-page-shows"

JWT_SECRET = "a secret of 64 bytes, which PyJWT recommends for SHA-512 signatures"

SignIn = Callable[[str | None], TestClient]
"""Return a browser of a user with a role of the simple auth manager, or of an anonymous user for None."""


def user_of(role: str) -> SimpleAuthManagerUser:
    """Return the user that has a role."""
    return SimpleAuthManagerUser(username=f"{role.lower()} <b>", role=role)


@pytest.fixture(scope="session")
def api_server() -> Iterator[FastAPI]:
    """Return an app with the parts of Airflow's API server that concern the pages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", JWT_SECRET)
        yield _create_api_server()


def _create_api_server() -> FastAPI:
    app = FastAPI()
    for plugin_app in DamstraPagesPlugin.fastapi_apps:
        app.mount(plugin_app["url_prefix"], plugin_app["app"])
    init_auth_manager(app)
    init_middlewares(app)
    return app


@pytest.fixture
def sign_in(api_server: FastAPI, metadata_database: Path) -> SignIn:  # noqa: F811
    """Return a function that returns the browser of a user."""

    def client_of(role: str | None) -> TestClient:
        client = TestClient(api_server, BASE_URL, follow_redirects=False)
        if role is not None:
            client.cookies[COOKIE_NAME_JWT_TOKEN] = get_auth_manager().generate_jwt(user_of(role))
        return client

    return client_of


@pytest.fixture
def connection_test_enabled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Permit the test of connections, which Airflow does not by default."""
    monkeypatch.setenv("AIRFLOW__CORE__TEST_CONNECTION", "Enabled")


@pytest.fixture
def damstra_connection(damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch) -> str:
    """Define the connection to the emulator, with a webhook token, and return its id."""
    connection = json.loads(damstra_emulator.connection_json)
    connection["extra"] = {**connection["extra"], "webhook_token": TOKEN}
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", json.dumps(connection))
    return CONN_ID

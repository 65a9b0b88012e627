"""The hook with connections from the environment, synchronous and asynchronous."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from airflow_provider_damstra.endpoints import GetUser, ListUsers
from airflow_provider_damstra.errors import DamstraAuthError, DamstraConfigurationError
from airflow_provider_damstra.hooks.damstra import DamstraHook
from tests.hooks.connections import KEY, connection_json

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

FORMS = ["connection_uri", "connection_json"]


@pytest.fixture(params=FORMS)
def emulator(
    request: pytest.FixtureRequest, damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> DamstraEmulator:
    """Return the emulator, with a connection to it as URI or JSON."""
    monkeypatch.setenv("AIRFLOW_CONN_LMS", getattr(damstra_emulator, request.param))
    return damstra_emulator


def test_hook_calls_connection_from_environment(emulator: DamstraEmulator) -> None:
    hook = DamstraHook(damstra_conn_id="lms")
    assert hook.call(GetUser(user_id=1011)).full_name == "Liam Murphy"
    assert [user.id for user in hook.iterate(ListUsers(q="murphy"))] == [1011]
    assert len(list(hook.iterate(ListUsers(), concurrency=1))) == 37
    assert hook.settings.base_url == f"{emulator.url}/api/v2"
    assert (hook.settings.timeout, hook.settings.max_retries) == (10.0, 2)


async def test_async_client_calls_connection_from_environment(emulator: DamstraEmulator) -> None:
    async with DamstraHook(damstra_conn_id="lms").async_client() as client:
        assert (await client.call(GetUser(user_id=1011))).full_name == "Liam Murphy"
        assert [user.id async for user in client.iterate(ListUsers(q="murphy"))] == [1011]
    assert {entry["status"] for entry in emulator.journal()} == {200}


def test_uri_connection_with_extras_in_query(
    damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = quote(damstra_emulator.url, safe="")
    uri = f"damstra://:{damstra_emulator.access_key}@{host}?timeout=3&max_retries=0&page_size=5&verify=true"
    monkeypatch.setenv("AIRFLOW_CONN_LMS", uri)
    hook = DamstraHook(damstra_conn_id="lms")
    assert len(list(hook.iterate(ListUsers()))) == 37
    assert hook.settings.timeout == 3
    assert {entry["query"]["maxResults"] for entry in damstra_emulator.journal()} == {"5"}


def test_connection_is_read_once(damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = DamstraHook()
    assert hook.get_conn() is hook.get_conn()
    monkeypatch.delenv("AIRFLOW_CONN_DAMSTRA_DEFAULT")
    assert hook.call(GetUser(user_id=1011)).id == 1011


def test_default_connection_id() -> None:
    assert DamstraHook().damstra_conn_id == DamstraHook.default_conn_name == "damstra_default"
    assert (DamstraHook.conn_name_attr, DamstraHook.conn_type) == ("damstra_conn_id", "damstra")


async def test_invalid_connection_raises_before_sending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LMS", connection_json(password="", host="http://127.0.0.1:9"))
    with pytest.raises(DamstraConfigurationError, match="Connection 'lms' cannot be used"):
        DamstraHook(damstra_conn_id="lms").call(GetUser(user_id=1))
    with pytest.raises(DamstraConfigurationError, match="Connection 'lms' cannot be used"):
        async with DamstraHook(damstra_conn_id="lms").async_client():
            pass


async def test_wrong_key_raises_same_error_in_both_clients(
    damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LMS", connection_json(host=damstra_emulator.url, password=KEY))
    hook = DamstraHook(damstra_conn_id="lms")
    with pytest.raises(DamstraAuthError) as sync_error:
        hook.call(GetUser(user_id=1))
    async with hook.async_client() as client:
        with pytest.raises(DamstraAuthError) as async_error:
            await client.call(GetUser(user_id=1))
    assert str(sync_error.value) == str(async_error.value)
    assert "Check the connection's access key" in str(sync_error.value)

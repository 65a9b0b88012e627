"""The access key is not shown in errors and logs, even if a server echoes it; secret results are masked."""

from __future__ import annotations

import asyncio
import logging
import pickle
import traceback
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from airflow.providers.common.compat.sdk import redact

from airflow_provider_damstra.endpoints import (
    GenerateLoginUrl,
    GetEmbedUrl,
    GetEmbedUrlAllLessonTypes,
    GetUser,
    ListUsers,
)
from airflow_provider_damstra.errors import DamstraError
from airflow_provider_damstra.hooks.damstra import DamstraHook
from tests.clients.servers import RawServer, closed_port, http_response, raw_server
from tests.hooks.connections import KEY, connection_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_damstra.endpoints.base import Endpoint

PAGE = f'<html class="error">\n<h1>It\'s "bad"</h1> header AccessKey: {KEY} was refused</html>'
ECHOES: dict[str, bytes] = {
    "a web page": http_response(PAGE, status=403),
    "a web page of a gateway": http_response(PAGE, status=502),
    "a web page as a success": http_response(PAGE),
    "an error": http_response(f'{{"error": "{KEY} is unknown", "message": "{KEY}"}}', status=400),
    "a string": http_response(KEY, status=404),
    "a string that is cut": http_response("x" * 290 + KEY + "y" * 50, status=400),
    "a slow down": http_response(PAGE, status=429, Retry_After="1"),
    "garbage as a success": http_response(f'{{"id": "{KEY}"}}'),
    "a redirect": http_response(status=302, Location=f"https://elsewhere.example/{KEY}/login"),
    "a redirect with a query": http_response(status=302, Location=f"/login?key={KEY}"),
    "a redirect with a name": http_response(status=307, Location=f"https://{KEY}@elsewhere.example/"),
    "a broken status": f"HTTP/1.1 {KEY} {KEY}\r\n\r\n".encode(),
    "another protocol": f"{KEY}\r\n\r\n".encode(),
    "half a body": f"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{KEY}".encode(),
    "no gzip": http_response(KEY, Content_Encoding="gzip"),
    "nothing": b"",
}
echoes = pytest.mark.parametrize("echo", ECHOES)


async def call_async(hook: DamstraHook, call: Endpoint[Any]) -> Any:
    async with hook.async_client() as client:
        return await client.call(call)


CALLS: dict[str, Callable[[DamstraHook, Endpoint[Any]], Any]] = {
    "sync": lambda hook, call: hook.call(call),
    "async": lambda hook, call: asyncio.run(call_async(hook, call), debug=True),
}


@pytest.fixture(params=list(CALLS))
def failing_call(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that makes a call through a hook and returns its error; retries do not wait."""
    monkeypatch.setattr("airflow_provider_damstra.clients.base._wait", lambda _: 0.0)

    def call() -> DamstraError:
        hook = DamstraHook(damstra_conn_id="lms")
        with pytest.raises(DamstraError) as caught:
            CALLS[request.param](hook, GetUser(user_id=7))
        return caught.value

    return call


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Return all log records, of every level and logger."""
    caplog.set_level(logging.DEBUG)
    for name in ("airflow_provider_damstra", "urllib3", "aiohttp", "asyncio", "requests"):
        caplog.set_level(logging.DEBUG, logger=name)
    return caplog


def set_connection(server: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LMS", connection_json(host=server.url, extra={"max_retries": 1}))


def texts_of(error: BaseException | None) -> Iterator[str]:
    """Yield every text of an error, its context and its causes."""
    seen: set[int] = set()
    pending = [error]
    while pending:
        current = pending.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield from (str(current), repr(current), repr(current.args), *traceback.format_exception(current))
        yield from getattr(current, "__notes__", ())
        pending += [current.__context__, current.__cause__]
        pending += [inner for inner in current.args if isinstance(inner, BaseException)]


def leaks(texts: Iterator[str] | list[str]) -> list[str]:
    """Return the strings that contain the beginning or the end of the key."""
    return [text for text in texts if KEY[:8] in text or KEY[-8:] in text]


def test_leaks_detects_key(log: pytest.LogCaptureFixture) -> None:
    logging.getLogger("urllib3.connectionpool").debug("AccessKey: %s", KEY)
    assert leaks([log.text])
    hidden = DamstraError("hidden")
    hidden.__context__ = ValueError(KEY)
    hidden.__suppress_context__ = True
    assert leaks(texts_of(hidden))


@echoes
def test_error_does_not_show_echoed_key(
    echo: str, failing_call: Any, log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with raw_server(ECHOES[echo]) as server:
        set_connection(server, monkeypatch)
        error = failing_call()
        assert f"AccessKey: {KEY}" in server.requests[0]
    assert leaks(texts_of(error)) == []
    assert leaks([log.text, *(repr(vars(record)) for record in log.records)]) == []


@echoes
def test_pickled_error_does_not_contain_key(
    echo: str, failing_call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with raw_server(ECHOES[echo]) as server:
        set_connection(server, monkeypatch)
        error = failing_call()
    assert KEY.encode() not in pickle.dumps(error)
    assert leaks([repr(vars(error))]) == []


def test_connection_error_does_not_show_key(
    failing_call: Any, log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    monkeypatch.setenv("AIRFLOW_CONN_LMS", connection_json(host=url, extra={"max_retries": 1}))
    assert leaks(texts_of(failing_call())) == []
    assert leaks([log.text]) == []


@echoes
def test_connection_test_does_not_show_key(echo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with raw_server(ECHOES[echo]) as server:
        set_connection(server, monkeypatch)
        is_valid, message = DamstraHook(damstra_conn_id="lms").test_connection()
        assert len(server.requests) == 1
    assert not is_valid
    assert leaks([message]) == []


def test_listing_error_does_not_show_key(
    log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = '{"results": [{"id": 1}], "meta": {"totalResultCount": 9}}'
    with raw_server(http_response(page), http_response(PAGE, status=403)) as server:
        set_connection(server, monkeypatch)
        with pytest.raises(DamstraError) as caught:
            list(DamstraHook(damstra_conn_id="lms").iterate(ListUsers()))
    assert leaks(texts_of(caught.value)) == []
    assert leaks([log.text]) == []


def test_key_is_not_in_repr_or_log(log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    async def reprs(hook: DamstraHook) -> list[str]:
        async with hook.async_client() as client:
            await client.call(GetUser(user_id=7))
            return [repr(client), str(client), repr(client._session)]

    with raw_server(http_response('{"id": 7}')) as server:
        set_connection(server, monkeypatch)
        hook = DamstraHook(damstra_conn_id="lms")
        hook.call(GetUser(user_id=7))
        client = hook.get_conn()
        texts = [f"{one!r} {one}" for one in (hook, client, client.session, hook.settings)]
        texts += asyncio.run(reprs(hook), debug=True)
    assert len(server.requests) == 2
    assert leaks(texts) == []
    assert "GetUser (GET /user/7): HTTP 200" in log.text
    assert leaks([log.text, *(repr(vars(record)) for record in log.records)]) == []


@pytest.mark.parametrize("client", CALLS)
@pytest.mark.parametrize(
    ("call", "body"),
    [
        (GenerateLoginUrl(user_id=7), "{}"),
        (GenerateLoginUrl(user_id=7), '"{}"'),
        (GetEmbedUrl(lesson_schedule_id=7), '{{"embedUrl": "{}"}}'),
        (GetEmbedUrlAllLessonTypes(lesson_schedule_id=7), '{{"embedUrl": "{}"}}'),
    ],
)
def test_secret_results_and_key_are_masked_in_airflow_logs(
    call: Endpoint[str], body: str, client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, key = f"https://app.example/{uuid4()}", f"key-{uuid4()}"
    assert redact(f"{url} {key}") == f"{url} {key}"
    with raw_server(http_response(body.format(url))) as server:
        monkeypatch.setenv("AIRFLOW_CONN_LMS", connection_json(host=server.url, password=key))
        hook = DamstraHook(damstra_conn_id="lms")
        assert CALLS[client](hook, call) == url
    assert redact(f"go to {url} with {key} now") == "go to *** with *** now"


def test_hash_key_is_stripped_and_masked_in_airflow_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    key = f"hash-{uuid4()}"
    monkeypatch.setenv("AIRFLOW_CONN_LMS", connection_json(extra={"hash_key": f" {key}\n"}))
    assert redact(key) == key
    assert DamstraHook(damstra_conn_id="lms").hash_key == key.encode()
    assert redact(f"the key {key}") == "the key ***"

"""Requests to the endpoint of completions: retries, redirects, TLS, proxies, the HTTP connection."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat import sdk as compat
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_damstra.exports.completions.completion import Completion
from airflow_provider_damstra.exports.completions.endpoint import (
    DeliveryError,
    EndpointSettings,
    HttpEndpoint,
)
from airflow_provider_damstra.models import LessonSchedule, User
from tests.clients.proxy import tunnel_proxy
from tests.clients.servers import closed_port, http_response, raw_server
from tests.clients.tls import certificate
from tests.operators.task_runner import run
from tests.transfers.completion_step import PASSED, delivery

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.transfers.endpoint_server import EndpointServer

pytestmark = pytest.mark.usefixtures("damstra_emulator")


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the waits between attempts, which take no time."""
    waits: list[float] = []
    defaults: Any = vars(HttpEndpoint)["__init__"].__kwdefaults__
    monkeypatch.setitem(defaults, "sleep", waits.append)
    return waits


def deliver(folder: Path, **arguments: Any) -> Any:
    return run(delivery(folder, http_conn_id="hr", **arguments)).value


@pytest.mark.parametrize("status", [429, 500, 503])
def test_completion_is_sent_again_after_requested_wait(
    status: int, hr: EndpointServer, waits: list[float], tmp_path: Path
) -> None:
    responses: Iterator[Any] = iter(
        [(status, {"Retry-After": "7"}, b""), (status, {"Retry-After": "60"}, b""), 201]
    )
    hr.respond = lambda _: next(responses)
    assert deliver(tmp_path)["delivered"] == 1
    assert waits == [7, 60]
    assert len({request.key for request in hr.requests}) == 1
    assert len({request.completion()["person"]["user_id"] for request in hr.requests}) == 1


@pytest.mark.parametrize(
    ("response", "attempts", "kind", "message"),
    [
        ((503, {"Retry-After": "61"}, b""), 1, AirflowException, "HTTP 503"),
        ((503, {}, b"down"), 3, AirflowException, r"HTTP 503\): down\."),
        ((400, {"Retry-After": "1"}, b""), 1, AirflowFailException, r"HTTP 400\): the response is empty\."),
        ((408, {}, b""), 1, AirflowException, "HTTP 408"),
        ((409, {}, b""), 1, AirflowException, "HTTP 409"),
        ((307, {"Location": "https://evil.example/?token=x"}, b""), 1, AirflowFailException, "redirected"),
        ((304, {}, b""), 1, AirflowFailException, "redirected"),
    ],
)
def test_completion_that_is_not_accepted_fails(
    response: tuple[int, dict[str, str], bytes],
    attempts: int,
    kind: type[Exception],
    message: str,
    hr: EndpointServer,
    waits: list[float],
    tmp_path: Path,
) -> None:
    hr.respond = lambda _: response
    with pytest.raises(AirflowException, match=message) as caught:
        deliver(tmp_path)
    assert type(caught.value) is kind
    assert len(hr.requests) == attempts == len(waits) + 1
    assert "token" not in str(caught.value)
    assert list((tmp_path / "receipts").iterdir()) == []


def test_lost_response_is_sent_again_with_the_same_key(
    waits: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with raw_server(b"HTTP/1.1 2", http_response(b"{}", 201)) as server:
        monkeypatch.setenv("AIRFLOW_CONN_HR", json.dumps({"conn_type": "http", "host": server.url}))
        deliver(tmp_path, body_format="json")
    keys = {line for one in server.requests for line in one.splitlines() if "Idempotency-Key" in line}
    assert (len(server.requests), len(keys)) == (2, 1)


def test_accepted_completion_needs_no_complete_body(
    waits: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with raw_server(http_response(b"{}", 200, Content_Length="9999")) as server:
        monkeypatch.setenv("AIRFLOW_CONN_HR", json.dumps({"conn_type": "http", "host": server.url}))
        assert deliver(tmp_path, body_format="json")["delivered"] == 1
    assert len(server.requests) == 1


def test_endpoint_that_cannot_be_reached_is_named(
    waits: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = closed_port()
    connection = {"conn_type": "http", "host": "127.0.0.1", "port": port}
    monkeypatch.setenv("AIRFLOW_CONN_HR", json.dumps(connection))
    with pytest.raises(AirflowException, match=f"30013 .* no response from 127.0.0.1:{port}: connection ref"):
        deliver(tmp_path)
    assert len(waits) == 2


def test_untrusted_certificate_is_refused(
    waits: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, context = certificate(tmp_path)
    with raw_server(http_response(b"{}", 201), context=context) as server:
        connection = {"conn_type": "http", "host": server.url}
        monkeypatch.setenv("AIRFLOW_CONN_HR", json.dumps(connection))
        with pytest.raises(AirflowFailException, match=r"TLS connection to .* failed: self-signed"):
            deliver(tmp_path, body_format="json")
        assert (server.requests, waits) == ([], [])
        connection["extra"] = json.dumps({"verify": str(bundle)})
        monkeypatch.setenv("AIRFLOW_CONN_HR", json.dumps(connection))
        assert deliver(tmp_path, body_format="json")["delivered"] == 1


def test_proxy_of_environment_is_used(
    waits: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = {"conn_type": "http", "host": "https://hr.example"}
    monkeypatch.setenv("AIRFLOW_CONN_HR", json.dumps(connection))
    with tunnel_proxy(refusal="403 Forbidden") as proxy:
        monkeypatch.setenv("https_proxy", f"http://user:secret@{proxy.address}")
        with pytest.raises(AirflowException, match=f"through the proxy {proxy.address}") as caught:
            deliver(tmp_path)
    assert proxy.requests[0].startswith("CONNECT hr.example:443")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"host": "hr.example"}, "http://hr.example would send data about people unencrypted: use https"),
        ({"host": ""}, "is not a host name"),
        ({"host": "https://user:pw@hr.example"}, "must be a host name or a base address"),
        ({"extra": {"timeout": 0}}, "timeout: Input should be greater than 0"),
        ({"extra": {"X-Key": "a\nb-secret"}}, "'X-Key' is no option, and its value cannot be"),
        ({"extra": {"proxies": {"https": "http://p"}}}, "'proxies' is not used: set https_proxy"),
        ({"extra": {"verify": "/none.pem"}}, "CA bundle '/none.pem'"),
    ],
)
def test_connection_that_cannot_be_used_is_explained(
    fields: dict[str, Any],
    message: str,
    damstra_emulator: DamstraEmulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connection = {"conn_type": "http", "host": "https://hr.example", **fields}
    monkeypatch.setenv("AIRFLOW_CONN_HR", json.dumps(connection))
    with pytest.raises(
        AirflowFailException, match=f"HTTP connection 'hr' cannot be used: .*{message}"
    ) as caught:
        deliver(tmp_path)
    assert "secret" not in str(caught.value)
    assert damstra_emulator.journal() == []


def test_options_of_connection_are_no_headers(
    hr: EndpointServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = {"timeout": 5, "allow_redirects": True, "Content-Type": "application/json", "allow_http": False}
    monkeypatch.setenv("AIRFLOW_CONN_HR", hr.connection_json(extra=extra, login=None))
    deliver(tmp_path)
    headers = hr.requests[0].headers
    assert headers["content-type"].startswith("multipart/form-data; boundary=")
    assert headers.keys() & {"timeout", "allow_redirects", "allow_http", "authorization"} == set()
    assert headers["x-api-key"] == "key-of-hr"
    assert hr.ids() == [PASSED]


def test_secrets_of_connection_are_masked(
    hr: EndpointServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    masked: list[str] = []
    monkeypatch.setattr(compat, "mask_secret", masked.append)
    deliver(tmp_path)
    sent = hr.requests[0].headers["authorization"].removeprefix("Basic ")
    assert {"key-of-hr", "p\u00e4ssw\u00f6rd", sent} <= set(masked)
    assert "airflow" not in masked


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ('{"name": "Zo\\u00eb LI", "id": 1}', '{"name": "*** ***", "id": 1}'),
        ("ZO\u00cb is live", "*** is live"),
        ("token abc-key.", "token ***."),
        ("/people/Zo%c3%ab", "/people/***"),
        ("<b>Zo&euml;</b> &#76;i", "<b>***</b> ***"),
    ],
)
def test_excerpt_of_refusal_has_no_secret_and_no_name(body: str, shown: str) -> None:
    settings = EndpointSettings(url="http://127.0.0.1:1", headers={"X-Key": "abc-key", "Accept": "id"})
    completion = Completion(
        schedule=LessonSchedule(id=1),
        user=User(id=2, first_name="Zo\u00eb", last_name="Li"),
        completed_at=datetime(2026, 1, 1, tzinfo=UTC),
        certificate=None,
    )
    arguments: dict[str, Any] = {"body_format": "json", "include_certificate": False, "pool_size": 1}
    with raw_server(http_response(body, 422)) as server:
        endpoint = HttpEndpoint(replace(settings, url=server.url), **arguments)
        with endpoint, pytest.raises(DeliveryError) as caught:
            endpoint.send(completion, key="k")
    assert str(caught.value).endswith(f"was not accepted (HTTP 422): {shown.removesuffix('.')}.")

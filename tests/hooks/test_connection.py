"""Client settings from connections: valid forms, and error messages for invalid ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr, ValidationError

from airflow_provider_damstra.clients.settings import ClientSettings
from airflow_provider_damstra.errors import DamstraConfigurationError
from airflow_provider_damstra.hooks.connection import DamstraConnectionExtra, settings_from_connection
from airflow_provider_damstra.hooks.damstra import DamstraHook
from tests.hooks.connections import KEY, connection

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT = "https://app.velpic.com/api/v2"
HOSTS: list[tuple[str | None, str]] = [
    (None, DEFAULT),
    ("", DEFAULT),
    ("  ", DEFAULT),
    ("app.velpic.com", DEFAULT),
    (" app.velpic.com\n", DEFAULT),
    ("https://app.velpic.com", DEFAULT),
    ("https://app.velpic.com/", DEFAULT),
    ("https://app.velpic.com/api/v2/", DEFAULT),
    ("HTTPS://APP.velpic.com", DEFAULT),
    ("app.velpic.com:8443", "https://app.velpic.com:8443/api/v2"),
    ("https://app.velpic.com:8443", "https://app.velpic.com:8443/api/v2"),
    ("https://proxy.example/damstra", "https://proxy.example/damstra"),
    ("proxy.example/damstra/v2/", "https://proxy.example/damstra/v2"),
    ("[2001:db8::1]", "https://[2001:db8::1]/api/v2"),
    ("https://[2001:db8::1]:8443/x", "https://[2001:db8::1]:8443/x"),
    ("http://localhost:8090", "http://localhost:8090/api/v2"),
    ("http://lms.localhost", "http://lms.localhost/api/v2"),
    ("http://127.0.0.1:8090", "http://127.0.0.1:8090/api/v2"),
    ("http://127.8.9.1", "http://127.8.9.1/api/v2"),
    ("http://[::1]:8090", "http://[::1]:8090/api/v2"),
]
UNENCRYPTED = [
    "http://app.velpic.com",
    "HTTP://app.velpic.com",
    "http://10.0.0.1",
    "http://0.0.0.0",
    "http://localhost.example",
    "http://127.0.0.1.example",
    "http://[2001:db8::1]",
    "http://128.0.0.1",
]
INVALID_HOSTS = [
    "ftp://app.velpic.com",
    "https://",
    "https:///api",
    "//app.velpic.com",
    "https://john:pass-of-john@app.velpic.com",
    "https://john:pass-of-john@app.velpic.com:port",
    "https://john:pass-of-john/@app.velpic.com",
    "https://john:pass-of-john[@app.velpic.com",
    "john:pass-of-john@app velpic.com",
    "https://john:pass-of-john@",
    "app.velpic.com?pass-of-john",
    "app.velpic.com?token=1",
    "app.velpic.com#top",
    "app.velpic.com:port",
    "app.velpic.com:99999",
    "app velpic.com",
    "app..velpic.com",
    "2001:db8::1",
    "[::1",
]


@pytest.mark.parametrize(("host", "base_url"), HOSTS)
def test_base_url_from_host(host: str | None, base_url: str) -> None:
    assert settings_from_connection(connection(host=host)).base_url == base_url


@pytest.mark.parametrize(
    ("host", "base_url"),
    [
        (None, "https://app.velpic.com:8443/api/v2"),
        ("proxy.example/damstra", "https://proxy.example:8443/damstra"),
        ("[::1]", "https://[::1]:8443/api/v2"),
        ("app.velpic.com:9000", "https://app.velpic.com:9000/api/v2"),
    ],
)
def test_port_field_is_used_unless_host_has_port(host: str | None, base_url: str) -> None:
    assert settings_from_connection(connection(host=host, port=8443)).base_url == base_url


@pytest.mark.parametrize("host", UNENCRYPTED)
def test_http_to_other_host_needs_allow_http(host: str) -> None:
    with pytest.raises(DamstraConfigurationError, match=r"unencrypted.*allow_http") as caught:
        settings_from_connection(connection(host=host))
    assert host.lower() in str(caught.value)
    allowed = settings_from_connection(connection(host=host, extra={"allow_http": True}))
    assert allowed.base_url == f"{host.lower()}/api/v2"


@pytest.mark.parametrize("host", INVALID_HOSTS)
def test_invalid_host_raises(host: str) -> None:
    with pytest.raises(DamstraConfigurationError, match=r"^Connection 'lms' cannot be used: ") as caught:
        settings_from_connection(connection(host=host))
    assert "host" in str(caught.value) or host in str(caught.value)
    assert "pass-of-john" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://john:pass-of-john@damstra.example", "https://j:pass-of-john@d e"])
def test_settings_reject_login_in_url_without_showing_it(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ClientSettings(base_url=url, access_key=SecretStr(KEY))
    assert "pass-of-john" not in str(caught.value)


@pytest.mark.parametrize(
    ("uri", "base_url"),
    [
        ("damstra://:KEY@localhost:8090/http", "http://localhost:8090/api/v2"),
        ("damstra://:KEY@localhost:8443/https", "https://localhost:8443/api/v2"),
        ("damstra://:KEY@http%3A%2F%2Flocalhost:8090", "http://localhost:8090/api/v2"),
        ("http://:KEY@localhost:8090", "http://localhost:8090/api/v2"),
        ("https://:KEY@localhost:8443", "https://localhost:8443/api/v2"),
        ("damstra://:KEY@localhost:8443", "https://localhost:8443/api/v2"),
    ],
)
def test_scheme_of_connection_uri_is_used(uri: str, base_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LMS", uri)
    assert DamstraHook(damstra_conn_id="lms").settings.base_url == base_url


@pytest.mark.parametrize("uri", ["damstra://:KEY@lms.example:80/http", "http://:KEY@lms.example:80"])
def test_http_in_connection_uri_needs_allow_http(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LMS", uri)
    is_valid, message = DamstraHook(damstra_conn_id="lms").test_connection()
    assert not is_valid
    assert "http://lms.example:80 would send the access key unencrypted" in message
    assert "certificate" not in message


def test_unknown_schema_raises() -> None:
    with pytest.raises(DamstraConfigurationError, match="its schema 'ftp' is neither http nor https"):
        settings_from_connection(connection(schema="ftp"))


def test_port_0_of_connection_form_is_ignored() -> None:
    assert settings_from_connection(connection(port=0)).base_url == DEFAULT


def test_invalid_port_raises() -> None:
    with pytest.raises(DamstraConfigurationError, match="99999"):
        settings_from_connection(connection(port=99999))


def test_extras_become_settings(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.touch()
    found = settings_from_connection(
        connection(
            extra={
                "timeout": 5,
                "max_retries": 1,
                "page_size": 7,
                "max_concurrency": 2,
                "requests_per_second": 0.5,
                "verify": False,
                "allow_http": False,
                "webhook_token": "hush",
            }
        )
    )
    assert (found.timeout, found.max_retries, found.page_size, found.max_concurrency) == (5.0, 1, 7, 2)
    assert (found.requests_per_second, found.verify) == (0.5, False)


@pytest.mark.parametrize("blank", ["", "  ", None])
@pytest.mark.parametrize("name", list(DamstraConnectionExtra.model_fields))
def test_blank_extra_is_ignored(name: str, blank: str | None) -> None:
    assert settings_from_connection(connection(extra={name: blank})) == settings_from_connection(connection())


def test_text_extras_of_uri_are_converted() -> None:
    found = settings_from_connection(
        connection(extra={"timeout": "5", "max_retries": "0", "page_size": "50", "verify": "false"})
    )
    assert (found.timeout, found.max_retries, found.page_size, found.verify) == (5.0, 0, 50, False)
    assert settings_from_connection(connection(extra={"verify": "true"})).verify is True
    allowed = settings_from_connection(connection(host="http://lms.example", extra={"allow_http": "true"}))
    assert allowed.host == "lms.example"


@pytest.mark.parametrize(
    "name", ["time_out", "Timeout", "page-size", "access_key", "extra__damstra__timeout"]
)
def test_unknown_extra_raises_listing_known_ones(name: str) -> None:
    with pytest.raises(DamstraConfigurationError) as caught:
        settings_from_connection(connection(extra={name: "value-of-it"}))
    assert f"{name}: there is no such extra" in str(caught.value)
    assert "value-of-it" not in str(caught.value)
    for known in DamstraConnectionExtra.model_fields:
        assert known in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("timeout", "soon"),
        ("timeout", 0),
        ("max_retries", -1),
        ("max_retries", 1.5),
        ("page_size", 0),
        ("max_concurrency", 0),
        ("max_concurrency", "many"),
        ("requests_per_second", 0),
        ("requests_per_second", "fast"),
        ("verify", "/no/such/bundle.pem"),
        ("allow_http", "perhaps"),
        ("webhook_token", ["hush"]),
        ("hash_key", "hush" * 7 + "   " * 5),
    ],
)
def test_invalid_extra_raises_naming_it(name: str, value: Any) -> None:
    with pytest.raises(DamstraConfigurationError, match=rf"'lms' cannot be used: .*\b{name}\b") as caught:
        settings_from_connection(connection(extra={name: value}))
    assert "hush" not in str(caught.value)


def test_all_invalid_extras_are_named() -> None:
    with pytest.raises(DamstraConfigurationError) as caught:
        settings_from_connection(connection(extra={"timeout": "soon", "page_size": 0, "nonsense": 1}))
    assert all(name in str(caught.value) for name in ("timeout", "page_size", "nonsense"))


@pytest.mark.parametrize("extra", ["{", "timeout=5", "[1]", '"text"', "5"])
def test_extra_that_is_not_a_json_object_raises(extra: str) -> None:
    with pytest.raises(DamstraConfigurationError, match="extra is not a JSON object"):
        settings_from_connection(connection(extra=extra))


@pytest.mark.parametrize("key", [None, "", " ", "\n"])
def test_missing_key_raises_naming_form_field(key: str | None) -> None:
    with pytest.raises(DamstraConfigurationError, match=r"access key \(field Password\).* empty"):
        settings_from_connection(connection(password=key))


@pytest.mark.parametrize("key", [f"{KEY}\n{KEY}", f"{KEY} {KEY}", f"{KEY}\u00e9", f"{KEY}\x00"])
def test_invalid_key_is_not_shown(key: str) -> None:
    with pytest.raises(DamstraConfigurationError, match=r"access key \(field Password\)") as caught:
        settings_from_connection(connection(password=key))
    assert KEY not in str(caught.value)
    assert KEY not in repr(caught.value)


def test_key_is_stripped() -> None:
    assert settings_from_connection(connection(password=f" {KEY}\n")).access_key.get_secret_value() == KEY

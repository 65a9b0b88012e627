"""ClientSettings are validated before anything is sent."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import ValidationError

from airflow_provider_damstra.clients.settings import ClientSettings

KEY = "key-of-the-settings"
ADDRESS = "https://app.velpic.com/api/v2"


def settings(**changes: Any) -> ClientSettings:
    return ClientSettings.model_validate({"base_url": ADDRESS, "access_key": KEY, **changes})


@pytest.mark.parametrize(
    ("base_url", "host"),
    [
        (ADDRESS, "app.velpic.com"),
        (f"{ADDRESS}/", "app.velpic.com"),
        ("http://127.0.0.1:8090/api/v2", "127.0.0.1:8090"),
        ("http://[::1]:8090/api/v2", "[::1]:8090"),
        ("https://ex_ample.internal:8443", "ex_ample.internal:8443"),
        ("https://xn--bcher-kva.example", "xn--bcher-kva.example"),
        (f"https://{'a' * 63}.example.", f"{'a' * 63}.example."),
    ],
)
def test_valid_base_url_is_accepted(base_url: str, host: str) -> None:
    assert settings(base_url=base_url).host == host
    assert not settings(base_url=base_url).base_url.endswith("/")


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "app.velpic.com",
        "ftp://app.velpic.com",
        "https://",
        "https:///api/v2",
        "https://[::1/api",
        "https://app.velpic.com:99999/api",
        "https://app.velpic.com:port/api",
        "https://app velpic.com/api",
        "https://app..velpic.com/api",
        f"https://{'a' * 64}.example/api",
        "https://b\u00fccher.example/api",
        "https://app%zz.example/api",
        "https://app.velpic.com/api v2",
        "https://app.velpic.com/api\nv2",
    ],
)
def test_invalid_base_url_is_rejected(base_url: str) -> None:
    with pytest.raises(ValidationError, match="base_url"):
        settings(base_url=base_url)


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("timeout", [0, -1, "soon", None, math.inf, math.nan, "inf", 1e300]),
        ("max_retries", [-1, 1.5, "many", None, math.inf, 10**30]),
        ("page_size", [0, -1, "all", 10**30]),
        ("max_concurrency", [0, -1, 10**30]),
        ("requests_per_second", [0, -1, "fast", math.inf, math.nan, 1e-320]),
        ("max_response_bytes", [0, "much", 10**30]),
        ("verify", [None, 3, ["a"]]),
        ("nonsense", [1]),
    ],
)
def test_invalid_option_is_rejected_by_name(name: str, bad: list[Any]) -> None:
    for value in bad:
        with pytest.raises(ValidationError, match=rf"(?m)^{name}"):
            settings(**{name: value})


@pytest.mark.parametrize(
    "key", ["", "  ", "two words", "new\nline", "tab\tbed", "k\u00e9y", "nul\x00", "del\x7f"]
)
def test_invalid_access_key_is_rejected_and_not_shown(key: str) -> None:
    with pytest.raises(ValidationError, match="access_key") as caught:
        settings(access_key=key)
    assert not key.strip() or key not in str(caught.value)


def test_access_key_is_stripped() -> None:
    assert settings(access_key=f" {KEY}\n").access_key.get_secret_value() == KEY


def test_access_key_is_not_in_any_text_of_the_settings() -> None:
    texts = [repr(settings()), str(settings()), str(settings().model_dump()), settings().model_dump_json()]
    assert [text for text in texts if KEY in text] == []


def test_defaults_are_the_documented_ones() -> None:
    found = settings()
    assert (found.timeout, found.max_retries, found.page_size, found.max_concurrency) == (30.0, 4, 100, 8)
    assert (found.requests_per_second, found.verify) == (None, True)

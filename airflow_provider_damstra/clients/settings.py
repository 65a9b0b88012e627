"""Settings of a client: address, access key, time-outs, retries and limits."""

from __future__ import annotations

import json
from typing import Annotated, Literal
from urllib.parse import urljoin, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from airflow_provider_damstra.addresses import host_and_port, is_valid_url, without_login

RecordKind = Literal["ilt_session", "lesson_schedule", "lesson_version", "lesson", "group", "user"]
"""Kinds of records that ``link_urls`` may have addresses of."""

_ANY_BASE_URL = "https://app.velpic.com/"


def _parse_json(value: object) -> object:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("it is not JSON") from None


def _validate_link(url: str) -> str:
    if "{id}" not in url or not is_valid_url(urljoin(_ANY_BASE_URL, url)):
        raise ValueError("it is not an address with {id} in it, such as #users/{id}")
    if urlsplit(url).scheme not in ("", "http", "https"):
        raise ValueError("it is neither a web address nor relative to the one of the host")
    return url


class ClientOptions(BaseModel):
    """Options of a client, which a connection sets in its extra."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    timeout: Annotated[
        float, Field(gt=0, le=86400, description="Seconds to connect, and seconds between two reads.")
    ] = 30.0
    max_retries: Annotated[int, Field(ge=0, le=1000, description="Attempts after the first.")] = 4
    page_size: Annotated[int, Field(gt=0, le=1_000_000, description="Rows requested per page.")] = 100
    max_concurrency: Annotated[
        int, Field(gt=0, le=1000, description="Concurrent requests of one process.")
    ] = 8
    requests_per_second: Annotated[
        float | None,
        Field(ge=0.001, le=10_000, description="Requests per second from one process; empty for no limit."),
    ] = None
    max_response_bytes: Annotated[
        int, Field(gt=0, le=1 << 40, description="Size of a response at most, after decompression.")
    ] = 64 * 1024 * 1024
    verify: Annotated[
        bool | str,
        Field(
            union_mode="left_to_right",
            description="Check the server's certificate: true, false, or a CA bundle's path.",
        ),
    ] = True
    link_urls: Annotated[
        dict[RecordKind, Annotated[str, AfterValidator(_validate_link)]] | None,
        BeforeValidator(_parse_json),
        Field(description="Addresses of records in the web application, relative to the host, with {id}."),
    ] = None


def _validate_access_key(key: SecretStr) -> SecretStr:
    value = key.get_secret_value().strip()
    if not value:
        raise ValueError("it is empty")
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise ValueError("it holds characters that no access key has; copy it again")
    return SecretStr(value)


def _validate_base_url(url: str) -> str:
    if not (url.startswith(("http://", "https://")) and is_valid_url(url)):
        raise ValueError(f"{without_login(url)!r} is not an address such as https://app.velpic.com/api/v2")
    if "@" in urlsplit(url).netloc:
        raise ValueError(f"{without_login(url)!r} has a user name or password, which the API does not use")
    return url.rstrip("/")


class ClientSettings(ClientOptions):
    """Everything a client is configured with. The access key is not part of the repr.

    :param base_url: URL of the API, such as ``https://app.velpic.com/api/v2``.
    """

    base_url: Annotated[str, AfterValidator(_validate_base_url)]
    access_key: Annotated[SecretStr, AfterValidator(_validate_access_key)]

    @property
    def web_url(self) -> str:
        """Return the URL of the web application: that of the API without its path."""
        return f"{urlsplit(self.base_url).scheme}://{self.host}/"

    def record_url(self, kind: RecordKind, record_id: int) -> str:
        """Return the address of a record of a kind that ``link_urls`` has, in the web application."""
        return urljoin(self.web_url, (self.link_urls or {})[kind].replace("{id}", str(record_id)))

    @property
    def host(self) -> str:
        """Return host and port for messages."""
        return host_and_port(self.base_url)

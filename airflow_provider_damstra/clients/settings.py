"""Settings of a client: address, access key, time-outs, retries and limits."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from airflow_provider_damstra.addresses import host_and_port, is_valid_url, without_login


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

    @property
    def host(self) -> str:
        """Return host and port for messages."""
        return host_and_port(self.base_url)

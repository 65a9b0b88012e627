"""Settings of a client: address, access key, time-outs, retries and limits."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.I)
_VISIBLE = re.compile(r"[!-~]*")


class ClientOptions(BaseModel):
    """Options of a client, which a connection sets in its extra."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    timeout: Annotated[
        float, Field(gt=0, description="Seconds to connect, and seconds between two reads.")
    ] = 30.0
    max_retries: Annotated[int, Field(ge=0, description="Attempts after the first.")] = 4
    page_size: Annotated[int, Field(gt=0, description="Rows requested per page.")] = 100
    max_concurrency: Annotated[int, Field(gt=0, description="Concurrent requests of one process.")] = 8
    requests_per_second: Annotated[
        float | None, Field(gt=0, description="Requests per second from one process; empty for no limit.")
    ] = None
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
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in ("http", "https") and _is_host(parts.hostname or "") and parts.port != 0
    except ValueError:
        is_valid = False  # an invalid port or IPv6 address
    if not is_valid or not _VISIBLE.fullmatch(url):
        raise ValueError(f"{url!r} is not an address such as https://app.velpic.com/api/v2")
    return url.rstrip("/")


def _is_host(name: str) -> bool:
    # A name with colons is an IPv6 address, which urlsplit has checked.
    return ":" in name or all(_LABEL.fullmatch(label) for label in name.removesuffix(".").split("."))


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
        return urlsplit(self.base_url).netloc.rpartition("@")[2]

"""How a client reaches the API: address, key, and how hard it may try."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.I)
_VISIBLE = re.compile(r"[!-~]*")


class ClientOptions(BaseModel):
    """How long, how often and how fast a client asks."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    timeout: Annotated[
        float, Field(gt=0, description="Seconds to connect, and seconds between two reads.")
    ] = 30.0
    max_retries: Annotated[int, Field(ge=0, description="Attempts after the first.")] = 4
    page_size: Annotated[int, Field(gt=0, description="Rows asked for per page.")] = 100
    max_concurrency: Annotated[
        int, Field(gt=0, description="Requests in flight at once from one process.")
    ] = 8
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


def _usable_key(key: SecretStr) -> SecretStr:
    value = key.get_secret_value().strip()
    if not value:
        raise ValueError("it is empty")
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise ValueError("it holds characters that no access key has; copy it again")
    return SecretStr(value)


def _whole_address(address: str) -> str:
    try:
        parts = urlsplit(address)
        is_whole = parts.scheme in ("http", "https") and _is_host(parts.hostname or "") and parts.port != 0
    except ValueError:
        # A bad port, or a bad IPv6 address.
        is_whole = False
    if not is_whole or not _VISIBLE.fullmatch(address):
        raise ValueError(f"{address!r} is no address such as https://app.velpic.com/api/v2")
    return address.rstrip("/")


def _is_host(name: str) -> bool:
    # A name with colons is an IPv6 address, which urlsplit has checked.
    return ":" in name or all(_LABEL.fullmatch(label) for label in name.removesuffix(".").split("."))


class ClientSettings(ClientOptions):
    """All a client needs to know. The access key is in no repr."""

    base_url: Annotated[str, AfterValidator(_whole_address)]
    access_key: Annotated[SecretStr, AfterValidator(_usable_key)]

    @property
    def web_address(self) -> str:
        """Return the address of the web application: the API's without its path."""
        return f"{urlsplit(self.base_url).scheme}://{self.host}/"

    @property
    def host(self) -> str:
        """Return host and port, for messages."""
        return urlsplit(self.base_url).netloc.rpartition("@")[2]

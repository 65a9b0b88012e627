"""Hosts and URLs: whether they are valid, whether they are this machine, and how they are shown."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.I)
_VISIBLE = re.compile(r"[!-~]*")
_LOGIN = re.compile(r"^([a-z][a-z0-9+.-]*://)?.*@", re.I | re.S)


def parse_ip(host: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address that a host is, an IPv4-mapped one as IPv4, or None for a name."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_loopback(host: str) -> bool:
    """Return whether a host name or IP address is this machine."""
    name = host.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = parse_ip(host)
    return address is not None and address.is_loopback


def is_valid_url(url: str) -> bool:
    """Return whether a URL consists of visible ASCII characters and has a valid host name and port."""
    try:
        parts = urlsplit(url)
        return bool(_VISIBLE.fullmatch(url)) and _is_host(parts.hostname or "") and parts.port != 0
    except ValueError:  # an invalid port or IPv6 address
        return False


def _is_host(name: str) -> bool:
    # A name with colons is an IPv6 address, which urlsplit has checked.
    return ":" in name or all(_LABEL.fullmatch(label) for label in name.removesuffix(".").split("."))


def host_and_port(url: str) -> str:
    """Return host and port of a valid URL as they are in it, without a login."""
    return urlsplit(url).netloc.rpartition("@")[2]


def without_login(url: str) -> str:
    """Return a URL or host, valid or not, with ``***`` instead of a user name and password."""
    return _LOGIN.sub(r"\1***@", url, count=1)

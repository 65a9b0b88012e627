"""Proxies and CA bundles of the environment, by the rules of requests, for both clients."""

from __future__ import annotations

import os
import ssl
from importlib.util import find_spec
from ipaddress import IPv4Address, IPv6Address, ip_network
from urllib.parse import SplitResult, unquote, urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies, select_proxy

from airflow_provider_damstra.addresses import is_loopback, is_valid_url, parse_ip
from airflow_provider_damstra.errors import DamstraConfigurationError

_HTTP_SCHEMES = ("http", "https")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_SOCKS_SCHEMES = ("socks4", "socks4a", "socks5", "socks5h")


def proxy_for(url: str, *, supports_socks: bool) -> str | None:
    """Return the URL of the environment's proxy for a URL, or None for a direct connection.

    This machine is always connected directly. ``NO_PROXY`` may name hosts, domains, IP addresses and networks
    (``10.0.0.0/8``, ``fd00::/8``), each but a network also with a port.

    :param supports_socks: whether the HTTP library can use SOCKS proxies if PySocks is installed.
    :raises DamstraConfigurationError: if the proxy is of a kind that cannot be used, or its URL is invalid.
    """
    server = urlsplit(url)
    if _is_this_machine(server.hostname or "") or _is_address_in_no_proxy(server):
        return None
    # NO_PROXY may name the default port, too.
    with_port = url if server.port else f"{server.scheme}://{server.netloc}:{_port(server)}"
    proxy = (select_proxy(url, get_environ_proxies(with_port)) or "").strip()
    if not proxy:
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    # The URL is not shown in errors, because it may contain a password.
    if not is_valid_url(proxy) or not _is_login_valid(proxy):
        raise DamstraConfigurationError(
            f"The URL of the environment's proxy for {server.hostname} is invalid: check "
            f"{server.scheme}_proxy and all_proxy. Characters such as / and # in a password must be "
            "percent-encoded, and only those of Latin-1 can be sent."
        )
    scheme = urlsplit(proxy).scheme
    if scheme in _HTTP_SCHEMES:
        return proxy
    if supports_socks and scheme in _SOCKS_SCHEMES:
        if find_spec("socks"):
            return proxy
        raise DamstraConfigurationError(
            f"The environment's proxy for {server.hostname} is a {scheme} proxy, which needs the package "
            f"PySocks: install it, or name {server.hostname} in no_proxy."
        )
    raise DamstraConfigurationError(
        f"The environment's proxy for {server.hostname} is a {scheme} proxy, and only http and https proxies "
        f"can be used{'' if supports_socks else ' here'}. Set {server.scheme}_proxy to one, or name "
        f"{server.hostname} in no_proxy."
    )


def _is_this_machine(host: str) -> bool:
    """Return whether a host is a loopback one or an unspecified address, which is connected like it."""
    address = parse_ip(host)
    return is_loopback(host) or (address is not None and address.is_unspecified)


def _port(server: SplitResult) -> int | None:
    return server.port or _DEFAULT_PORTS.get(server.scheme)


def _is_address_in_no_proxy(server: SplitResult) -> bool:
    """Return whether ``NO_PROXY`` names the server's IP address; requests has no IPv6 networks or ports."""
    address = parse_ip(server.hostname or "")
    entries = (os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or "").split(",")
    return address is not None and any(_names(entry.strip(), address, _port(server)) for entry in entries)


def _names(entry: str, address: IPv4Address | IPv6Address, port: int | None) -> bool:
    """Return whether an entry of ``NO_PROXY`` is an address, alone or with its port, or a network of it."""
    try:
        if "/" in entry:
            return address in ip_network(entry, strict=False)
        if parse_ip(entry.strip("[]")) == address:
            return True
        named = urlsplit(f"//{entry}")
        return parse_ip(named.hostname or "") == address and named.port == port
    except ValueError:
        return False


def _is_login_valid(proxy: str) -> bool:
    """Return whether the login can be sent in a header; requests and aiohttp encode it as Latin-1."""
    login = unquote(urlsplit(proxy).netloc.rpartition("@")[0])
    try:
        login.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return all(character.isprintable() for character in login)


def ca_bundle(verify: bool | str) -> str | None:
    """Return the path of the CA bundle to trust, or None where certificates are not verified.

    :param verify: the connection's ``verify``: a path, False, or True for the bundle that
        ``REQUESTS_CA_BUNDLE`` or ``CURL_CA_BUNDLE`` names, or else the one of requests.
    """
    if isinstance(verify, str):
        return verify
    if not verify:
        return None
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or DEFAULT_CA_BUNDLE_PATH


def ssl_context(verify: bool | str) -> ssl.SSLContext | bool:
    """Return the SSL context for aiohttp, or False where certificates are not verified.

    :raises DamstraConfigurationError: if the CA bundle cannot be read.
    """
    bundle = ca_bundle(verify)
    if bundle is None:
        return False
    try:
        if os.path.isdir(bundle):
            return ssl.create_default_context(capath=bundle)
        return ssl.create_default_context(cafile=bundle)
    except OSError as error:  # ssl.SSLError is one
        why = "there is no such file" if isinstance(error, FileNotFoundError) else "it holds no certificate"
    raise DamstraConfigurationError(
        f"The CA bundle {bundle!r} (extra verify, or REQUESTS_CA_BUNDLE) cannot be used: {why}."
    )


def validate_ca_bundle(verify: bool | str) -> None:
    """Raise if a CA bundle other than the default one cannot be read.

    :raises DamstraConfigurationError: naming the bundle.
    """
    # Loading the default bundle takes 14 ms.
    if ca_bundle(verify) != DEFAULT_CA_BUNDLE_PATH:
        ssl_context(verify)

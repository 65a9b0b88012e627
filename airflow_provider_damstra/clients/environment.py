"""Proxies and CA bundles of the environment, by the rules of requests, for both clients."""

from __future__ import annotations

import os
import ssl
from importlib.util import find_spec
from urllib.parse import urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies, select_proxy

from airflow_provider_damstra.errors import DamstraConfigurationError

_SOCKS_SCHEMES = ("socks4", "socks4a", "socks5", "socks5h")


def proxy_for(url: str, *, supports_socks: bool) -> str | None:
    """Return the URL of the environment's proxy for a URL, or None for a direct connection.

    ``NO_PROXY`` may name hosts, domains and networks (``10.0.0.0/8``).

    :param supports_socks: whether the HTTP library can use SOCKS proxies if PySocks is installed.
    :raises DamstraConfigurationError: if the proxy is of a kind that cannot be used, or its URL is invalid.
    """
    proxy = select_proxy(url, get_environ_proxies(url))
    if not proxy:
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    server, scheme = urlsplit(url), _scheme(proxy)
    if scheme in ("http", "https"):
        return proxy
    if scheme is None:
        # The URL is not shown, because it may contain a password.
        raise DamstraConfigurationError(
            f"The URL of the environment's proxy for {server.hostname} is invalid: check "
            f"{server.scheme}_proxy and all_proxy. Characters such as / and # in a password must be "
            "percent-encoded."
        )
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


def _scheme(proxy: str) -> str | None:
    """Return the scheme of a proxy's URL, or None if the URL is invalid."""
    try:
        parts = urlsplit(proxy)
        return parts.scheme if parts.hostname and parts.port != 0 else None
    except ValueError:  # an invalid port or IPv6 address
        return None


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

"""Which proxy leads to an address: the same on both faces."""

from __future__ import annotations

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from airflow_provider_damstra.errors import DamstraConfigurationError


def proxy_for(address: str) -> str | None:
    """Return the environment's proxy for an address, or None for none.

    :raises DamstraConfigurationError: if it is of a kind that cannot be used.
    """
    parts = urlsplit(address)
    if proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy:
        return None
    if "://" not in proxy:
        # As others read it.
        proxy = f"http://{proxy}"
    kind = urlsplit(proxy).scheme
    if kind in ("http", "https"):
        return proxy
    raise DamstraConfigurationError(
        f"The environment's proxy for {parts.hostname} is a {kind} proxy, and only http and https proxies "
        f"can be used. Set {parts.scheme}_proxy to one, or name {parts.hostname} in no_proxy."
    )

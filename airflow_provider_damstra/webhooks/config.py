"""The section ``[damstra]`` of Airflow's configuration, read in one place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import quote

from airflow.configuration import conf

from airflow_provider_damstra.get_provider_info import CONFIGURATION

SECTION = "damstra"

PREFIX = "/damstra"
"""Where the receiver is mounted in the API server."""

_MOST = 100_000

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, kw_only=True)
class ReceiverConfig:
    """What an administrator of Airflow decides about webhooks."""

    enabled: bool
    conn_ids: tuple[str, ...]
    networks: tuple[Network, ...]
    verify_events: bool
    verify_patience: timedelta
    retention: timedelta


def load_receiver_config() -> ReceiverConfig:
    """Return the configuration.

    :raises ValueError: naming the option that cannot be used.
    """
    return ReceiverConfig(
        enabled=conf.getboolean(SECTION, "webhooks_enabled", fallback=_default("webhooks_enabled")),
        conn_ids=_conn_ids(),
        networks=_networks(),
        verify_events=conf.getboolean(SECTION, "verify_events", fallback=_default("verify_events")),
        verify_patience=timedelta(seconds=_number("verify_patience", least=0)),
        retention=timedelta(days=_number("inbox_retention", least=1)),
    )


def _default(name: str) -> str:
    return str(CONFIGURATION[SECTION]["options"][name]["default"])


def _list(name: str) -> tuple[str, ...]:
    text = conf.get(SECTION, name, fallback=_default(name)) or ""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _conn_ids() -> tuple[str, ...]:
    conn_ids = _list("webhook_conn_ids")
    if bad := [conn_id for conn_id in conn_ids if "/" in conn_id]:
        raise ValueError(f"[{SECTION}] webhook_conn_ids: {bad[0]!r} has a slash: no address can hold it.")
    return conn_ids


def _networks() -> tuple[Network, ...]:
    try:
        return tuple(ip_network(text) for text in _list("webhook_networks"))
    except ValueError as error:
        raise ValueError(f"[{SECTION}] webhook_networks: {error}.") from None


def _number(name: str, *, least: float) -> float:
    text = conf.get(SECTION, name, fallback=_default(name))
    try:
        number = float(text)
    except ValueError:
        number = least - 1
    if not least <= number <= _MOST:
        raise ValueError(f"[{SECTION}] {name}: {text!r} is not a number from {least} to {_MOST}.")
    return number


def receives_webhooks(conn_id: str) -> bool:
    """Return whether webhooks of a connection are received; if the configuration is wrong, they are not."""
    try:
        configuration = load_receiver_config()
    except ValueError:
        return False
    return configuration.enabled and conn_id in configuration.conn_ids


def public_webhook_url(conn_id: str, token: str) -> str:
    """Return the address to paste into Damstra: who knows it can send events."""
    return f"{_base_url()}{PREFIX}{_webhook_path(conn_id, token)}"


def internal_webhook_url(conn_id: str, token: str) -> str:
    """Return the same address as Airflow's own processes reach it."""
    return f"{_own_base_url()}{PREFIX}{_webhook_path(conn_id, token)}"


def internal_feed_url(conn_id: str) -> str:
    """Return the address of a connection's feed as Airflow's own processes reach it."""
    return f"{_own_base_url()}{PREFIX}/feed/{quote(conn_id, safe='')}"


def internal_missed_event_url(conn_id: str) -> str:
    """Return the address for events that polling saw."""
    return f"{_own_base_url()}{PREFIX}/missed/{quote(conn_id, safe='')}"


def _webhook_path(conn_id: str, token: str) -> str:
    return f"/webhooks/{quote(conn_id, safe='')}/{quote(token, safe='')}"


def _base_url() -> str:
    base = conf.get("api", "base_url", fallback="") or f"http://localhost:{conf.get('api', 'port')}"
    return base.rstrip("/")


def _own_base_url() -> str:
    return (conf.get(SECTION, "receiver_url", fallback="") or _base_url()).rstrip("/")

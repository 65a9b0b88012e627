"""The section ``[damstra]`` of Airflow's configuration, read in one place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network

from airflow.configuration import conf

from airflow_provider_damstra.get_provider_info import CONFIGURATION

SECTION = "damstra"
PREFIX = "/damstra"
"""Where the receiver is mounted in the API server."""

_MOST = 100_000
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, kw_only=True)
class ReceiverConfiguration:
    """What an administrator of Airflow decides about webhooks."""

    enabled: bool
    conn_ids: tuple[str, ...]
    networks: tuple[Network, ...]
    verify_events: bool
    verify_patience: timedelta
    retention: timedelta


def receiver_configuration() -> ReceiverConfiguration:
    """Return the configuration.

    :raises ValueError: naming the option that cannot be used.
    """
    return ReceiverConfiguration(
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

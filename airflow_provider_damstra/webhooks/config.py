"""Configuration of the webhook receiver: the section ``[damstra]``, and the URLs that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import quote

from airflow.configuration import conf

from airflow_provider_damstra.get_provider_info import CONFIGURATION

SECTION = "damstra"
URL_PREFIX = "/damstra"
"""Path of the receiver in the API server."""

MAX_NUMBER = 100_000
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, kw_only=True)
class ReceiverConfig:
    """Options of the section ``[damstra]``.

    :param enabled: receive webhooks.
    :param conn_ids: ids of the connections whose webhooks are received.
    :param networks: networks that requests may come from; all if empty.
    :param verify_events: verify events with the API before they update assets.
    :param verify_patience: how long an event that Damstra does not show yet is verified again.
    :param retention: how long processed events are kept.
    """

    enabled: bool
    conn_ids: tuple[str, ...]
    networks: tuple[Network, ...]
    verify_events: bool
    verify_patience: timedelta
    retention: timedelta


def load_receiver_config() -> ReceiverConfig:
    """Load the section ``[damstra]`` of Airflow's configuration.

    :raises ValueError: if an option is invalid; the message names it.
    """
    return ReceiverConfig(
        enabled=conf.getboolean(SECTION, "webhooks_enabled", fallback=_default("webhooks_enabled")),
        conn_ids=_conn_ids(),
        networks=_networks(),
        verify_events=conf.getboolean(SECTION, "verify_events", fallback=_default("verify_events")),
        verify_patience=timedelta(seconds=_number("verify_patience", minimum=0)),
        retention=timedelta(days=_number("inbox_retention", minimum=1)),
    )


def receives_webhooks(conn_id: str) -> bool:
    """Return whether webhooks of a connection are received; False if the configuration is invalid."""
    try:
        config = load_receiver_config()
    except ValueError:
        return False
    return config.enabled and conn_id in config.conn_ids


def public_webhook_url(conn_id: str, token: str) -> str:
    """Return the URL to configure in Damstra. It is a secret: its token authorizes events."""
    return f"{_base_url()}{URL_PREFIX}{_webhook_path(conn_id, token)}"


def internal_webhook_url(conn_id: str, token: str) -> str:
    """Return the same endpoint's URL for Airflow's own processes."""
    return f"{_internal_base_url()}{URL_PREFIX}{_webhook_path(conn_id, token)}"


def internal_feed_url(conn_id: str) -> str:
    """Return the URL of a connection's feed for Airflow's own processes."""
    return f"{_internal_base_url()}{URL_PREFIX}/feed/{quote(conn_id, safe='')}"


def internal_missed_event_url(conn_id: str) -> str:
    """Return the URL for events that polling found, for Airflow's own processes."""
    return f"{_internal_base_url()}{URL_PREFIX}/missed/{quote(conn_id, safe='')}"


def _default(option: str) -> str:
    return str(CONFIGURATION[SECTION]["options"][option]["default"])


def _list(option: str) -> tuple[str, ...]:
    text = conf.get(SECTION, option, fallback=_default(option)) or ""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _conn_ids() -> tuple[str, ...]:
    conn_ids = _list("webhook_conn_ids")
    if invalid := [conn_id for conn_id in conn_ids if "/" in conn_id]:
        raise ValueError(f"[{SECTION}] webhook_conn_ids: {invalid[0]!r} has a slash: no URL can hold it.")
    return conn_ids


def _networks() -> tuple[Network, ...]:
    try:
        return tuple(ip_network(text) for text in _list("webhook_networks"))
    except ValueError as error:
        raise ValueError(f"[{SECTION}] webhook_networks: {error}.") from None


def _number(option: str, *, minimum: float) -> float:
    text = conf.get(SECTION, option, fallback=_default(option))
    try:
        number = float(text)
    except ValueError:
        number = minimum - 1
    if not minimum <= number <= MAX_NUMBER:
        raise ValueError(f"[{SECTION}] {option}: {text!r} is not a number from {minimum} to {MAX_NUMBER}.")
    return number


def _webhook_path(conn_id: str, token: str) -> str:
    return f"/webhooks/{quote(conn_id, safe='')}/{quote(token, safe='')}"


def _base_url() -> str:
    base = conf.get("api", "base_url", fallback="") or f"http://localhost:{conf.get('api', 'port')}"
    return base.rstrip("/")


def _internal_base_url() -> str:
    return (conf.get(SECTION, "receiver_url", fallback="") or _base_url()).rstrip("/")

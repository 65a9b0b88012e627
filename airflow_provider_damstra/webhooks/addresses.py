"""Where the receiver is: for the world, and for Airflow's own processes."""

from __future__ import annotations

from urllib.parse import quote

from airflow.configuration import conf

from airflow_provider_damstra.webhooks.config import PREFIX, SECTION, receiver_configuration


def is_received(conn_id: str) -> bool:
    """Return whether webhooks of a connection are received; if the configuration is wrong, they are not."""
    try:
        configuration = receiver_configuration()
    except ValueError:
        return False
    return configuration.enabled and conn_id in configuration.conn_ids


def webhook_url(conn_id: str, token: str) -> str:
    """Return the address to paste into Damstra: who knows it can send events."""
    return f"{_base_url()}{PREFIX}{_webhook_path(conn_id, token)}"


def own_webhook_url(conn_id: str, token: str) -> str:
    """Return the same address as Airflow's own processes reach it."""
    return f"{_own_base_url()}{PREFIX}{_webhook_path(conn_id, token)}"


def own_feed_url(conn_id: str) -> str:
    """Return the address of a connection's feed as Airflow's own processes reach it."""
    return f"{_own_base_url()}{PREFIX}/feed/{quote(conn_id, safe='')}"


def own_missed_url(conn_id: str) -> str:
    """Return the address for events that polling saw."""
    return f"{_own_base_url()}{PREFIX}/missed/{quote(conn_id, safe='')}"


def _webhook_path(conn_id: str, token: str) -> str:
    return f"/webhooks/{quote(conn_id, safe='')}/{quote(token, safe='')}"


def _base_url() -> str:
    base = conf.get("api", "base_url", fallback="") or f"http://localhost:{conf.get('api', 'port')}"
    return base.rstrip("/")


def _own_base_url() -> str:
    return (conf.get(SECTION, "receiver_url", fallback="") or _base_url()).rstrip("/")

"""Configuration of the webhook receiver: the section ``[damstra]``, and the URLs that follow from it."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated
from urllib.parse import quote

from airflow.configuration import conf
from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from airflow_provider_damstra.get_provider_info import CONFIGURATION
from airflow_provider_damstra.validation_errors import format_validation_error

SECTION = "damstra"
URL_PREFIX = "/damstra"
"""Path of the receiver in the API server."""

MAX_NUMBER = 100_000
Network = IPv4Network | IPv6Network


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _parse_conn_ids(text: str) -> list[str]:
    if "/" in text:
        raise ValueError(f"{text!r} has a slash: no URL can hold it")
    return _split(text)


def _parse_networks(text: str) -> list[Network]:
    return [ip_network(part) for part in _split(text)]


# Airflow allows a comment after a boolean.
Boolean = Annotated[bool, BeforeValidator(lambda text: text.partition("#")[0].strip())]


class ReceiverConfig(BaseModel, frozen=True):
    """Options of the section ``[damstra]``.

    :param webhooks_enabled: receive webhooks.
    :param webhook_conn_ids: ids of the connections whose webhooks are received.
    :param webhook_networks: networks that requests may come from; all if empty.
    :param verify_events: verify events with the API before they update assets.
    :param allow_unknown_events: let events with unknown names, which cannot be verified, update the asset
        for all events; if False, they are refused.
    :param verify_patience: seconds during which an event that Damstra does not show yet is verified again.
    :param inbox_retention: days that processed events are kept.
    """

    webhooks_enabled: Boolean
    webhook_conn_ids: Annotated[tuple[str, ...], BeforeValidator(_parse_conn_ids)]
    webhook_networks: Annotated[tuple[Network, ...], BeforeValidator(_parse_networks)]
    verify_events: Boolean
    allow_unknown_events: Boolean
    verify_patience: Annotated[float, Field(ge=0, le=MAX_NUMBER, allow_inf_nan=False)]
    inbox_retention: Annotated[float, Field(ge=1, le=MAX_NUMBER, allow_inf_nan=False)]


def load_receiver_config() -> ReceiverConfig:
    """Load the section ``[damstra]`` of Airflow's configuration.

    :raises ValueError: if an option is invalid; the message names it.
    """
    options = CONFIGURATION[SECTION]["options"]
    values = {
        name: conf.get(SECTION, name, fallback=options[name]["default"]) or ""
        for name in ReceiverConfig.model_fields
    }
    try:
        return ReceiverConfig.model_validate(values)
    except ValidationError as error:
        raise ValueError(f"[{SECTION}] {format_validation_error(error)}.") from None


def receives_webhooks(conn_id: str) -> bool:
    """Return whether webhooks of a connection are received; False if the configuration is invalid."""
    try:
        config = load_receiver_config()
    except ValueError:
        return False
    return config.webhooks_enabled and conn_id in config.webhook_conn_ids


def public_webhook_url(conn_id: str, token: str) -> str:
    """Return the URL to configure in Damstra. It is a secret: its token authorizes events."""
    return _url(_base_url(), "webhooks", conn_id, token)


def public_feed_url(conn_id: str) -> str:
    """Return the URL of a connection's feed at the address that Damstra sends to."""
    return _url(_base_url(), "feed", conn_id)


def internal_webhook_url(conn_id: str, token: str) -> str:
    """Return the same endpoint's URL for Airflow's own processes."""
    return _url(_internal_base_url(), "webhooks", conn_id, token)


def internal_feed_url(conn_id: str) -> str:
    """Return the URL of a connection's feed for Airflow's own processes."""
    return _url(_internal_base_url(), "feed", conn_id)


def internal_missed_event_url(conn_id: str) -> str:
    """Return the URL for events that polling found, for Airflow's own processes."""
    return _url(_internal_base_url(), "missed", conn_id)


def internal_evaluation_url(conn_id: str) -> str:
    """Return the URL for training statuses that a task evaluated, for Airflow's own processes."""
    return _url(_internal_base_url(), "evaluations", conn_id)


def _url(base_url: str, *path: str) -> str:
    segments = "/".join(quote(segment, safe="") for segment in path)
    return f"{base_url.rstrip('/')}{URL_PREFIX}/{segments}"


def _base_url() -> str:
    return conf.get("api", "base_url", fallback="") or f"http://localhost:{conf.get('api', 'port')}"


def _internal_base_url() -> str:
    return conf.get(SECTION, "receiver_url", fallback="") or _base_url()

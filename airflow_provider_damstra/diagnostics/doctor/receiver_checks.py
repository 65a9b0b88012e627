"""Checks of the webhook receiver: whether it is enabled, has a token, and responds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow.configuration import conf

from airflow_provider_damstra.addresses import without_login
from airflow_provider_damstra.diagnostics.finding import Finding, Level
from airflow_provider_damstra.hooks.connection import parse_extra
from airflow_provider_damstra.webhooks import auth, config
from airflow_provider_damstra.webhooks.receiver_session import create_receiver_session

if TYPE_CHECKING:
    from airflow_provider_damstra.diagnostics.doctor.context import DoctorContext

REQUEST_TIMEOUT = (5, 10)
"""Seconds for connect and for read."""


def check_receiver(context: DoctorContext) -> Iterator[Finding]:
    """Check the configuration of the receiver, and read its feed, which changes nothing."""
    context.require_settings()
    try:
        options = config.load_receiver_config()
    except ValueError as error:
        yield _error(str(error), "Correct the section [damstra] of Airflow's configuration.")
        return
    if not options.webhooks_enabled:
        yield _ok("Webhooks are not received: [damstra] webhooks_enabled is False.")
        return
    if context.conn_id not in options.webhook_conn_ids:
        yield _ok(f"Webhooks of {context.conn_id!r} are not received: [damstra] webhook_conn_ids.")
        return
    tokens = auth.accepted_tokens(parse_extra(context.connection), now=datetime.now(UTC))
    if not tokens:
        yield _error(
            f"Connection {context.conn_id!r} has no valid webhook_token.",
            f"Make one: airflow damstra webhook-url --conn-id {context.conn_id}",
        )
        return
    for name, url in _addresses(context.conn_id).items():
        yield _check_address(name, url, tokens[0])
    base_url = without_login(conf.get("api", "base_url", fallback=""))
    if not base_url.startswith("https://"):
        yield Finding(
            check="receiver",
            level=Level.WARNING,
            text=f"[api] base_url, the address that Damstra sends to, is {base_url or 'not set'}.",
            advice="Set it to the public https:// address of the API server.",
        )


def _addresses(conn_id: str) -> dict[str, str]:
    """Return the URLs of the feed by the option that they follow from, each URL once."""
    public, internal = config.public_feed_url(conn_id), config.internal_feed_url(conn_id)
    urls = {"[api] base_url": public}
    return urls if internal == public else {**urls, "[damstra] receiver_url": internal}


def _check_address(option: str, url: str, token: str) -> Finding:
    import requests

    try:
        with create_receiver_session() as session:
            response = session.get(
                url,
                headers={"Authorization": f"Bearer {token}"},
                timeout=REQUEST_TIMEOUT,
                allow_redirects=False,
            )
    except (requests.RequestException, ValueError) as error:
        # The error's own message may contain a login in the URL.
        return _error(
            f"No response from the receiver at {option} ({type(error).__name__}).",
            f"Check that the API server runs, and that {option} is its address for this machine.",
        )
    status = response.status_code
    if status == 200:
        return _ok(f"The receiver at {option} responds, and accepts the token.")
    if status == 503:
        return _error(
            f"The receiver at {option} is not ready (HTTP 503).",
            "The log of the API server says which connection or database cannot be read.",
        )
    return _error(
        f"The receiver at {option} does not accept this machine's request (HTTP {status}).",
        "Set [damstra] webhooks_enabled, webhook_conn_ids and webhook_networks for the API server, too. "
        "A new token is accepted after a few seconds.",
    )


def _ok(text: str) -> Finding:
    return Finding(check="receiver", level=Level.OK, text=text)


def _error(text: str, advice: str) -> Finding:
    return Finding(check="receiver", level=Level.ERROR, text=text, advice=advice)

"""``airflow damstra send-test-event``."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.models.asset import AssetModel
from airflow.utils.session import create_session
from sqlalchemy import select

from airflow_provider_damstra.assets import ALL_EVENTS, EVENT_NAMES, event_uri
from airflow_provider_damstra.cli.base import airflow_command, resolve
from airflow_provider_damstra.webhooks.auth import accepted_tokens
from airflow_provider_damstra.webhooks.config import internal_webhook_url
from airflow_provider_damstra.webhooks.db.transactions import InboxUnavailableError
from airflow_provider_damstra.webhooks.events import parse_event
from airflow_provider_damstra.webhooks.inbox import EventState, list_events

if TYPE_CHECKING:
    from argparse import Namespace

REQUEST_TIMEOUT = (5, 30)
"""Seconds for connect and for read."""

POLL_INTERVAL = 0.5
"""Seconds between two reads of the inbox."""


@airflow_command
def send_test_event(args: Namespace) -> None:
    """Send an event to the receiver and follow it, printing each step.

    :raises SystemExit: naming the step that failed, and what to do.
    """
    connection = resolve(args.conn_id)
    tokens = accepted_tokens(connection.extra, now=datetime.now(UTC))
    if not tokens:
        raise SystemExit(
            f"Connection {args.conn_id!r} has no webhook_token: airflow damstra webhook-url "
            f"--conn-id {args.conn_id} makes one."
        )
    _report(f"connection {args.conn_id!r} has a token (from {connection.source or 'the metadata database'})")
    body = json.dumps(_payload(args)).encode()
    try:
        event = parse_event(body)
    except ValueError as error:
        raise SystemExit(f"Not a valid {args.name} event: {error}") from None
    _post(args.conn_id, tokens[0], body)
    # The inbox may have the same event from polling already.
    dedup_keys = {event.dedup_key(), event.polling_dedup_key()}
    row = _wait_until_processed(args.conn_id, dedup_keys, timeout=args.timeout)
    if row["state"] != EventState.CONFIRMED:
        raise SystemExit(f"Event {row['id']} is {row['state']}: {row['reason']}")
    _report(f"event {row['id']} is confirmed")
    _report_assets(args.conn_id, args.name)


def _payload(args: Namespace) -> dict[str, Any]:
    ids = {"lessonScheduleId": args.lesson_schedule_id, "userId": args.user_id}
    return {
        "name": args.name,
        "timeStamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        **{name: str(value) for name, value in ids.items() if value is not None},
    }


def _post(conn_id: str, token: str, body: bytes) -> None:
    import requests

    address = internal_webhook_url(conn_id, token)
    masked = address.replace(token, "***")
    try:
        response = requests.post(
            address,
            data=body,
            headers={"Content-Type": "application/json"},
            timeout=REQUEST_TIMEOUT,
            allow_redirects=False,
        )
    except requests.RequestException as error:
        # The error's own message contains the URL with the token.
        raise SystemExit(
            f"POST {masked}: {type(error).__name__}. Is the receiver running? [damstra] receiver_url sets "
            "its address."
        ) from None
    if response.status_code == 404:
        raise SystemExit(
            f"POST {masked}: 404. Set [damstra] webhooks_enabled for the API server, name the connection in "
            "[damstra] webhook_conn_ids, and this machine's network in [damstra] webhook_networks if that is "
            "set. A new token is known after a few seconds."
        )
    if response.status_code != 200:
        raise SystemExit(f"POST {masked}: {response.status_code} {response.text[:200]}")
    _report(f"POST {masked}: 200 {response.json()['result']}")


def _wait_until_processed(conn_id: str, dedup_keys: set[str | None], *, timeout: float) -> dict[str, Any]:
    """Return the event's row once it is processed, or when the timeout expires."""
    end = time.monotonic() + timeout
    pause = threading.Event()
    is_reported = False
    while True:
        row = _find_row(conn_id, dedup_keys)
        if not is_reported:
            _report(f"event {row['id']} is in the inbox")
            is_reported = True
        if row["state"] != EventState.WAITING or time.monotonic() >= end:
            return row
        pause.wait(POLL_INTERVAL)


def _find_row(conn_id: str, dedup_keys: set[str | None]) -> dict[str, Any]:
    try:
        rows = list_events(conn_id=conn_id, limit=1000)
    except InboxUnavailableError as error:
        raise SystemExit(str(error)) from None
    for row in rows:
        if row["dedup_key"] in dedup_keys:
            return row
    raise SystemExit("The event was received, but is not in this metadata database: is it the API server's?")


def _report_assets(conn_id: str, name: str) -> None:
    """Print which assets were updated: those that a DAG uses."""
    names = [one for one in (name, ALL_EVENTS) if one in (*EVENT_NAMES, ALL_EVENTS)]
    uris = [event_uri(one, conn_id=conn_id) for one in names]
    with create_session() as session:
        known = set(session.scalars(select(AssetModel.uri).where(AssetModel.uri.in_(uris))))
    for uri in uris:
        _report(f"asset {uri} {'is updated' if uri in known else 'is used by no DAG: nothing to update'}")


def _report(text: str) -> None:
    print(f"ok  {text}", flush=True)

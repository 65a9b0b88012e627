"""The commands ``webhook-url`` and ``send-test-event``."""

from __future__ import annotations

import json
import re
import sys
import time
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from airflow.configuration import conf
from airflow.models.asset import AssetModel
from airflow.utils.session import create_session
from sqlalchemy import select

from airflow_provider_damstra.addresses import without_login
from airflow_provider_damstra.assets import EVENT_NAMES
from airflow_provider_damstra.cli.connection import Extra, find_extra, update_extra
from airflow_provider_damstra.cli.definitions.webhooks import TEST_EVENT
from airflow_provider_damstra.cli.execution import CommandError, airflow_command, print_message
from airflow_provider_damstra.text import escape_unprintable
from airflow_provider_damstra.validation_errors import format_value_error
from airflow_provider_damstra.webhooks import auth, config
from airflow_provider_damstra.webhooks.asset_events import asset_uris
from airflow_provider_damstra.webhooks.events import parse_event
from airflow_provider_damstra.webhooks.inbox import EventState, find_by_keys
from airflow_provider_damstra.webhooks.processor import UNKNOWN_NAME
from airflow_provider_damstra.webhooks.receiver_session import create_receiver_session

if TYPE_CHECKING:
    from argparse import Namespace

    import requests

    from airflow_provider_damstra.webhooks.inbox import InboxRow

REQUEST_TIMEOUT = (5, 30)
"""Seconds for connect and for read."""

MAX_RESPONSE_LENGTH = 200
"""Characters of a server's text that are shown."""

POLL_INTERVAL_SECONDS = 0.5
"""Time between two reads of the inbox."""


@airflow_command(needs_database=True)
def webhook_url(args: Namespace) -> None:
    """Print the webhook URL to paste into Damstra; create or rotate its token.

    :raises CommandError: if there is no usable connection.
    """
    now = datetime.now(UTC)
    current, source = find_extra(args.conn_id)
    has_token = _has_token(current, now)

    def with_token(extra: Extra) -> Extra:
        return auth.rotate_token(extra, now=now) if args.rotate or not _has_token(extra, now) else extra

    extra = with_token(current)
    if extra is not current and source is None:
        # The stored extra is read again: another command may have created a token meanwhile.
        extra = update_extra(args.conn_id, with_token)
        print_message(
            f"A new token is in connection {args.conn_id!r}; API servers accept it in a few seconds."
        )
    elif extra is not current:
        names = (auth.TOKEN_EXTRA, auth.PREVIOUS_TOKENS_EXTRA)
        required = json.dumps({name: extra[name] for name in names if name in extra}, indent=2)
        # Not a message, in which the tokens would be redacted.
        print(
            f"Connection {args.conn_id!r} comes from {source}, which cannot be written from here. "
            f"The address below is accepted once these members of its extra are:\n{required}",
            file=sys.stderr,
        )
    if args.rotate and has_token:
        end = now + auth.ROTATION_GRACE_PERIOD
        print_message(f"The previous address is accepted until {end:%Y-%m-%d %H:%M} UTC: replace it.")
    _print_missing_settings(args.conn_id)
    print(config.public_webhook_url(args.conn_id, extra[auth.TOKEN_EXTRA]))


def _has_token(extra: Extra, now: datetime) -> bool:
    return str(extra.get(auth.TOKEN_EXTRA)) in auth.accepted_tokens(extra, now=now)


def _print_missing_settings(conn_id: str) -> None:
    """Print which settings the URL needs before it is served."""
    if not config.receives_webhooks(conn_id):
        print_message(
            "The API servers do not serve it yet: set [damstra] webhooks_enabled = True for them, and name "
            "the connection in [damstra] webhook_conn_ids."
        )
    base_url = without_login(conf.get("api", "base_url", fallback=""))
    if not base_url.startswith("https://"):
        print_message(
            "Damstra reaches it if [api] base_url is the public https:// address of the API server; "
            f"it is {base_url or 'not set'}."
        )


@airflow_command(needs_database=True)
def send_test_event(args: Namespace) -> None:
    """Send an event to the receiver and follow it, printing each step.

    :raises CommandError: naming the step that failed, and what to do.
    """
    _validate_event_name(args.name)
    extra, source = find_extra(args.conn_id)
    tokens = auth.accepted_tokens(extra, now=datetime.now(UTC))
    if not tokens:
        raise CommandError(
            f"Connection {args.conn_id!r} has no webhook_token: airflow damstra webhook-url "
            f"--conn-id {args.conn_id} makes one."
        )
    _report(f"connection {args.conn_id!r} has a token (from {source or 'the metadata database'})")
    body = json.dumps(_payload(args)).encode()
    try:
        event = parse_event(body)
    except ValueError as error:
        raise CommandError(f"Not a valid {args.name} event: {format_value_error(error)}") from None
    _post(args.conn_id, tokens[0], body)
    # The inbox may have the same event from polling already.
    dedup_keys = set(filter(None, (event.dedup_key(), event.polling_dedup_key())))
    row = _wait_until_processed(args.conn_id, dedup_keys, timeout=args.timeout)
    if row["reason"] == UNKNOWN_NAME:
        _report(f"event {row['id']} is processed, and starts no DAG: {UNKNOWN_NAME}")
        return
    if row["state"] != EventState.CONFIRMED:
        raise CommandError(
            f"Event {row['id']} is {row['state']}: {row['reason'] or 'it is not verified yet'}"
        )
    _report(f"event {row['id']} is confirmed")
    _report_assets(asset_uris(args.name, conn_id=args.conn_id))


def _validate_event_name(name: str) -> None:
    if name in EVENT_NAMES or name == TEST_EVENT:
        return
    nearest = get_close_matches(name, EVENT_NAMES, n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else f"the events are {', '.join(sorted(EVENT_NAMES))}."
    raise CommandError(f"Damstra has no event {name!r}: {hint}")


def _payload(args: Namespace) -> dict[str, Any]:
    ids = {"lessonScheduleId": args.lesson_schedule_id, "userId": args.user_id}
    return {
        "name": args.name,
        "timeStamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        **{name: str(value) for name, value in ids.items() if value is not None},
    }


def _post(conn_id: str, token: str, body: bytes) -> None:
    """Send an event to the receiver.

    :raises CommandError: with advice, if the receiver does not accept the event.
    """
    import requests

    address = config.internal_webhook_url(conn_id, token)
    masked = _mask_token(without_login(address), token)
    with create_receiver_session() as session:
        try:
            response = session.post(
                address,
                data=body,
                headers={"Content-Type": "application/json"},
                timeout=REQUEST_TIMEOUT,
                allow_redirects=False,
            )
        except (requests.RequestException, ValueError) as error:
            # The error's own message contains the URL with the token.
            raise CommandError(
                f"POST {masked}: {type(error).__name__}. Is the receiver running? [damstra] receiver_url "
                "sets its address."
            ) from None
    if response.status_code == 404:
        raise CommandError(
            f"POST {masked}: 404. Set [damstra] webhooks_enabled for the API server, name the connection in "
            "[damstra] webhook_conn_ids, and this machine's network in [damstra] webhook_networks if that is "
            "set. A new token is known after a few seconds."
        )
    result = _result(response)
    if response.status_code != 200 or result is None:
        # Masked before it is cut, which could leave a part of the token. A line break of the server's text
        # could look like a message of its own.
        text = escape_unprintable(_mask_token(response.text, token)[:MAX_RESPONSE_LENGTH])
        raise CommandError(f"POST {masked}: {response.status_code} {text}")
    _report(f"POST {masked}: 200 {_mask_token(result, token)[:MAX_RESPONSE_LENGTH]}")


def _mask_token(text: str, token: str) -> str:
    """Return a text with ``***`` in place of the token, also where it is percent-encoded or JSON-escaped."""
    characters = (
        rf"\\?(?:{re.escape(character)}|(?i:{''.join(f'%{byte:02x}' for byte in character.encode())}))"
        for character in token
    )
    return re.sub("".join(characters), "***", text)


def _result(response: requests.Response) -> str | None:
    """Return the ``result`` of the receiver's response, or None if it is not one of the receiver."""
    try:
        return str(response.json()["result"])
    except (ValueError, LookupError, TypeError):
        return None


def _wait_until_processed(conn_id: str, dedup_keys: set[str], *, timeout: float) -> InboxRow:
    """Return the event's row once it is processed, or when the timeout (seconds) expires."""
    end = time.monotonic() + timeout
    row = _find_row(conn_id, dedup_keys)
    _report(f"event {row['id']} is in the inbox")
    while row["state"] == EventState.WAITING and time.monotonic() < end:
        time.sleep(POLL_INTERVAL_SECONDS)
        row = _find_row(conn_id, dedup_keys)
    return row


def _find_row(conn_id: str, dedup_keys: set[str]) -> InboxRow:
    row = find_by_keys(conn_id, dedup_keys)
    if row is None:
        raise CommandError(
            "The event was received, but is not in this metadata database: is it the API server's?"
        )
    return row


def _report_assets(uris: list[str]) -> None:
    """Print which assets were updated: those that a DAG uses."""
    with create_session() as session:
        known = set(session.scalars(select(AssetModel.uri).where(AssetModel.uri.in_(uris))))
    for uri in uris:
        _report(f"asset {uri} {'is updated' if uri in known else 'is used by no DAG: nothing to update'}")


def _report(text: str) -> None:
    print(f"ok  {escape_unprintable(text)}", flush=True)

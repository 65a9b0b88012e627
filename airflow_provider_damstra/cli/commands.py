"""The functions of the commands ``airflow damstra ...``."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import wraps
from typing import TYPE_CHECKING, Any

from airflow.cli.simple_table import AirflowConsole
from airflow.configuration import conf
from airflow.models.asset import AssetModel
from airflow.utils.cli import action_cli, suppress_logs_and_warning
from airflow.utils.providers_configuration_loader import providers_configuration_loaded
from airflow.utils.session import create_session
from sqlalchemy import select

from airflow_provider_damstra.addresses import without_login
from airflow_provider_damstra.assets import EVENT_NAMES
from airflow_provider_damstra.cli import TEST_EVENT
from airflow_provider_damstra.cli.connection import Extra, find_extra, update_extra
from airflow_provider_damstra.emulator.__main__ import serve
from airflow_provider_damstra.hooks.connection import find_connection
from airflow_provider_damstra.text import escape_unprintable
from airflow_provider_damstra.validation_errors import format_value_error
from airflow_provider_damstra.webhooks import auth, config
from airflow_provider_damstra.webhooks.asset_events import asset_uris
from airflow_provider_damstra.webhooks.database import InboxUnavailableError
from airflow_provider_damstra.webhooks.events import parse_event
from airflow_provider_damstra.webhooks.inbox import EventState, list_events
from airflow_provider_damstra.webhooks.processor import UNKNOWN_NAME
from airflow_provider_damstra.webhooks.receiver_session import create_receiver_session

if TYPE_CHECKING:
    from argparse import Namespace

    import requests

    from airflow_provider_damstra.webhooks.inbox import InboxRow

    CommandFunction = Callable[[Namespace], None]

REQUEST_TIMEOUT = (5, 30)
"""Seconds for connect and for read."""

POLL_INTERVAL_SECONDS = 0.5
"""Time between two reads of the inbox."""

TABLES = ("table", "plain")
"""Output formats that show values as they are; JSON and YAML escape control characters."""

OPEN = (EventState.WAITING, EventState.REFUSED)
COLUMNS = (
    *("id", "received_at", "conn_id", "name", "lesson_schedule_id", "user_id"),
    *("source", "state", "attempts", "reason"),
)


def airflow_command(function: CommandFunction) -> CommandFunction:
    """Make a function a command of Airflow: logged as an action, with the providers' configuration.

    Its message at failure may contain text of a sender or a server, so control characters are escaped.
    """
    configured = suppress_logs_and_warning(providers_configuration_loaded(function))
    logged: CommandFunction = action_cli(configured)  # type: ignore[no-untyped-call]

    @wraps(function)
    def command(args: Namespace) -> None:
        try:
            logged(args)
        except SystemExit as ended:
            raise SystemExit(
                escape_unprintable(ended.code) if isinstance(ended.code, str) else ended.code
            ) from None

    return command


@airflow_command
def webhook_url(args: Namespace) -> None:
    """Print the webhook URL to paste into Damstra; create or rotate its token.

    :raises SystemExit: if there is no usable connection.
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
        _print_hint(f"A new token is in connection {args.conn_id!r}; API servers accept it in a few seconds.")
    elif extra is not current:
        names = (auth.TOKEN_EXTRA, auth.PREVIOUS_TOKENS_EXTRA)
        required = json.dumps({name: extra[name] for name in names if name in extra}, indent=2)
        _print_hint(
            f"Connection {args.conn_id!r} comes from {source}, which cannot be written from here. "
            f"The address below is accepted once these members of its extra are:\n{required}"
        )
    if args.rotate and has_token:
        end = now + auth.ROTATION_GRACE_PERIOD
        _print_hint(f"The previous address is accepted until {end:%Y-%m-%d %H:%M} UTC: replace it.")
    _print_missing_settings(args.conn_id)
    print(config.public_webhook_url(args.conn_id, extra[auth.TOKEN_EXTRA]))


def _has_token(extra: Extra, now: datetime) -> bool:
    return str(extra.get(auth.TOKEN_EXTRA)) in auth.accepted_tokens(extra, now=now)


def _print_missing_settings(conn_id: str) -> None:
    """Print which settings the URL needs before it is served."""
    if not config.receives_webhooks(conn_id):
        _print_hint(
            "The API servers do not serve it yet: set [damstra] webhooks_enabled = True for them, and name "
            "the connection in [damstra] webhook_conn_ids."
        )
    base_url = conf.get("api", "base_url", fallback="")
    if not base_url.startswith("https://"):
        _print_hint(
            "Damstra reaches it if [api] base_url is the public https:// address of the API server; "
            f"it is {base_url or 'not set'}."
        )


def _print_hint(text: str) -> None:
    print(text, file=sys.stderr)


@airflow_command
def send_test_event(args: Namespace) -> None:
    """Send an event to the receiver and follow it, printing each step.

    :raises SystemExit: naming the step that failed, and what to do.
    """
    _validate_event_name(args.name)
    extra, source = find_extra(args.conn_id)
    tokens = auth.accepted_tokens(extra, now=datetime.now(UTC))
    if not tokens:
        raise SystemExit(
            f"Connection {args.conn_id!r} has no webhook_token: airflow damstra webhook-url "
            f"--conn-id {args.conn_id} makes one."
        )
    _report(f"connection {args.conn_id!r} has a token (from {source or 'the metadata database'})")
    body = json.dumps(_payload(args)).encode()
    try:
        event = parse_event(body)
    except ValueError as error:
        raise SystemExit(f"Not a valid {args.name} event: {format_value_error(error)}") from None
    _post(args.conn_id, tokens[0], body)
    # The inbox may have the same event from polling already.
    dedup_keys = {event.dedup_key(), event.polling_dedup_key()}
    row = _wait_until_processed(args.conn_id, dedup_keys, timeout=args.timeout)
    if row["reason"] == UNKNOWN_NAME:
        _report(f"event {row['id']} is processed, and starts no DAG: {UNKNOWN_NAME}")
        return
    if row["state"] != EventState.CONFIRMED:
        raise SystemExit(f"Event {row['id']} is {row['state']}: {row['reason'] or 'it is not verified yet'}")
    _report(f"event {row['id']} is confirmed")
    _report_assets(asset_uris(args.name, conn_id=args.conn_id))


def _validate_event_name(name: str) -> None:
    if name in EVENT_NAMES or name == TEST_EVENT:
        return
    nearest = get_close_matches(name, EVENT_NAMES, n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else f"the events are {', '.join(sorted(EVENT_NAMES))}."
    raise SystemExit(f"Damstra has no event {name!r}: {hint}")


def _payload(args: Namespace) -> dict[str, Any]:
    ids = {"lessonScheduleId": args.lesson_schedule_id, "userId": args.user_id}
    return {
        "name": args.name,
        "timeStamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        **{name: str(value) for name, value in ids.items() if value is not None},
    }


def _post(conn_id: str, token: str, body: bytes) -> None:
    """Send an event to the receiver.

    :raises SystemExit: with advice, if the receiver does not accept the event.
    """
    import requests

    address = config.internal_webhook_url(conn_id, token)
    masked = without_login(address).replace(token, "***")
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
            raise SystemExit(
                f"POST {masked}: {type(error).__name__}. Is the receiver running? [damstra] receiver_url "
                "sets its address."
            ) from None
    if response.status_code == 404:
        raise SystemExit(
            f"POST {masked}: 404. Set [damstra] webhooks_enabled for the API server, name the connection in "
            "[damstra] webhook_conn_ids, and this machine's network in [damstra] webhook_networks if that is "
            "set. A new token is known after a few seconds."
        )
    result = _result(response)
    if response.status_code != 200 or result is None:
        raise SystemExit(f"POST {masked}: {response.status_code} {response.text[:200]}")
    _report(f"POST {masked}: 200 {result}")


def _result(response: requests.Response) -> str | None:
    """Return the ``result`` of the receiver's response, or None if it is not one of the receiver."""
    try:
        return str(response.json()["result"])
    except (ValueError, LookupError, TypeError):
        return None


def _wait_until_processed(conn_id: str, dedup_keys: set[str | None], *, timeout: float) -> InboxRow:
    """Return the event's row once it is processed, or when the timeout (seconds) expires."""
    end = time.monotonic() + timeout
    row = _find_row(conn_id, dedup_keys)
    _report(f"event {row['id']} is in the inbox")
    while row["state"] == EventState.WAITING and time.monotonic() < end:
        time.sleep(POLL_INTERVAL_SECONDS)
        row = _find_row(conn_id, dedup_keys)
    return row


def _find_row(conn_id: str, dedup_keys: set[str | None]) -> InboxRow:
    for row in _list_events(conn_id=conn_id, limit=1000):
        if row["dedup_key"] in dedup_keys:
            return row
    raise SystemExit("The event was received, but is not in this metadata database: is it the API server's?")


def _report_assets(uris: list[str]) -> None:
    """Print which assets were updated: those that a DAG uses."""
    with create_session() as session:
        known = set(session.scalars(select(AssetModel.uri).where(AssetModel.uri.in_(uris))))
    for uri in uris:
        _report(f"asset {uri} {'is updated' if uri in known else 'is used by no DAG: nothing to update'}")


def _report(text: str) -> None:
    print(f"ok  {escape_unprintable(text)}", flush=True)


@airflow_command
def inbox(args: Namespace) -> None:
    """List events, the newest first.

    :raises SystemExit: if the metadata database cannot be read, or there is no such connection.
    """
    states = {"open": OPEN, "all": tuple(EventState)}.get(args.state) or (EventState(args.state),)
    rows = _list_events(conn_id=args.conn_id, states=states, limit=args.limit)
    if args.conn_id and not rows and find_connection(args.conn_id) is None:
        raise SystemExit(f"There is no connection {args.conn_id!r}, and no event of it.")
    # Senders choose names and ids: without markup, rich shows them as they are.
    console = AirflowConsole(markup=False, emoji=False, highlight=False)
    is_table = args.output in TABLES
    console.print_as(data=rows, output=args.output, mapper=_to_cells if is_table else _to_columns)


def _list_events(**filters: Any) -> list[InboxRow]:
    try:
        return list_events(**filters)
    except InboxUnavailableError as error:
        raise SystemExit(str(error)) from None


def _to_columns(row: InboxRow) -> dict[str, Any]:
    values = {**row["payload"], **row, "received_at": row["received_at"].isoformat(timespec="seconds")}
    return {column: values.get(column) for column in COLUMNS}


def _to_cells(row: InboxRow) -> dict[str, str]:
    return {column: escape_unprintable(str(value)) for column, value in _to_columns(row).items()}


def emulator(args: Namespace) -> None:
    """Serve an emulator until it is stopped.

    :raises SystemExit: with the emulator's exit status.
    """
    raise SystemExit(serve(args))

"""``airflow damstra webhook-url``."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow.configuration import conf

from airflow_provider_damstra.cli.connections import change, find
from airflow_provider_damstra.cli.decorators import command
from airflow_provider_damstra.webhooks.auth import (
    PREVIOUS_TOKENS_EXTRA,
    ROTATION_GRACE_PERIOD,
    TOKEN_EXTRA,
    accepted_tokens,
    rotate_token,
)
from airflow_provider_damstra.webhooks.config import public_webhook_url, receives_webhooks

if TYPE_CHECKING:
    from argparse import Namespace

    from airflow_provider_damstra.cli.connections import Extra, Found


@command
def webhook_url(args: Namespace) -> None:
    """Print the address to paste into Damstra.

    :raises SystemExit: if there is no connection that can be used.
    """
    now = datetime.now(UTC)
    found = find(args.conn_id)
    has_token = _has_token(found.extra, now)
    if has_token and not args.rotate:
        extra = found.extra
    elif found.origin is None:
        # Another command may have made a token since this one looked.
        extra = change(
            args.conn_id,
            lambda extra: (
                extra if _has_token(extra, now) and not args.rotate else rotate_token(extra, now=now)
            ),
        )
        _say(f"A new token is in connection {args.conn_id!r}; the API servers know it in a few seconds.")
    else:
        extra = rotate_token(found.extra, now=now)
        _say_what_to_set(args.conn_id, found, extra)
    if args.rotate and has_token:
        end = now + ROTATION_GRACE_PERIOD
        _say(f"The address before is accepted until {end:%Y-%m-%d %H:%M} UTC: replace it.")
    _say_what_is_missing(args.conn_id)
    print(public_webhook_url(args.conn_id, extra[TOKEN_EXTRA]))


def _has_token(extra: Extra, now: datetime) -> bool:
    return str(extra.get(TOKEN_EXTRA)) in accepted_tokens(extra, now=now)


def _say_what_to_set(conn_id: str, found: Found, extra: Extra) -> None:
    changed = {name: extra[name] for name in (TOKEN_EXTRA, PREVIOUS_TOKENS_EXTRA) if name in extra}
    _say(
        f"Connection {conn_id!r} comes from {found.origin}, which cannot be written from here. "
        f"The address below is accepted once these members of its extra are:\n{json.dumps(changed, indent=2)}"
    )


def _say_what_is_missing(conn_id: str) -> None:
    """Say why the address would not be answered."""
    if not receives_webhooks(conn_id):
        _say(
            "It is not answered yet: set [damstra] webhooks_enabled = True, and name the connection in "
            "[damstra] webhook_conn_ids, for the API servers."
        )
    base_url = conf.get("api", "base_url", fallback="")
    if not base_url.startswith("https://"):
        _say(
            "Damstra reaches it if [api] base_url is the public https:// address of the API server; "
            f"it is {base_url or 'not set'}."
        )


def _say(text: str) -> None:
    print(text, file=sys.stderr)

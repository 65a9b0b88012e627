"""``airflow damstra webhook-url``."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow.configuration import conf

from airflow_provider_damstra.cli.base import airflow_command, resolve, update_extra
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

    from airflow_provider_damstra.cli.base import Extra, ResolvedConnection


@airflow_command
def webhook_url(args: Namespace) -> None:
    """Print the webhook URL to paste into Damstra; create or rotate its token.

    :raises SystemExit: if there is no usable connection.
    """
    now = datetime.now(UTC)
    connection = resolve(args.conn_id)
    has_token = _has_token(connection.extra, now)
    if has_token and not args.rotate:
        extra = connection.extra
    elif connection.source is None:
        # Another command may have created a token meanwhile.
        extra = update_extra(
            args.conn_id,
            lambda extra: (
                extra if _has_token(extra, now) and not args.rotate else rotate_token(extra, now=now)
            ),
        )
        _print_hint(f"A new token is in connection {args.conn_id!r}; API servers accept it in a few seconds.")
    else:
        extra = rotate_token(connection.extra, now=now)
        _print_required_extra(args.conn_id, connection, extra)
    if args.rotate and has_token:
        end = now + ROTATION_GRACE_PERIOD
        _print_hint(f"The previous address is accepted until {end:%Y-%m-%d %H:%M} UTC: replace it.")
    _print_missing_settings(args.conn_id)
    print(public_webhook_url(args.conn_id, extra[TOKEN_EXTRA]))


def _has_token(extra: Extra, now: datetime) -> bool:
    return str(extra.get(TOKEN_EXTRA)) in accepted_tokens(extra, now=now)


def _print_required_extra(conn_id: str, connection: ResolvedConnection, extra: Extra) -> None:
    changed = {name: extra[name] for name in (TOKEN_EXTRA, PREVIOUS_TOKENS_EXTRA) if name in extra}
    _print_hint(
        f"Connection {conn_id!r} comes from {connection.source}, which cannot be written from here. "
        f"The address below is accepted once these members of its extra are:\n{json.dumps(changed, indent=2)}"
    )


def _print_missing_settings(conn_id: str) -> None:
    """Print which settings the URL needs before it is served."""
    if not receives_webhooks(conn_id):
        _print_hint(
            "It is not answered yet: set [damstra] webhooks_enabled = True, and name the connection in "
            "[damstra] webhook_conn_ids, for the API servers."
        )
    base_url = conf.get("api", "base_url", fallback="")
    if not base_url.startswith("https://"):
        _print_hint(
            "Damstra reaches it if [api] base_url is the public https:// address of the API server; "
            f"it is {base_url or 'not set'}."
        )


def _print_hint(text: str) -> None:
    print(text, file=sys.stderr)

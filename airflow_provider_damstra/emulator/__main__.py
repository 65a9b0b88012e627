"""The command ``damstra-emulator``, also ``python -m airflow_provider_damstra.emulator``."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from airflow_provider_damstra.emulator.settings import (
    ACCESS_KEY_VARIABLE,
    API_PREFIX,
    DEFAULT_ACCESS_KEY,
    DEFAULT_SEED,
    Settings,
)
from airflow_provider_damstra.emulator.state_command import add_state_options, transfer_state

_EXAMPLE_TIME = "2026-01-31T09:00:00+08:00"
_MAX_PORT = 65535


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve an emulator until it is interrupted; return the exit status of the process."""
    parser = argparse.ArgumentParser(prog="damstra-emulator", description="An emulator of Damstra Learning.")
    add_options(parser)
    commands = parser.add_subparsers(dest="command", metavar="state", title="commands")
    summary = "export or import the state of a running emulator"
    add_state_options(commands.add_parser("state", help=summary, description=summary.capitalize() + "."))
    options = parser.parse_args(arguments)
    return transfer_state(options) if options.command else serve(options)


def serve(options: argparse.Namespace) -> int:
    """Serve an emulator with parsed options until it is interrupted; return the exit status."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    # Imported here, so that --help and a wrong option do not wait for the web framework.
    from airflow_provider_damstra.emulator.server import create_server, listen

    try:
        settings = _settings(options)
        with closing(listen(options.host, options.port)) as listener:
            server = create_server(settings)
            url = f"http://{options.host}:{listener.getsockname()[1]}{API_PREFIX}"
            print(f"Damstra Learning emulator: {url} (Ctrl-C stops it)", flush=True)
            with suppress(KeyboardInterrupt):
                server.run([listener])
    except (ValueError, OSError) as error:
        print(f"damstra-emulator: {error}", file=sys.stderr)
        return 2
    return 0


def _settings(options: argparse.Namespace) -> Settings:
    """Return the settings for the parsed options.

    :raises ValueError: if the access key cannot be sent in a header.
    :raises OSError: if the file with the access key cannot be read.
    """
    access_key = options.access_key
    if options.access_key_file:
        access_key = _read_access_key(options.access_key_file)
    elif access_key is None:
        access_key = os.environ.get(ACCESS_KEY_VARIABLE, "").strip() or DEFAULT_ACCESS_KEY
    if not (access_key.isascii() and access_key.isprintable()) or " " in access_key or not access_key:
        raise ValueError("the access key must be visible ASCII characters without spaces")
    return Settings(
        access_key=access_key,
        allowed_hosts=(*options.allow_host, options.host),
        seed=options.seed,
        db=options.db,
        page_cap=options.page_cap,
        scenario=options.scenario,
        rate_limit=options.rate_limit,
        allow_remote_control=options.allow_remote_control,
        clock=options.clock,
    )


def _read_access_key(file: Path) -> str:
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise OSError(f"the access key cannot be read from {file}: {reason}") from None


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to a parser."""
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=_port, default=8090, help="port to listen on; 0 for a free one (default: %(default)s)")
    add(
        "--allow-host",
        metavar="NAME",
        action="append",
        default=[],
        help="host name of requests that is accepted besides localhost and --host, such as that of a "
        "container; can be repeated; * for all",
    )
    add(
        "--allow-remote-control",
        action="store_true",
        help="let other machines use the control plane and the page, such as the host of a container",
    )
    add_key = parser.add_mutually_exclusive_group().add_argument
    add_key(
        "--access-key",
        help="the accepted access key, visible in the list of processes "
        f"(default: the variable {ACCESS_KEY_VARIABLE}, or else {DEFAULT_ACCESS_KEY})",
    )
    add_key("--access-key-file", type=Path, metavar="FILE", help="file with the accepted access key")
    add("--seed", default=DEFAULT_SEED, help="demo, empty, large:N or a .yaml file (default: %(default)s)")
    add("--scenario", type=Path, metavar="FILE", help="steps to carry out at times of the clock, in YAML")
    add(
        "--rate-limit",
        type=_rate,
        metavar="N",
        help="requests per second; others are rejected with 429 (default: unlimited)",
    )
    add("--db", type=Path, metavar="FILE", help="keep the store in a file (default: in memory)")
    add("--page-cap", type=_positive, default=100, help="most rows of a page (default: %(default)s)")
    add(
        "--clock",
        type=_timestamp,
        metavar="ISO",
        help=f"time at the start and after a reset, such as {_EXAMPLE_TIME} (default: the real time)",
    )


def _port(text: str) -> int:
    if not (text.isdecimal() and text.isascii() and int(text) <= _MAX_PORT):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to {_MAX_PORT}")
    return int(text)


def _positive(text: str) -> int:
    if not (text.isdecimal() and text.isascii() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1")
    return int(text)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return rate


def _timestamp(text: str) -> datetime:
    try:
        timestamp = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as {_EXAMPLE_TIME}") from None
    if timestamp.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} needs a time zone, as in {_EXAMPLE_TIME}")
    return timestamp


if __name__ == "__main__":
    sys.exit(main())

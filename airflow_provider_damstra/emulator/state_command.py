"""The subcommand ``damstra-emulator state``: export and import the state of a running emulator."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.emulator.settings import CONTROL_PREFIX

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

STANDARD_STREAM = "-"
_TIMEOUT = (5, 120)
"""Seconds for connect and for read."""


def add_state_options(parser: ArgumentParser) -> None:
    """Add the options of the subcommand to its parser."""
    parser.add_argument("action", choices=["export", "import"])
    parser.add_argument("file", metavar="FILE", help="JSON file; - for standard output or input")
    parser.add_argument(
        "--url", default="http://127.0.0.1:8090", help="the running emulator (default: %(default)s)"
    )


def transfer_state(options: Namespace) -> int:
    """Export or import the state; return the exit status."""
    try:
        if options.action == "export":
            _write(options.file, _request(options.url, "GET"))
        else:
            _request(options.url, "PUT", data=_read(options.file))
    except (OSError, ValueError) as error:
        print(f"damstra-emulator: {error}", file=sys.stderr)
        return 2
    return 0


def _request(url: str, method: str, **body: Any) -> bytes:
    """Send a request to the emulator and return the body of the response.

    :raises ValueError: if the emulator cannot be reached or refuses the request, with the reason.
    """
    import requests

    address = f"{url.rstrip('/')}{CONTROL_PREFIX}/state"
    with requests.Session() as session:
        session.trust_env = False  # ignore a proxy: the emulator is local
        headers = {"Content-Type": "application/json"}
        try:
            response = session.request(method, address, headers=headers, timeout=_TIMEOUT, **body)
        except requests.RequestException as error:
            raise ValueError(f"{address} cannot be reached: {type(error).__name__}") from None
    if not response.ok:
        raise ValueError(
            f"the emulator refused {method} {address} (HTTP {response.status_code}): {response.text}"
        )
    return response.content


def _read(file: str) -> bytes:
    return sys.stdin.buffer.read() if file == STANDARD_STREAM else Path(file).read_bytes()


def _write(file: str, content: bytes) -> None:
    if file == STANDARD_STREAM:
        sys.stdout.buffer.write(content)
    else:
        Path(file).write_bytes(content)

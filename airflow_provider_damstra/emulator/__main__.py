"""The command ``damstra-emulator``, also ``python -m airflow_provider_damstra.emulator``."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from airflow_provider_damstra.emulator.settings import (
    API_PREFIX,
    DEFAULT_ACCESS_KEY,
    DEFAULT_SEED,
    Settings,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve an emulator until it is interrupted; return the exit status of the process."""
    parser = argparse.ArgumentParser(prog="damstra-emulator", description="An emulator of Damstra Learning.")
    add_options(parser)
    return serve(parser.parse_args(arguments))


def serve(options: argparse.Namespace) -> int:
    """Serve an emulator with parsed options until it is interrupted; return the exit status."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    settings = Settings(
        access_key=options.access_key,
        seed=options.seed,
        db=options.db,
        page_cap=options.page_cap,
        clock=options.clock,
    )
    # Imported here, so that --help and a wrong option do not wait for the web framework.
    from airflow_provider_damstra.emulator.server import create_server, listen

    try:
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


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to a parser."""
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=8090, help="port to listen on (default: %(default)s)")
    add("--access-key", default=DEFAULT_ACCESS_KEY, help="the accepted access key (default: %(default)s)")
    add("--seed", default=DEFAULT_SEED, help="demo, empty or large:N (default: %(default)s)")
    add("--db", type=Path, metavar="FILE", help="keep the store in a file (default: in memory)")
    add("--page-cap", type=_positive, default=100, help="most rows of a page (default: %(default)s)")
    add(
        "--clock",
        type=_timestamp,
        metavar="ISO",
        help="time at the start and after a reset (default: the real time)",
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _timestamp(text: str) -> datetime:
    timestamp = datetime.fromisoformat(text)
    if timestamp.tzinfo is None:
        raise argparse.ArgumentTypeError("needs a time zone, as in 2026-01-31T09:00:00+08:00")
    return timestamp


if __name__ == "__main__":
    sys.exit(main())

"""The command ``damstra-emulator``, also ``python -m airflow_provider_damstra.emulator``."""

from __future__ import annotations

import argparse
import logging
import sys
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_damstra.emulator.settings import API, DEFAULT_ACCESS_KEY, DEFAULT_SEED, Settings

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve an emulator until it is stopped; return the process's exit status."""
    parser = argparse.ArgumentParser(prog="damstra-emulator", description="An emulator of Damstra Learning.")
    add_options(parser)
    return serve(parser.parse_args(arguments))


def serve(given: argparse.Namespace) -> int:
    """Serve an emulator with these options until it is stopped; return the process's exit status."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    settings = Settings(
        access_key=given.access_key,
        seed=given.seed,
        db=given.db,
        page_cap=given.page_cap,
        clock=given.clock,
    )
    # After the options are read, so that --help and a wrong option need not wait for the web framework.
    from airflow_provider_damstra.emulator.server import listen, server

    try:
        with closing(listen(given.host, given.port)) as listener:
            emulator = server(settings)
            port = listener.getsockname()[1]
            print(f"Damstra Learning emulator: http://{given.host}:{port}{API} (Ctrl-C stops it)", flush=True)
            with suppress(KeyboardInterrupt):
                emulator.run([listener])
    except (ValueError, OSError) as error:
        print(f"damstra-emulator: {error}", file=sys.stderr)
        return 2
    return 0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to a parser."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8090, help="port to listen on (default: %(default)s)")
    parser.add_argument(
        "--access-key", default=DEFAULT_ACCESS_KEY, help="the key to ask for (default: %(default)s)"
    )
    parser.add_argument("--seed", default=DEFAULT_SEED, help="demo, empty or large:N (default: %(default)s)")
    parser.add_argument(
        "--db", type=Path, metavar="FILE", help="keep the store in a file (default: in memory)"
    )
    parser.add_argument(
        "--page-cap", type=_positive, default=100, help="most rows of a page (default: %(default)s)"
    )
    parser.add_argument(
        "--clock",
        type=_moment,
        metavar="ISO",
        help="time at the start and after a reset (default: the real time)",
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError("needs a time zone, as in 2026-01-31T09:00:00+08:00")
    return moment


if __name__ == "__main__":
    sys.exit(main())

"""The command ``emulator``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_damstra.emulator.__main__ import serve

if TYPE_CHECKING:
    from argparse import Namespace


def serve_emulator(args: Namespace) -> None:
    """Serve an emulator until it is stopped.

    :raises SystemExit: with the emulator's exit status.
    """
    raise SystemExit(serve(args))

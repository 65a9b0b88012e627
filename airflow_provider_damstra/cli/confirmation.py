"""Confirmation of a change by a person at a terminal, or by the option ``--yes``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from airflow_provider_damstra.cli.execution import CommandError, UsageError, print_message

if TYPE_CHECKING:
    from argparse import Namespace


def confirm(question: str, args: Namespace) -> None:
    """Return if the change is confirmed.

    :param question: what is changed and where, such as ``Delete 3 refused events?``.
    :raises UsageError: without ``--yes`` and without a terminal to ask at.
    :raises CommandError: if the answer is not yes.
    """
    if args.yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"{question} Nothing was changed: give --yes, as there is no terminal to ask at.")
    print_message(f"{question} [y/N]")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CommandError("Nothing was changed.")

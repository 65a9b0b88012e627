"""Run a command's function: configuration of providers, log, errors as messages, exit codes."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowNotFoundException, redact
from airflow.utils.cli import action_cli, suppress_logs_and_warning
from airflow.utils.providers_configuration_loader import providers_configuration_loaded
from pydantic import ValidationError

from airflow_provider_damstra.errors import DamstraError
from airflow_provider_damstra.text import escape_unprintable
from airflow_provider_damstra.validation_errors import format_value_error
from airflow_provider_damstra.webhooks.database import InboxUnavailableError

if TYPE_CHECKING:
    from argparse import Namespace
    from typing import NoReturn

    CommandFunction = Callable[[Namespace], None]

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 and the number of the signal, as shells have it."""

EXPECTED_ERRORS = (DamstraError, AirflowNotFoundException, InboxUnavailableError, OSError)
"""Errors whose message says what failed and what to do."""


class CommandError(Exception):
    """The command failed, or found a problem. The message says what to do; it contains no secret."""

    exit_code = 1


class UsageError(CommandError):
    """An argument is wrong, or a confirmation is missing; nothing was changed."""

    exit_code = 2


@contextmanager
def usage_errors() -> Iterator[None]:
    """Raise a ``ValueError`` of the block, by which operators reject an argument, as a ``UsageError``.

    Its subclasses, such as ``UnicodeDecodeError``, are raised unchanged: their cause is not an argument.
    """
    problem = ""
    try:
        yield
    except ValueError as error:
        if type(error) not in (ValueError, ValidationError):
            raise
        problem = format_value_error(error)
    if problem:
        # Not raised in the except block: pydantic's error, which may show a value, would be its context.
        raise UsageError(problem)


def airflow_command(*, needs_database: bool) -> Callable[[CommandFunction], CommandFunction]:
    """Make a function a command of Airflow: logged as an action, with the providers' configuration.

    An error becomes a message on standard error. Of an unexpected one only the type is shown, as the text of
    another library may contain a secret; ``--verbose`` adds where it was raised.

    :param needs_database: whether the metadata database has to be migrated before.
    """

    def decorate(function: CommandFunction) -> CommandFunction:
        configured = suppress_logs_and_warning(providers_configuration_loaded(function))
        logged: CommandFunction = action_cli(check_db=needs_database)(configured)  # type: ignore[no-untyped-call]
        return wraps(function)(partial(_run, logged))

    return decorate


class InterruptedChangeError(CommandError):
    """The command was interrupted while a change was sent, so that its outcome is unknown."""

    exit_code = INTERRUPTED


def _run(function: CommandFunction, args: Namespace) -> None:
    # As Airflow's own commands do: the hook then finds connections of the metadata database.
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
    try:
        function(args)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader, such as `head`, has closed the pipe. Python would write the rest at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print_message("Interrupted.")
        raise SystemExit(INTERRUPTED) from None
    except CommandError as error:
        _fail(str(error), error.exit_code)
    except EXPECTED_ERRORS as error:
        _fail(str(error))
    except Exception as error:
        if args.verbose:
            # Without the line of the error itself, which has its text.
            print_message("".join(traceback.format_tb(error.__traceback__)))
        hint = "" if args.verbose else " --verbose shows where."
        _fail(f"Unexpected error of the type {type(error).__name__}.{hint}")


def _fail(text: str, exit_code: int = 1) -> NoReturn:
    print_message(text)
    raise SystemExit(exit_code)


def print_message(text: str) -> None:
    """Print a message on standard error, which is not part of a command's output.

    Control characters are escaped, as a message may quote a sender or a server, and masked secrets redacted.
    """
    lines = _redacted(text).splitlines()
    print("\n".join(map(escape_unprintable, lines)), file=sys.stderr, flush=True)


def _redacted(text: str) -> str:
    return str(redact(text))

"""What every command of the provider's has in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.utils.cli import action_cli, suppress_logs_and_warning
from airflow.utils.providers_configuration_loader import providers_configuration_loaded

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    NoContentEndpoint = Callable[[Namespace], None]


def command(function: NoContentEndpoint) -> NoContentEndpoint:
    """Make a function one of Airflow's commands: noted among its actions, and with the providers' options."""
    inner = suppress_logs_and_warning(providers_configuration_loaded(function))
    wrapped: NoContentEndpoint = action_cli(inner)  # type: ignore[no-untyped-call]
    return wrapped

"""The commands ``airflow damstra ...``.

``definitions`` has names, options and help texts, which every ``airflow`` command imports; ``commands`` has
the functions, which are imported when one of them runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.cli.cli_config import GroupCommand


def get_cli_commands() -> list[GroupCommand]:
    """Return the command group for Airflow."""
    from airflow_provider_damstra.cli.definitions import (
        call,
        diagnostics,
        emulator,
        exports,
        inbox,
        resources,
        training,
        webhooks,
    )
    from airflow_provider_damstra.cli.definitions.base import group

    modules = (diagnostics, resources, call, exports, training, inbox, webhooks, emulator)
    subcommands = [command for module in modules for command in module.COMMANDS]
    return [group("damstra", "Damstra Learning: its API, webhooks and emulator", *subcommands)]

"""Definition of the command ``emulator``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.cli.cli_config import Arg

from airflow_provider_damstra.cli.definitions.base import command

if TYPE_CHECKING:
    from argparse import ArgumentParser


class _EmulatorOptions(Arg):
    """The options of ``damstra-emulator``, which adds them to the parser itself."""

    def add_to_parser(self, parser: ArgumentParser) -> None:
        from airflow_provider_damstra.emulator.__main__ import add_options

        add_options(parser)


COMMANDS = (
    command(
        "emulator",
        "Serve an emulator of Damstra Learning, the same as damstra-emulator",
        "Certificates need the provider's extra named emulator.",
        function="emulator.serve_emulator",
        examples=("airflow damstra emulator", "airflow damstra emulator --port 0 --seed large:1000"),
        arguments=(_EmulatorOptions(("--emulator-options",)),),  # type: ignore[no-untyped-call]
    ),
)

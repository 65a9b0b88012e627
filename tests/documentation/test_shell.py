"""Shell blocks run as printed in bash, where only the commands of ``commands.py`` exist.

Assignments are settings: connections and options that Airflow reads.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from shutil import which
from typing import TYPE_CHECKING

import pytest
from airflow.configuration import conf, retrieve_configuration_description

from airflow_provider_damstra.endpoints import GetUser
from airflow_provider_damstra.get_provider_info import CONFIGURATION
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.webhooks.config import load_receiver_config
from tests.documentation.commands import COMMANDS, EMULATOR_URL
from tests.documentation.snippets import ROOT, Snippet, snippet_id, snippets_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.example_dags.airflow_process import AirflowProcess

PRINTED_URL = "http://127.0.0.1:8090"
"""URL of the emulator in the pages; the tests use free ports."""

ADMINISTRATOR = 1001
WRITE_ENVIRONMENT = "import json, os; json.dump(dict(os.environ), open('environment.json', 'w'))"


@pytest.mark.parametrize("snippet", snippets_in("bash", "console"), ids=snippet_id)
def test_block_runs_as_printed(
    snippet: Snippet,
    airflow: AirflowProcess,
    damstra_emulator: DamstraEmulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    environment = {
        "AIRFLOW_HOME": str(airflow.home),
        "AIRFLOW_CONN_DAMSTRA_DEFAULT": damstra_emulator.connection_json,
        EMULATOR_URL: damstra_emulator.url.removesuffix("/api/v2"),
        "PATH": str(write_commands(tmp_path)),
        "PYTHONPATH": str(ROOT),
    }
    with run_in_bash(snippet, environment, tmp_path) as assigned:
        for name, value in assigned.items():
            monkeypatch.setenv(name, value)
            if option := re.fullmatch(r"AIRFLOW__([A-Z]+)__(\w+)", name.lower(), re.I):
                section, key = option.groups()
                assert key in declared_options(section), f"{name}: no such option"
                assert conf.get(section, key) == value
        load_receiver_config()
        if "AIRFLOW_CONN_DAMSTRA_DEFAULT" in assigned:
            assert DamstraHook().settings.access_key.get_secret_value()
        if (tmp_path / "emulator.txt").exists():
            assert DamstraHook().call(GetUser(user_id=ADMINISTRATOR)).id == ADMINISTRATOR


def declared_options(section: str) -> set[str]:
    """Return the names of the options that Airflow or this provider declares."""
    return set((retrieve_configuration_description() | CONFIGURATION)[section]["options"])


def write_commands(folder: Path) -> Path:
    """Write a folder with the commands of the blocks and return its path."""
    programs = folder / "bin"
    programs.mkdir()
    for name in COMMANDS:
        program = programs / name
        path = f"PATH='{os.environ['PATH']}'"
        program.write_text(
            f"#!/bin/sh\n{path} exec '{sys.executable}' -m tests.documentation.commands {name} \"$@\"\n"
        )
        program.chmod(0o700)
    return programs


@contextmanager
def run_in_bash(snippet: Snippet, environment: dict[str, str], folder: Path) -> Iterator[dict[str, str]]:
    """Run a block, and yield the variables that it assigned while its emulator runs."""
    lines = snippet.text.splitlines()
    if snippet.language == "console":
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        assert lines, f"{snippet.name}: no line starts with '$ '"
    script = "\n".join(["set -eu", "set -a", *lines, f"'{sys.executable}' -c \"{WRITE_ENVIRONMENT}\""])
    try:
        result = subprocess.run(  # noqa: S603 (our own pages)
            [which("bash") or "bash", "-c", script],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        after = json.loads((folder / "environment.json").read_text())
        yield {
            name: with_url(value, folder)
            for name, value in after.items()
            if name.startswith(("AIRFLOW_", "DAMSTRA_")) and environment.get(name) != value
        }
    finally:
        if (folder / "emulator.txt").exists():
            os.kill(int((folder / "emulator.txt").read_text().split()[0]), signal.SIGKILL)


def with_url(value: str, folder: Path) -> str:
    """Replace the printed URL of the emulator by that of the emulator that the block started."""
    file = folder / "emulator.txt"
    url = file.read_text().split("emulator: ")[1].partition("/api/v2")[0] if file.exists() else PRINTED_URL
    return value.replace(PRINTED_URL, url)

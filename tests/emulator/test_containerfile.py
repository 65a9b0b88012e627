"""The Containerfile: its files and commands exist, what it installs is enough, and its command line runs."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
import requests
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Containerfile").read_text()
INSTRUCTIONS = re.findall(r"^([A-Z]+) ((?:.*\\\n)*.*)$", TEXT, re.M)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# Loads what a running emulator loads, although the packages that are given do not exist.
PROGRAM = """
import json, sys
MISSING = set(json.loads(sys.argv[1]))
class Missing:
    def find_spec(self, name, *_):
        if name.split(".")[0] in MISSING:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Missing())
from airflow_provider_damstra.emulator import __main__, rendering, server, settings
import aiohttp, fpdf, requests
server.create_server(settings.Settings())
"""


def instructions(name: str) -> list[str]:
    return [arguments for instruction, arguments in INSTRUCTIONS if instruction == name]


def installed_names() -> set[str]:
    """Return the names of the installed distributions, with what they require."""
    (command,) = (text for text in instructions("RUN") if "pip install" in text)
    (listed,) = re.findall(r"constraints\.txt \\\n\s+(.*?) \\\n", command)
    pending, names = [canonicalize_name(name) for name in listed.split()], set[str]()
    while pending:
        name = pending.pop()
        if name not in names:
            names.add(name)
            parsed = map(Requirement, requires(name) or ())
            pending += (
                canonicalize_name(one.name)
                for one in parsed
                if not one.marker or one.marker.evaluate({"extra": ""})
            )
    return names


def test_copied_files_exist_and_are_not_ignored() -> None:
    ignored = (ROOT / ".containerignore").read_text().splitlines()
    sources = [source for copy in instructions("COPY") for source in copy.split()[:-1]]
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert f"!{source}" in ignored, source
    needed = {PROJECT["readme"], *PROJECT["license-files"], "pyproject.toml"}
    assert needed <= set(sources)


def test_installed_distributions_are_constrained_and_declared() -> None:
    declared = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["emulator"]]
    (command,) = (text for text in instructions("RUN") if "pip install" in text)
    (listed,) = re.findall(r"constraints\.txt \\\n\s+(.*?) \\\n", command)
    names = {canonicalize_name(name) for name in listed.split()}
    constrained = {
        canonicalize_name(line.split("==")[0])
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    assert names <= constrained
    # uvicorn uses httptools if it is installed
    assert names - {canonicalize_name(Requirement(text).name) for text in declared} == {"httptools"}


def test_installed_distributions_are_enough() -> None:
    installed = {*installed_names(), canonicalize_name(PROJECT["name"])}
    missing = [
        package
        for package, names in packages_distributions().items()
        if not installed.intersection(map(canonicalize_name, names))
    ]
    assert "airflow" in missing
    done = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, "-c", PROGRAM, json.dumps(missing)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_entry_point_is_installed_command_with_open_port() -> None:
    command, *options = json.loads(instructions("ENTRYPOINT")[0])
    assert PROJECT["scripts"][command] == "airflow_provider_damstra.emulator.__main__:main"
    assert options[options.index("--port") + 1] == instructions("EXPOSE")[0]


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_command_line_serves_page(tmp_path: Path) -> None:
    _, *options = json.loads(instructions("ENTRYPOINT")[0])
    options[options.index("--port") + 1] = "0"
    arguments = [*options, *json.loads(instructions("CMD")[0]), "--db", str(tmp_path / "emulator.db")]
    with subprocess.Popen(  # noqa: S603 (our own program)
        [sys.executable, "-m", "airflow_provider_damstra.emulator", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        found = re.search(r"http://0\.0\.0\.0:(\d+)/", process.stdout.readline())
        assert found
        url = f"http://127.0.0.1:{found[1]}/"
        wait_until(lambda: requests.get(url, timeout=10).ok, "the page")
        process.send_signal(signal.Signals[instructions("STOPSIGNAL")[0]])
        assert process.wait(timeout=20) == 0

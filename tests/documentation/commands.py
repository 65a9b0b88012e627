"""The commands of shell blocks: the real ones, on the test's Airflow and emulator, without an installation.

A test runs this file under the name of the command: ``python commands.py airflow connections test ...``.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
README_FIRST_RUN = ["db migrate", "dags test induction"]
"""Airflow's commands that ``tests/publishing/test_newcomer.py`` runs."""

EMULATOR_URL = "EMULATOR_URL"
"""Environment variable with the URL of the running emulator, which stands for the printed one."""


def airflow(arguments: Sequence[str]) -> int:
    """Run Airflow's command, unless another test does."""
    if " ".join(arguments) in README_FIRST_RUN:
        return 0
    return subprocess.run([sys.executable, "-m", "airflow", *arguments], check=False).returncode  # noqa: S603


def make(arguments: Sequence[str]) -> int:
    """Check that the targets exist."""
    options = ["--directory", str(ROOT), "--dry-run"]
    return subprocess.run(["make", *options, *arguments], check=False, env=os.environ).returncode  # noqa: S603, S607


def emulator(arguments: Sequence[str]) -> int:
    """Start the emulator with these options in the background, on a free port; write its URL to a file."""
    command = [sys.executable, "-m", "airflow_provider_damstra.emulator", *arguments, "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # noqa: S603
    assert process.stdout is not None
    line = process.stdout.readline()
    print(line)
    Path("emulator.txt").write_text(f"{process.pid} {line}")
    return 0 if "/api/v2" in line else 1


def curl(arguments: Sequence[str]) -> int:
    """Send a request to the emulator of the test."""
    parser = argparse.ArgumentParser(prog="curl")
    parser.add_argument("-X", "--request", default="GET")
    parser.add_argument("-H", "--header", action="append", default=[])
    parser.add_argument("url")
    options = parser.parse_args(arguments)
    printed = urlsplit(options.url)
    url = os.environ[EMULATOR_URL] + printed.path
    headers = dict(re.split(r": *", header, maxsplit=1) for header in options.header)
    request = urllib.request.Request(url, method=options.request, headers=headers)  # noqa: S310 (our own URL)
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
        sys.stdout.buffer.write(response.read())
    return 0


def pip(arguments: Sequence[str]) -> int:
    """Check what would be installed: this project with existing extras, Airflow with its constraints."""
    command, *rest = arguments
    return {"install": _pip_install, "wheel": _pip_wheel}[command](rest)


def _pip_install(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="pip install")
    parser.add_argument("--constraint")
    parser.add_argument("requirements", nargs="+")
    options = parser.parse_intermixed_args(arguments)
    requirements = [_requirement(text) for text in options.requirements]
    for requirement in requirements:
        if requirement.name == PROJECT["name"]:
            assert requirement.extras <= PROJECT["optional-dependencies"].keys(), requirement
        else:
            assert requirement.name == "apache-airflow", requirement
    if options.constraint:
        _check_constraints(options.constraint, requirements)
    return 0


def _pip_wheel(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="pip wheel")
    parser.add_argument("--no-deps", action="store_true", required=True)
    parser.add_argument("--wheel-dir", type=Path, required=True)
    parser.add_argument("source", choices=["."])
    folder = parser.parse_args(arguments).wheel_dir
    folder.mkdir()
    (folder / f"{PROJECT['name'].replace('-', '_')}-0.1.0-py3-none-any.whl").touch()
    return 0


def _requirement(text: str) -> Requirement:
    """Return the requirement for a distribution's name, ``.`` or a wheel."""
    if text.endswith(".whl"):
        assert Path(text).is_file(), text
        return Requirement(Path(text).name.split("-")[0].replace("_", "-"))
    return Requirement(PROJECT["name"] + text[1:] if text.startswith(".") else text)


def _check_constraints(url: str, requirements: Sequence[Requirement]) -> None:
    """Check that the constraints are those of the Airflow to install, for a supported Python."""
    found = re.fullmatch(r"https://\S+/constraints-([\d.]+)/constraints-([\d.]+)\.txt", url)
    assert found, url
    assert f"apache-airflow=={found[1]}" in map(str, requirements)
    assert f"apache-airflow=={found[1]}\n" in (ROOT / "constraints.txt").read_text()
    assert SpecifierSet(PROJECT["requires-python"]).contains(found[2])


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "airflow": airflow,
    "curl": curl,
    "damstra-emulator": emulator,
    "make": make,
    "pip": pip,
}

if __name__ == "__main__":
    sys.exit(COMMANDS[sys.argv[1]](sys.argv[2:]))

"""The wheel and the sdist, and an empty environment with the wheel: built and installed once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).parent / "uv"
TIMEOUT = 600
"""Seconds: an installation may have to download Airflow."""


def run(*command: str | Path, folder: Path) -> str:
    """Run a program in a folder outside the repository, and return its output."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"AIRFLOW_HOME": str(folder / "airflow"), "UV_CACHE_DIR": _cache_folder()}
    done = subprocess.run(  # noqa: S603 (our own programs)
        list(map(str, command)),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _cache_folder() -> str:
    done = subprocess.run([UV, "cache", "dir"], capture_output=True, text=True, timeout=60, check=True)  # noqa: S603
    return done.stdout.strip()


def build(folder: Path) -> Path:
    """Build the sdist, and the wheel from it; return the folder of both."""
    run(UV, "build", "--quiet", "--out-dir", folder / "dist", ROOT, folder=folder)
    return folder / "dist"


def wheel_in(dist: Path) -> Path:
    """Return the wheel of a folder."""
    (wheel,) = dist.glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the wheel and the sdist."""
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory, dist: Path) -> Path:
    """Return the Python of a new environment with the wheel and what it requires."""
    folder = tmp_path_factory.mktemp("environment")
    run(UV, "venv", "--quiet", "--python", sys.executable, folder / "venv", folder=folder)
    python = folder / "venv" / "bin" / "python"
    constraints = ROOT / "constraints.txt"
    install = (UV, "pip", "install", "--quiet", "--python", python, "--constraint", constraints)
    run(*install, wheel_in(dist), "twine", folder=folder)
    return python

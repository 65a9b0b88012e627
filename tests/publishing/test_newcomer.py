"""README as a newcomer follows it: its own commands and DAG, with the wheel and an empty home folder."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from contextlib import contextmanager, suppress
from shutil import which
from typing import TYPE_CHECKING

import pytest

from demo.emulator_instance import EmulatorApi
from demo.waiting import wait_until
from tests.documentation.commands import README_FIRST_RUN
from tests.documentation.snippets import Snippet, read_snippets
from tests.publishing.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

pytestmark = pytest.mark.distribution

README = (ROOT / "README.md").read_text(encoding="utf-8")
SNIPPETS = [one for one in read_snippets(ROOT / "README.md") if one.name.startswith("README.md, A DAG")]
(DAG,) = (snippet for snippet in SNIPPETS if snippet.language == "python")
SERVE, RUN = (snippet for snippet in SNIPPETS if snippet.language == "console")
INSTALL = "pip install airflow-provider-damstra"
PRINTED_PORT, PRINTED_URL = "--port 8090", "http://127.0.0.1:8090"
ACCESS_KEY = "key-of-my-emulator"
TIMEOUT = 300.0
"""Seconds for each command of the walk."""


def commands_in(snippet: Snippet) -> list[str]:
    """Return the commands of a block."""
    return [line.removeprefix("$ ") for line in snippet.text.splitlines() if line.startswith("$ ")]


@contextmanager
def terminal(
    commands: Sequence[str], python: Path, home: Path, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run commands in a shell that has only the wheel's environment, during the block.

    :param log: the file that their output is written to.
    """
    environment = {"HOME": str(home), "PATH": f"{python.parent}:/usr/bin:/bin"}
    script = "\n".join(["set -eu", *commands])
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 (our own page)
            [which("bash") or "bash", "-c", script],
            cwd=home,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(TIMEOUT)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home folder with nothing but README's DAG where README says."""
    home = tmp_path_factory.mktemp("home")
    (path,) = re.findall(r"`~/(\S+\.py)`", RUN.introduction)
    (home / path).parent.mkdir(parents=True)
    DAG.write(home / path)
    return home


@pytest.fixture(scope="module")
def emulator(
    environment: Path, home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EmulatorApi]:
    """Start the emulator as in README, on a free port."""
    install, *commands = commands_in(SERVE)
    assert install == INSTALL  # as ``environment`` has done with the wheel
    assert PRINTED_PORT in commands[-1]
    commands[-1] = commands[-1].replace(PRINTED_PORT, "--port 0")
    log = tmp_path_factory.mktemp("emulator") / "log.txt"
    with terminal(commands, environment, home, log):
        found = wait_until(
            lambda: re.search(r"(http://\S+)/api/v2", log.read_text()),
            description=f"the emulator of README, see {log}",
            timeout=TIMEOUT,
        )
        yield EmulatorApi(url=found[1], access_key=ACCESS_KEY)


def first_run(emulator: EmulatorApi, *, access_key: str = ACCESS_KEY) -> list[str]:
    """Return README's commands for a first run, with the emulator's URL and an access key."""
    _, *commands = commands_in(RUN)
    assert [command.removeprefix("airflow ") for command in commands] == README_FIRST_RUN
    text = "\n".join(commands_in(RUN))
    assert PRINTED_URL in text
    assert ACCESS_KEY in text
    return text.replace(PRINTED_URL, emulator.url).replace(ACCESS_KEY, access_key).splitlines()


def test_first_run_trains_the_new_starter(
    environment: Path, home: Path, emulator: EmulatorApi, tmp_path: Path
) -> None:
    log = tmp_path / "log.txt"
    with terminal(first_run(emulator), environment, home, log) as process:

        def find_schedule() -> int | None:
            assert process.poll() is None, log.read_text()
            schedules = [one for user in emulator.users("Byron") for one in emulator.schedules(user["id"])]
            return schedules[0]["id"] if schedules else None

        schedule_id = wait_until(find_schedule, description=f"Ada's schedule, see {log}", timeout=TIMEOUT)
        emulator.complete(schedule_id)
        assert process.wait(TIMEOUT) == 0, log.read_text()
    (user,) = emulator.users("Byron")
    assert (user["firstName"], user["employeeNumber"]) == ("Ada", "E9001")
    (schedule,) = emulator.schedules(user["id"])
    assert (schedule["id"], schedule["lessonName"]) == (schedule_id, "Site Induction")
    assert schedule["status"] == "completed"


def test_wrong_key_fails_with_the_message_of_the_documentation(
    environment: Path, home: Path, emulator: EmulatorApi, tmp_path: Path
) -> None:
    (message,) = re.findall(r"With a wrong key, it fails: `(.+)`", README)
    headings = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8").splitlines()
    assert f"### `{message}`" in headings
    known = len(emulator.journal())
    log = tmp_path / "log.txt"
    with terminal(first_run(emulator, access_key="wrong-key"), environment, home, log) as process:
        assert process.wait(TIMEOUT) != 0
    assert message in log.read_text()
    entries = emulator.journal()[known:]
    assert {entry["status"] for entry in entries} == {403}
    assert not any(entry["rows"] for entry in entries)

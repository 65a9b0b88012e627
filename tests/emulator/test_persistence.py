"""Stores in files, which survive a killed process, and the options of the command."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from airflow_provider_damstra.emulator.__main__ import main
from airflow_provider_damstra.emulator.settings import Settings
from airflow_provider_damstra.emulator.state import EmulatorState
from tests.emulator.api_client import HAUL_TRUCK, TRAINEES, ApiClient

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
KEY = "the-key"


@contextmanager
def running_process(*arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run the emulator's command and yield its URL and process."""
    command = [sys.executable, "-m", "airflow_provider_damstra.emulator", "--port", "0", "--access-key", KEY]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    with subprocess.Popen(  # noqa: S603 (what this file writes)
        [*command, *arguments], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert "/api/v2" in line, line
            yield line.split(" ")[3].removesuffix("/api/v2"), process
        finally:
            process.kill()


def test_killed_process_keeps_confirmed_changes(tmp_path: Path) -> None:
    file = ("--db", str(tmp_path / "store.db"), "--seed", "demo")
    with running_process(*file) as (url, process), closing(ApiClient(url, KEY)) as api:
        created = [api.send("/user", firstName="Ann").json()["id"] for _ in range(20)]
        schedule_id = api.schedule(TRAINEES[0], HAUL_TRUCK)
        control = f"{url}/_emulator"
        requests.post(f"{control}/webhooks", json={"url": "http://127.0.0.1:9/"}, timeout=10)
        requests.put(f"{control}/clock", json={"now": "2031-01-31T00:00:00Z"}, timeout=10)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
    with running_process(*file) as (url, process), closing(ApiClient(url, KEY)) as api:
        assert [api.get_json(f"/user/{user_id}")["id"] for user_id in created] == created
        assert api.schedule_status(TRAINEES[0], schedule_id) == "overdue"
        assert len(requests.get(f"{url}/_emulator/webhooks", timeout=10).json()) == 1
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0


def test_file_is_seeded_once_and_reset_uses_configured_seed(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    sizes = []
    for seed in ("empty", "demo"):
        state = EmulatorState(Settings(db=file, seed=seed))
        sizes.append(state.store.fetch_value("SELECT count(*) FROM users"))
        state.store.close()
    state = EmulatorState(Settings(db=file, seed="demo"))
    state.reset()
    sizes.append(state.store.fetch_value("SELECT count(*) FROM users"))
    state.store.close()
    assert sizes == [1, 1, 40]


def test_second_emulator_on_same_file_is_rejected(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    state = EmulatorState(Settings(db=file, seed="empty"))
    with pytest.raises(ValueError, match="cannot be used as a store: database is locked"):
        EmulatorState(Settings(db=file, seed="empty"))
    state.store.close()


def test_foreign_file_is_rejected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, database, newer = tmp_path / "text", tmp_path / "database", tmp_path / "newer"
    text.write_text("not a database, but long enough to be read as one" * 100)
    for path, sql in ((database, "CREATE TABLE t (x)"), (newer, "PRAGMA user_version = 99")):
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(sql)
    for path, expected in (
        (text, "cannot be used as a store"),
        (database, "a database of another program"),
        (newer, "of another version of the emulator"),
        (tmp_path / "no" / "folder", "cannot be used as a store"),
    ):
        assert main(["--db", str(path), "--port", "0"]) == 2
        assert expected in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ["--clock", "2026-01-31T09:00:00"],
            "--clock: '2026-01-31T09:00:00' needs a time zone, as in 2026",
        ),
        (["--clock", "yesterday"], "--clock: 'yesterday' is not a time such as 2026-01-31T09:00:00+08:00"),
        (["--page-cap", "0"], "--page-cap: '0' is not a number from 1"),
        (["--page-cap", "many"], "--page-cap: 'many' is not a number from 1"),
        (["--port", "x"], "--port: 'x' is not a port from 0 to 65535"),
        (["--port", "65536"], "--port: '65536' is not a port from 0 to 65535"),
        (["--access-key", "a", "--access-key-file", "b"], "not allowed with argument --access-key"),
    ],
)
def test_invalid_option_is_named(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert expected in capsys.readouterr().err


def test_port_in_use_is_rejected_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        assert main(["--seed", "empty", "--port", str(port)]) == 2
    assert capsys.readouterr().err == (
        f"damstra-emulator: port {port} of 127.0.0.1 is in use: name another port with --port, or 0 for a "
        "free one\n"
    )


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "192.0.2.1"])
def test_unusable_host_is_rejected_in_one_sentence(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seed", "empty", "--host", host]) == 2
    error = capsys.readouterr().err
    assert error.startswith("damstra-emulator: ")
    assert error.count("\n") == 1
    assert host in error
    assert "rrno" not in error


def test_unknown_seed_is_rejected(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seed", "nonsense", "--port", "0"]) == 2
    assert "there is no seed 'nonsense'" in capsys.readouterr().err


def test_configured_clock_applies_at_start_and_after_reset() -> None:
    start = datetime(2020, 2, 29, tzinfo=UTC)
    state = EmulatorState(Settings(seed="empty", clock=start))
    for _ in range(2):
        assert abs((state.clock.now() - start).total_seconds()) < 5
        state.clock.advance(10_000)
        state.reset()
    state.store.close()

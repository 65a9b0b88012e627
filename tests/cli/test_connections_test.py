"""airflow connections test: Airflow prints the message of the hook's connection test."""

from __future__ import annotations

import json
from argparse import Namespace
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from airflow.cli.commands.connection_command import connections_test

from tests.clients.servers import http_response, raw_server

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator


@pytest.fixture(autouse=True)
def _enabled(metadata_database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DATABASE__CHECK_MIGRATIONS", "False")
    monkeypatch.setenv("AIRFLOW__CORE__TEST_CONNECTION", "Enabled")
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")


def test_valid_connection_succeeds(
    damstra_emulator: DamstraEmulator, capsys: pytest.CaptureFixture[str]
) -> None:
    connections_test(Namespace(conn_id="damstra_default", verbose=False))
    assert "Connection success!" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["[/nonsense]", "[bold]x", "[link=http://bad.example]x", "\\[/x]"])
def test_text_of_server_is_printed_without_interpreting_it(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with raw_server(http_response(json.dumps({"error": f"{text}\x1b[2J"}), 400)) as server:
        connection = {"conn_type": "damstra", "host": server.url, "password": "key-of-test"}
        monkeypatch.setenv("AIRFLOW_CONN_LMS", json.dumps(connection))
        with suppress(SystemExit):  # Airflow 3.0 does not exit
            connections_test(Namespace(conn_id="lms", verbose=False))
    printed = capsys.readouterr().out
    assert rf"{text}\x1b[2J" in printed
    assert "\x1b" not in printed

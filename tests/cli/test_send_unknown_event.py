"""airflow damstra send-test-event to a receiver that refuses unknown events; no other worker may run here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.webhooks.conftest import short_intervals
from tests.webhooks.receiver_server import HOST, run_receiver

if TYPE_CHECKING:
    from tests.cli.conftest import RunCommand


@pytest.mark.usefixtures("metadata_database")
def test_refused_test_event_is_reported_as_processed(run_command: RunCommand) -> None:
    with short_intervals() as patch, run_receiver(patch) as server:
        patch.setenv("AIRFLOW__DAMSTRA__RECEIVER_URL", f"http://{HOST}:{server.port}/")
        output, _ = run_command("send-test-event")
    assert "event 1 is processed, and starts no DAG: its name is unknown" in output

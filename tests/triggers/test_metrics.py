"""How many waits a triggerer has, in Airflow's metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import Stats

from airflow_provider_damstra.polling import poller as polling
from tests.clients.clock import until_in_loop
from tests.triggers.polling import begin, curious, stop

if TYPE_CHECKING:
    import pytest

    from airflow_provider_damstra.testing import DamstraEmulator


async def test_waits_are_gauged_while_they_wait(
    damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[Any] = []
    monkeypatch.setattr(Stats, "gauge", lambda name, value, *, tags: said.append((name, value, tags)))
    monkeypatch.setattr(polling, "GAUGED_EVERY", 0.0)

    def waits(count: int) -> tuple[str, int, dict[str, str]]:
        return ("damstra.waits", count, {"connection": "damstra_default"})

    tasks = [begin(curious(enough=99), poll_interval=0.05) for _ in range(3)]
    await until_in_loop(lambda: bool(said) and said[-1] == waits(3), "three are gauged")
    await stop(*tasks)
    await until_in_loop(lambda: said[-1] == waits(0), "none is left")

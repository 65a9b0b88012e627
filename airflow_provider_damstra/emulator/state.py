"""All that one emulator is made of."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_provider_damstra.emulator import seeds
from airflow_provider_damstra.emulator.clock import Clock
from airflow_provider_damstra.emulator.faults import Faults
from airflow_provider_damstra.emulator.journal import Journal
from airflow_provider_damstra.emulator.store import Store
from airflow_provider_damstra.emulator.unit_of_work import UnitOfWork, Window
from airflow_provider_damstra.emulator.webhooks import Webhooks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_damstra.emulator.settings import Settings

_OFFSET = "clock offset in seconds"
_SEED = "seed"


class EmulatorState:
    """The store, the clock, the faults, the journal and the webhooks of one emulator.

    :raises ValueError: if the settings name a seed that there is not, or a file that is not a store.
    """

    def __init__(self, settings: Settings) -> None:
        seeds.find(settings.seed)
        self.settings = settings
        self.store = Store(settings.db)
        self.clock = Clock()
        self.faults = Faults()
        self.journal = Journal()
        self.webhooks = Webhooks(timeout=settings.webhook_timeout, pause=settings.webhook_pause)
        if self.store.get_setting(_SEED) is None:
            self.reset()
        else:
            self.clock.offset = timedelta(seconds=float(self.store.get_setting(_OFFSET) or 0))

    def reset(self, seed: str | None = None) -> None:
        """Start again: the clock as at the start, the store filled anew, no faults, journal or webhooks."""
        self.faults.clear()
        self.journal.clear()
        self.webhooks.clear()
        self.clock.offset = timedelta()
        if self.settings.clock is not None:
            self.clock.set(self.settings.clock)
        with self.store.transaction():
            self.store.execute("DELETE FROM webhooks")
            self._fill(seed or self.settings.seed)

    def fill(self, seed: str) -> None:
        """Empty the store and fill it with a seed; everything else stays."""
        with self.store.transaction():
            self._fill(seed)

    def _fill(self, seed: str) -> None:
        self.store.clear()
        seeds.find(seed)(self.store, self.clock.now())
        self.store.set_setting(_SEED, seed)
        self._keep_offset()

    def keep_clock(self) -> None:
        """Keep what the clock was set to, for a store in a file."""
        with self.store.transaction():
            self._keep_offset()

    def _keep_offset(self) -> None:
        self.store.set_setting(_OFFSET, str(self.clock.offset.total_seconds()))

    @contextmanager
    def unit_of_work(self, *, base_url: str = "", window: Window | None = None) -> Iterator[UnitOfWork]:
        """Let something happen in the store as a whole or not at all; its events are sent afterwards."""
        uow = UnitOfWork(store=self.store, now=self.clock.now(), base_url=base_url, window=window or Window())
        with self.store.transaction():
            yield uow
        self.webhooks.send(self.store, uow.events)

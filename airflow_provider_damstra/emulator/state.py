"""The state of one emulator: store, clock, faults, journal and webhooks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

from airflow_provider_damstra.emulator.broadcaster import Broadcaster
from airflow_provider_damstra.emulator.clock import Clock
from airflow_provider_damstra.emulator.journal import Journal
from airflow_provider_damstra.emulator.rate_limit import RateLimit
from airflow_provider_damstra.emulator.scenario import ScenarioRunner
from airflow_provider_damstra.emulator.scenario_document import parse_scenario
from airflow_provider_damstra.emulator.seed_document import read_file
from airflow_provider_damstra.emulator.seeds import SeedFunction, get_seed
from airflow_provider_damstra.emulator.store import Store
from airflow_provider_damstra.emulator.unit_of_work import PageParams, UnitOfWork
from airflow_provider_damstra.emulator.webhooks import WebhookDispatcher

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.emulator.broadcaster import Event
    from airflow_provider_damstra.emulator.faults import FaultRule
    from airflow_provider_damstra.emulator.journal import JournalEntry
    from airflow_provider_damstra.emulator.scenario_document import ScenarioDocument
    from airflow_provider_damstra.emulator.settings import Settings
    from airflow_provider_damstra.yaml_documents import Positions

MAX_LATEST_EVENTS = 100

_CLOCK_OFFSET = "clock offset in seconds"
_IS_SEEDED = "seed"


class EmulatorState:
    """Everything that one emulator consists of.

    :raises ValueError: if the settings name an unknown seed, an invalid seed or scenario file, or a file that
        is not an emulator's store.
    """

    def __init__(self, settings: Settings) -> None:
        seed = get_seed(settings.seed)
        self.settings = settings
        self._scenario_file = _read_scenario(settings.scenario)
        self.rate_limit = None if settings.rate_limit is None else RateLimit(settings.rate_limit)
        self.store = Store(settings.db)
        self.clock = Clock()
        self.scenario = ScenarioRunner(self)
        self.faults: list[FaultRule] = []
        self.journal = Journal()
        self.broadcaster = Broadcaster()
        self.webhooks = WebhookDispatcher(
            timeout=settings.webhook_timeout, backoff=settings.webhook_backoff, broadcaster=self.broadcaster
        )
        with ExitStack() as on_error:
            on_error.callback(self.store.close)
            if self.store.get_setting(_IS_SEEDED) is None:
                self.reset(seed)
            else:
                self.clock.offset = timedelta(seconds=float(self.store.get_setting(_CLOCK_OFFSET) or 0))
            on_error.pop_all()

    def reset(self, seed: SeedFunction | None = None) -> None:
        """Restore the initial state: clock and data; no scenario, faults, journal entries or webhooks.

        :param seed: another seed than the one of the settings; a seed file is read again.
        :raises ValueError: naming every problem of the seed file; nothing is changed then.
        """
        seed = seed or get_seed(self.settings.seed)
        previous_offset = self.clock.offset
        self.clock.offset = timedelta()
        try:
            if self.settings.clock is not None:
                self.clock.set(self.settings.clock)
            with self.store.transaction():
                self.store.execute("DELETE FROM webhooks")
                self._load_seed(seed)
        except ValueError:
            self.clock.offset = previous_offset
            raise
        self.scenario.stop()
        self.faults.clear()
        # A new object: requests in flight belong to the state before.
        self.journal = Journal()
        self.webhooks.clear()
        self.broadcaster.publish("reset")

    def load_seed(self, seed: SeedFunction) -> None:
        """Replace the data with a seed's; everything else stays."""
        with self.store.transaction():
            self._load_seed(seed)

    def _load_seed(self, seed: SeedFunction) -> None:
        self.store.clear()
        seed(self.store, self.clock.now())
        self.store.set_setting(_IS_SEEDED, "1")
        self.save_clock()

    def start_scenario(self) -> None:
        """Start the scenario of the settings, if there is one. Call it in the event loop's thread."""
        if self._scenario_file is not None:
            self.scenario.start(*self._scenario_file)

    def save_clock(self) -> None:
        """Save the clock's offset in the store."""
        self.store.set_setting(_CLOCK_OFFSET, str(self.clock.offset.total_seconds()))

    def record(self, entry: JournalEntry) -> None:
        """Append a request to the journal."""
        self.journal.append(entry)
        self.broadcaster.publish("journal", entry.summarize)

    def clear_journal(self) -> None:
        """Remove all entries of the journal."""
        self.journal.clear()
        self.broadcaster.publish("journal_cleared")

    def latest_events(self) -> Iterator[Event]:
        """Yield the latest requests and webhook deliveries, as the broadcaster sends them."""
        for entry in self.journal.latest(MAX_LATEST_EVENTS):
            yield "journal", entry.summarize()
        deliveries = self.webhooks.deliveries
        for delivery in islice(deliveries, max(len(deliveries) - MAX_LATEST_EVENTS, 0), None):
            yield "delivery", delivery.model_dump(by_alias=True)

    @contextmanager
    def unit_of_work(
        self, *, base_url: str = "", page_params: PageParams | None = None
    ) -> Iterator[UnitOfWork]:
        """Run the block in a transaction and send its webhook events after the commit."""
        page = page_params or PageParams()
        uow = UnitOfWork(store=self.store, now=self.clock.now(), base_url=base_url, page_params=page)
        with self.store.transaction():
            yield uow
        self.webhooks.dispatch(self.store, uow.events)


def _read_scenario(path: Path | None) -> tuple[ScenarioDocument, Positions] | None:
    return None if path is None else parse_scenario(read_file(path), source=str(path))

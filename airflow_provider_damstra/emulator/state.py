"""The state of one emulator: store, clock, faults, journal and webhooks."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.emulator.clock import Clock
from airflow_provider_damstra.emulator.seeds import get_seed
from airflow_provider_damstra.emulator.store import Store
from airflow_provider_damstra.emulator.unit_of_work import PageParams, UnitOfWork
from airflow_provider_damstra.emulator.webhooks import WebhookDispatcher

if TYPE_CHECKING:
    from airflow_provider_damstra.emulator.faults import FaultRule
    from airflow_provider_damstra.emulator.settings import Settings

MAX_JOURNAL_ENTRIES_KEPT = 100_000

_CLOCK_OFFSET = "clock offset in seconds"
_SEED = "seed"


@dataclass(kw_only=True)
class JournalEntry:
    """One API request and its outcome; a test can prove with it what was sent and what it changed.

    :param time: the emulated time.
    :param path: relative to ``/api/v2``.
    :param status: the status of the response, or None if the request was not handled.
    :param rows: the changed rows: table, id and action.
    :param fault: the kind of fault that was injected, or None.
    """

    time: str
    method: str
    path: str
    query: dict[str, str]
    body: bytes
    status: int | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)
    fault: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the entry as the control plane shows it: the body decoded, with passwords masked."""
        return {**vars(self), "body": _decode_body(self.body)}


def _decode_body(raw: bytes) -> Any:
    try:
        return json.loads(raw, object_hook=_mask_password) if raw else None
    except (ValueError, RecursionError):
        return raw.decode(errors="replace")


def _mask_password(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: "***" if name.lower() == "password" else value for name, value in fields.items()}


class EmulatorState:
    """Everything that one emulator consists of.

    :raises ValueError: if the settings name an unknown seed, or a file that is not an emulator's store.
    """

    def __init__(self, settings: Settings) -> None:
        get_seed(settings.seed)
        self.settings = settings
        self.store = Store(settings.db)
        self.clock = Clock()
        self.faults: list[FaultRule] = []
        self.journal = _new_journal()
        self.webhooks = WebhookDispatcher(timeout=settings.webhook_timeout, backoff=settings.webhook_backoff)
        if self.store.get_setting(_SEED) is None:
            self.reset()
        else:
            self.clock.offset = timedelta(seconds=float(self.store.get_setting(_CLOCK_OFFSET) or 0))

    def reset(self, seed: str | None = None) -> None:
        """Restore the initial state: clock and data; no faults, journal entries or webhooks.

        :param seed: another seed than the one of the settings.
        """
        self.faults.clear()
        # A new object: requests in flight belong to the state before.
        self.journal = _new_journal()
        self.webhooks.clear()
        self.clock.offset = timedelta()
        if self.settings.clock is not None:
            self.clock.set(self.settings.clock)
        with self.store.transaction():
            self.store.execute("DELETE FROM webhooks")
            self._load_seed(seed or self.settings.seed)

    def load_seed(self, seed: str) -> None:
        """Replace the data with a seed's; everything else stays."""
        with self.store.transaction():
            self._load_seed(seed)

    def _load_seed(self, seed: str) -> None:
        self.store.clear()
        get_seed(seed)(self.store, self.clock.now())
        self.store.set_setting(_SEED, seed)
        self.save_clock()

    def save_clock(self) -> None:
        """Save the clock's offset in the store."""
        self.store.set_setting(_CLOCK_OFFSET, str(self.clock.offset.total_seconds()))

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


def _new_journal() -> deque[JournalEntry]:
    return deque(maxlen=MAX_JOURNAL_ENTRIES_KEPT)

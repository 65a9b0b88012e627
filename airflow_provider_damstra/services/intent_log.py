"""Write-ahead log of the requests with which a task changes something, and the client that keeps it.

A request is recorded before it is sent, and removed only when it certainly was not carried out. A later
try of the task therefore reads what an earlier one may have done, even if that one was killed before the
response arrived.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_damstra.errors import DamstraError
from airflow_provider_damstra.task_state import TaskState

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.base import SupportsCalls
    from airflow_provider_damstra.endpoints.base import Endpoint
    from airflow_provider_damstra.services.idempotency import Result

_INTENTS = "intents"
_FOUND = "found_after_conflicts"


@dataclass(frozen=True, kw_only=True)
class Intent:
    """A recorded request. Its body may hold personal data, and Airflow shows the log: only a digest is kept.

    :param ids: the users, attendees or lesson versions that the body names.
    """

    operation: str
    path: str
    body_sha256: str
    ids: tuple[int, ...]

    @classmethod
    def of(cls, endpoint: Endpoint[Any]) -> Self:
        """Return the intent to send a request."""
        request = endpoint.request()
        ids = [attendee.id for attendee in getattr(endpoint, "attendees", ())]
        for name in ("user_ids", "lesson_version_ids"):
            ids += getattr(endpoint, name, ())
        return cls(
            operation=request.operation,
            path=request.path,
            body_sha256=sha256(request.content or b"").hexdigest(),
            ids=tuple(ids),
        )


class IntentLog:
    """The requests that the tries of one task recorded, and which of them were rolled back.

    :param state: keeps the log for later tries.
    """

    def __init__(self, state: TaskState) -> None:
        self._state = state
        self._lock = threading.Lock()
        self._current: dict[Intent, bool] = {}
        self._is_batch = False
        self._is_dirty = False
        self._found: list[int] = []
        self._found_written = 0

    @cached_property
    def _earlier(self) -> dict[Intent, bool]:
        """Return the requests of earlier tries, and whether they were rolled back."""
        return _unpack(self._state.get(_INTENTS, []))

    def read(self) -> None:
        """Read what earlier tries recorded, before threads use it (``dag.test()`` serves only one)."""
        _ = (self._ids_by_operation, self.found_earlier)

    def was_sent(self, endpoint: Endpoint[Any]) -> bool:
        """Return whether an earlier try sent this request: its effect is then this task's own work."""
        # The intent of each of many requests takes longer than all other work for a user without differences.
        return bool(self._earlier) and Intent.of(endpoint) in self._earlier

    @cached_property
    def _ids_by_operation(self) -> dict[tuple[str, str], set[int]]:
        """Return the ids in the requests of earlier tries, by operation and path."""
        ids: dict[tuple[str, str], set[int]] = {}
        for intent in self._earlier:
            ids.setdefault((intent.operation, intent.path), set()).update(intent.ids)
        return ids

    def ids_sent(self, endpoint: Endpoint[Any]) -> set[int]:
        """Return the users, attendees or lesson versions for which earlier tries sent such a request."""
        if not self._earlier:
            return set()
        wanted = Intent.of(endpoint)
        return self._ids_by_operation.get((wanted.operation, wanted.path), set())

    @cached_property
    def found_earlier(self) -> set[int]:
        """Return ids of what earlier tries found after a conflict: another client created it."""
        return set(self._state.get(_FOUND, []))

    def add_found(self, ids: list[int]) -> None:
        """Record ids of objects that were found after a conflict, for later tries.

        In a batch the list is written when it has grown by a quarter, and at the end: writing it for each of
        thousands of conflicts would take longer than the requests.
        """
        with self._lock:
            self._found += ids
            if not self._is_batch or len(self._found) > self._found_written * 1.25:
                self._write_found()

    def _write_found(self) -> None:
        self._state.append(_FOUND, self._found)
        self._found_written = len(self._found)

    def was_rolled_back(self, endpoint: Endpoint[Any]) -> bool:
        """Return whether an earlier try sent this request, and undid it when it was killed."""
        return self._earlier.get(Intent.of(endpoint), False)

    def add(self, *endpoints: Endpoint[Any]) -> None:
        """Record requests in one write, before they are sent."""
        with self._lock:
            intents = dict.fromkeys(map(Intent.of, endpoints), False)
            if not intents.keys() <= self._current.keys():
                self._save({**intents, **self._current})

    def discard(self, endpoint: Endpoint[Any]) -> None:
        """Remove a request that was not carried out."""
        with self._lock:
            self._current.pop(Intent.of(endpoint), None)
            self._is_dirty = True
            if not self._is_batch:
                self._save(self._current)

    @contextmanager
    def batch(self, endpoints: Iterable[Endpoint[Any]]) -> Iterator[None]:
        """Record many requests in one write, and remove those that were not carried out in one write."""
        self.add(*endpoints)
        self._is_batch = True
        try:
            yield
        finally:
            self._is_batch = False
        if self._is_dirty:
            self._save(self._current)
        if self._found_written < len(self._found):
            self._write_found()

    def mark_rolled_back(self, endpoint: Endpoint[Any]) -> None:
        """Record that a request of this try is about to be undone."""
        # The task may be killed because Airflow goes down: that must not prevent the rollback.
        with suppress(Exception):
            self._save({**self._current, Intent.of(endpoint): True})

    def mark_restored(self, endpoint: Endpoint[Any]) -> None:
        """Record that a request that an earlier try undid is in effect again."""
        self._earlier[Intent.of(endpoint)] = False
        self._save(self._current)

    def clear(self) -> None:
        """Delete the log."""
        self._earlier.clear()
        self._current.clear()
        self._ids_by_operation.clear()
        self._state.delete(_INTENTS)

    def _save(self, current: dict[Intent, bool]) -> None:
        """Store the log, and only then consider the requests of this try as recorded."""
        self._state.set(_INTENTS, _pack({**self._earlier, **current}))
        self._current = current
        self._is_dirty = False


class RecordingClient:
    """Client that records every request that changes something before it sends it.

    :param client: sends the requests.
    :param state: keeps the log for later tries; default in memory.
    """

    def __init__(self, client: SupportsCalls, state: TaskState | None = None) -> None:
        self._client = client
        self._sent: dict[Intent, Endpoint[Any]] = {}
        self.intents = IntentLog(state or TaskState())
        self.iterate = client.iterate

    @property
    def sent(self) -> list[Endpoint[Any]]:
        """Return the requests that this try sent and that may have been carried out, in order."""
        return list(self._sent.values())

    def call(self, endpoint: Endpoint[Result]) -> Result:
        """Return the result of one operation."""
        if endpoint.method == "GET":
            return self._client.call(endpoint)
        with self.record(endpoint) as client:
            return client.call(endpoint)

    @contextmanager
    def record(self, endpoint: Endpoint[Any]) -> Iterator[SupportsCalls]:
        """Record a request, and yield the client that sends it.

        A ``DamstraError`` that proves that the request was not carried out removes it from the log.
        """
        intent = Intent.of(endpoint)
        # The client resends a PUT: an attempt before the one that failed may have been carried out.
        is_repeated = intent in self._sent or endpoint.method == "PUT"
        self.intents.add(endpoint)
        self._sent[intent] = endpoint
        try:
            yield self._client
        except DamstraError as error:
            # A request that is sent again may have been carried out the first time.
            if not (error.outcome_unknown or is_repeated):
                del self._sent[intent]
                self.intents.discard(endpoint)
            raise


def _pack(intents: Mapping[Intent, bool]) -> list[dict[str, Any]]:
    """Return intents as JSON; requests that differ in their path only are one entry."""
    groups: dict[tuple[Any, ...], dict[str, Any]] = {}
    for intent, is_rolled_back in intents.items():
        values = {**asdict(intent), "ids": list(intent.ids), "is_rolled_back": is_rolled_back}
        path = values.pop("path")
        key = (intent.operation, intent.body_sha256, intent.ids, is_rolled_back)
        groups.setdefault(key, {**values, "paths": []})["paths"].append(path)
    return list(groups.values())


def _unpack(groups: Iterable[Mapping[str, Any]]) -> dict[Intent, bool]:
    return {
        Intent(
            operation=group["operation"],
            path=path,
            body_sha256=group["body_sha256"],
            ids=tuple(group["ids"]),
        ): group["is_rolled_back"]
        for group in groups
        for path in group["paths"]
    }

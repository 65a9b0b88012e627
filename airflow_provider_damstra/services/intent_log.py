"""What a task asks Damstra to change: noted before it is sent, and so known even if no answer comes."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.errors import DamstraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_damstra.endpoints.base import Endpoint, ListEndpoint
    from airflow_provider_damstra.services.idempotency import Answer, Row, SupportsCalls
    from airflow_provider_damstra.task_state import TaskState

Intent = dict[str, Any]
"""A change that is about to be asked for, as JSON: the request, a digest of its body, whose it is, and if it
was undone again."""

_INTENTS = "intents"


class RecordingClient:
    """A client that notes each change before it is sent: for the end of this attempt, and for later ones.

    :param client: makes the calls.
    :param state: keeps what is intended for later attempts.
    """

    def __init__(self, client: SupportsCalls, state: TaskState) -> None:
        self._client = client
        self._state = state
        self._intents: list[Intent] = []
        self.changes: list[Endpoint[Any]] = []

    def call(self, endpoint: Endpoint[Answer]) -> Answer:
        """Return the answer to one call; what surely was not carried out is noted no longer."""
        if endpoint.method == "GET":
            return self._client.call(endpoint)
        self.changes.append(endpoint)
        try:
            return self._client.call(endpoint)
        except DamstraError as error:
            if not error.outcome_unknown:
                self.changes.remove(endpoint)
            raise

    def iterate(self, endpoint: ListEndpoint[Row]) -> Iterator[Row]:
        """Yield the rows of a listing."""
        return self._client.iterate(endpoint)

    @cached_property
    def earlier(self) -> list[Intent]:
        """Return what earlier attempts of the task sent, but for what surely was not carried out."""
        intents: list[Intent] = self._state.get(_INTENTS, [])
        return intents

    @contextmanager
    def intending(self, intent: Intent) -> Iterator[None]:
        """Keep an intent for later attempts, unless sending it here ends with its being refused."""
        self._intents.append(intent)
        self._state.set(_INTENTS, [*self.earlier, *self._intents])
        try:
            yield
        except DamstraError as error:
            if not error.outcome_unknown:
                self._intents.remove(intent)
                self._state.set(_INTENTS, [*self.earlier, *self._intents])
            raise

    def will_take_back(self, change: Endpoint[Any]) -> None:
        """Let later attempts know that this one is about to undo what it sent."""
        for intent in self._intents:
            if _is_of(change, intent):
                intent["is_taken_back"] = True
        # Airflow may be the one that is going down, and that is no reason not to undo it.
        with suppress(Exception):
            self._state.set(_INTENTS, [*self.earlier, *self._intents])

    def has_restored(self, change: Endpoint[Any]) -> None:
        """Let later attempts know that what an earlier one undid is so again."""
        for intent in self.earlier:
            if _is_of(change, intent):
                intent["is_taken_back"] = False
        self._state.set(_INTENTS, [*self.earlier, *self._intents])

    def forget(self) -> None:
        """Keep no intent any more, of this attempt or of earlier ones."""
        self._intents.clear()
        self._state.delete(_INTENTS)


def send(client: SupportsCalls, change: Endpoint[Answer]) -> Answer:
    """Return the answer to a call, of which later attempts of the task know that it was sent."""
    if not isinstance(client, RecordingClient):
        return client.call(change)
    with client.intending(_intent(change)):
        return client.call(change)


def was_sent_before(client: SupportsCalls, change: Endpoint[Any]) -> bool:
    """Return whether an earlier attempt of the task sent this: what is so already is then its own doing."""
    return isinstance(client, RecordingClient) and any(_is_of(change, intent) for intent in client.earlier)


def restore(client: SupportsCalls, change: Endpoint[Any], *, again: Callable[[], object]) -> None:
    """Do again, once, what an earlier attempt of the task did by this change, and undid when killed."""
    if not isinstance(client, RecordingClient):
        return
    if any(_is_of(change, intent) and intent["is_taken_back"] for intent in client.earlier):
        again()
        client.has_restored(change)


def sent_before_for(client: SupportsCalls, change: Endpoint[Any]) -> set[int]:
    """Return the users, or attendees, for whom earlier attempts of the task sent a request such as this."""
    if not isinstance(client, RecordingClient):
        return set()
    request = str(change.request())
    return {one for intent in client.earlier if intent["request"] == request for one in intent["ids"]}


def _intent(change: Endpoint[Any]) -> Intent:
    request = change.request()
    attendees = getattr(change, "attendees", ())
    return {
        # Without the body, which may be personal data; and what is kept can be seen in Airflow.
        "request": str(request),
        "body_sha256": sha256(request.content or b"").hexdigest(),
        "ids": [*getattr(change, "user_ids", ()), *(one.id for one in attendees)],
        "is_taken_back": False,
    }


def _is_of(change: Endpoint[Any], intent: Intent) -> bool:
    return {**intent, "is_taken_back": False} == _intent(change)

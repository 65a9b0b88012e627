"""Delivery of training statuses from a task to the receiver, which registers the events that are due."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Self

from tenacity import Retrying, before_sleep_log, retry_if_exception_type, stop_after_attempt, wait_exponential

from airflow_provider_damstra.addresses import without_login
from airflow_provider_damstra.webhooks.auth import task_token
from airflow_provider_damstra.webhooks.config import internal_evaluation_url
from airflow_provider_damstra.webhooks.evaluated_trainings import MAX_TRAININGS, EvaluatedTraining
from airflow_provider_damstra.webhooks.receiver_session import create_receiver_session

if TYPE_CHECKING:
    from datetime import datetime
    from types import TracebackType

    from airflow_provider_damstra.hooks.damstra import DamstraHook
    from airflow_provider_damstra.requirements.status import TrainingStatus

MAX_BATCH_BYTES = 48 * 1024
"""Size of a batch after which it is sent, below the limit of the receiver."""

REQUEST_TIMEOUT = 30.0
"""Seconds to connect, and seconds until the response."""

MAX_ATTEMPTS = 6
MAX_WAIT = 10.0
"""Attempts for one batch, and maximum seconds between two of them."""

log = logging.getLogger(__name__)


class ReceiverError(RuntimeError):
    """The receiver did not accept training statuses; a retry of the task sends them again."""


class EvaluationSender:
    """Send training statuses in batches. What is sent again, by whichever try, causes no second event.

    Use it as a context manager: the last batch is sent at the end, if no exception was raised.

    :param hook: the connection; its access key authenticates the requests.
    :param at: the time for which the statuses were evaluated.

    :ivar counts: number of registered events by name.
    """

    def __init__(self, hook: DamstraHook, *, at: datetime) -> None:
        self.counts: Counter[str] = Counter()
        self._at = at
        self._conn_id = hook.damstra_conn_id
        self._url = internal_evaluation_url(self._conn_id)
        self._token = task_token(hook.settings.access_key.get_secret_value())
        self._session = create_receiver_session()
        self._batch: list[bytes] = []
        self._retrying = Retrying(
            retry=retry_if_exception_type(ReceiverError),
            stop=stop_after_attempt(MAX_ATTEMPTS),
            wait=wait_exponential(max=MAX_WAIT),
            before_sleep=before_sleep_log(log, logging.WARNING),
            reraise=True,
        )

    def __enter__(self) -> Self:
        """Return this object."""
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Send the last batch unless an exception was raised, and close the connections."""
        try:
            if exc_type is None:
                self.flush()
                log.info("Events of trainings: %s", dict(self.counts) or "none")
        finally:
            self._session.close()

    def add(self, user_id: int, status: TrainingStatus) -> None:
        """Add the status of a person, and send the batch if it is full.

        :raises ReceiverError: if the receiver does not accept it.
        """
        training = EvaluatedTraining.from_status(user_id, status).model_dump_json().encode()
        if len(self._batch) == MAX_TRAININGS or sum(map(len, self._batch)) + len(training) > MAX_BATCH_BYTES:
            self.flush()
        self._batch.append(training)

    def flush(self) -> None:
        """Send the statuses that were added.

        :raises ReceiverError: if the receiver does not accept them.
        """
        if not self._batch:
            return
        body = b'{"at": "%b", "trainings": [%b]}' % (self._at.isoformat().encode(), b",".join(self._batch))
        self.counts.update(self._retrying(self._send, body))
        self._batch.clear()

    def _send(self, body: bytes) -> dict[str, int]:
        import requests

        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        try:
            response = self._session.post(
                self._url, data=body, headers=headers, timeout=REQUEST_TIMEOUT, allow_redirects=False
            )
            if response.status_code == 200:
                events: dict[str, int] = response.json()["events"]
                return events
            reason = f"status {response.status_code}"
        except (requests.RequestException, LookupError, TypeError, ValueError) as error:
            reason = type(error).__name__
        # Not in the except block: the error of requests, which may show a login, would be its context.
        raise ReceiverError(self._advice(reason))

    def _advice(self, reason: str) -> str:
        return (
            f"The training statuses of connection {self._conn_id!r} could not be sent for their events to "
            f"{without_login(self._url)}: {reason}. The API server must be running with [damstra] "
            "webhooks_enabled = True, the connection must be in [damstra] webhook_conn_ids and this worker's "
            "network in [damstra] webhook_networks, if that is set; [damstra] receiver_url is the address of "
            "the API server for workers. No event is lost: the next try sends all statuses again."
        )

"""Worker of the inbox: claims events, verifies them behind a circuit breaker, and settles their outcome.

It runs alongside the receiver in each API server. Its concurrency is bounded, and each step is repeated by
any process if this one dies: a lease expires, and an outcome is one transaction.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from pydantic import ValidationError

from airflow_provider_damstra.clients.async_client import AsyncClient
from airflow_provider_damstra.hooks.connection import load_settings
from airflow_provider_damstra.hooks.metrics import count_request, gauge_waiting_events, server_stats
from airflow_provider_damstra.validation_errors import format_validation_error
from airflow_provider_damstra.webhooks import inbox, outcomes
from airflow_provider_damstra.webhooks.circuit_breaker import CircuitBreaker, affects_connection
from airflow_provider_damstra.webhooks.database import InboxUnavailableError, UnstorableEventError
from airflow_provider_damstra.webhooks.events import EVENT_TYPES
from airflow_provider_damstra.webhooks.verification import EventMismatchError, find_expiry, verify

if TYPE_CHECKING:
    from airflow_provider_damstra.webhooks.config import ReceiverConfig
    from airflow_provider_damstra.webhooks.events import KnownEvent
    from airflow_provider_damstra.webhooks.inbox import InboxRow

    P = ParamSpec("P")
    T = TypeVar("T")

MAX_EVENTS_IN_PROGRESS = 32
"""Events that one process holds at the same time."""

LEASE = timedelta(seconds=60)
"""After this time other processes can claim the events of a process that died."""

BATCH_TIMEOUT_SECONDS = 45.0
RECORD_TIMEOUT_SECONDS = 10.0
"""Time limits of processing a batch, and of recording that it took too long: together less than the lease."""

POLL_INTERVAL = timedelta(seconds=2)
"""Maximum delay until the worker finds events that other processes inserted or released."""

PURGE_INTERVAL = timedelta(seconds=60)
MAX_PURGE_BATCHES = 20
DATABASE_THREADS = 2
SECRETS_THREADS = 2

REQUEST_TIMEOUT_SECONDS = 10.0
VERIFICATION_TIMEOUT_SECONDS = 30.0
"""Time limit of all requests for one event."""

UNKNOWN_NAME = "its name is unknown, so it cannot be verified ([damstra] allow_unknown_events is False)"

log = logging.getLogger(__name__)


class AsyncThreadPool(ThreadPoolExecutor):
    """Thread pool whose calls can be awaited; ``asyncio.to_thread`` has one pool for all purposes."""

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function in a thread and return its result."""
        return await asyncio.get_running_loop().run_in_executor(self, partial(function, *args, **kwargs))


class EventProcessor:
    """Verify claimed events and settle their outcome; what cannot be verified now is retried later.

    :param config: options of the receiver.
    :param database: threads of database queries.
    :param secrets: threads of lookups in secrets backends. They are separate, so that a secrets backend that
        hangs does not block the database.
    """

    def __init__(
        self, config: ReceiverConfig, *, database: AsyncThreadPool, secrets: AsyncThreadPool
    ) -> None:
        self._config = config
        self._database = database
        self._secrets = secrets
        self._breakers: dict[str, CircuitBreaker] = defaultdict(CircuitBreaker)
        self._logged_kinds: set[tuple[str, type[Exception], int | None]] = set()

    async def process(self, conn_id: str, rows: list[InboxRow]) -> None:
        """Process claimed events of one connection.

        :raises InboxUnavailableError: if the database failed; the remaining events keep their lease.
        """
        unverified = [(row, event) for row in rows if (event := await self._settle_unverifiable(row))]
        if not unverified:
            return
        breaker = self._breakers[conn_id]
        if breaker.seconds_left:
            await self._retry_later([row for row, _ in unverified], breaker.reason, breaker.seconds_left)
            return
        try:
            settings = await self._secrets.run(load_settings, conn_id)
            # The inbox retries; retries of the client would delay other events.
            settings = settings.model_copy(update={"timeout": REQUEST_TIMEOUT_SECONDS, "max_retries": 0})
            observe = partial(count_request, stats=server_stats())
            async with AsyncClient(settings, observe=observe) as client:
                verifications = [self._verify(row, event, client) for row, event in unverified]
                results = await asyncio.gather(*verifications, return_exceptions=True)
        except Exception as error:
            # Raised before the first request: the connection cannot be read or used.
            reason = self._open_breaker(conn_id, error)
            await self._retry_later([row for row, _ in unverified], reason)
            return
        for problem in filter(None, results):
            raise problem

    async def _settle_unverifiable(self, row: InboxRow) -> KnownEvent | None:
        """Settle an event that is not verified; return the event if it has to be."""
        event = None
        reason = outcomes.exhaustion_reason(row)
        if reason is None:
            try:
                if event_type := EVENT_TYPES.get(row["name"]):
                    event = event_type.model_validate(row["payload"])
                    retention = timedelta(days=self._config.inbox_retention)
                    reason = find_expiry(event, received_at=row["received_at"], retention=retention)
                elif not self._config.allow_unknown_events:
                    reason = UNKNOWN_NAME
            except ValidationError as error:
                reason = f"its payload is invalid: {format_validation_error(error)}"
        if reason:
            await self._database.run(outcomes.refuse, row, reason)
        elif event and self._config.verify_events:
            return event
        else:
            await self._confirm(row, confirmed_fields=None)
        return None

    async def _verify(self, row: InboxRow, event: KnownEvent, client: AsyncClient) -> None:
        conn_id = row["conn_id"]
        started_at = time.monotonic()
        try:
            async with asyncio.timeout(VERIFICATION_TIMEOUT_SECONDS):
                confirmed = await verify(event, client)
        except EventMismatchError as error:
            confirmed, mismatch = frozenset[str](), str(error)
        except TimeoutError:
            seconds = f"{VERIFICATION_TIMEOUT_SECONDS:.0f} s"
            await self._retry_later([row], f"Damstra took longer than {seconds} to respond to all requests")
            return
        except Exception as error:
            await self._retry_after_error(row, error)
            return
        if self._breakers[conn_id].record_success(started_at=started_at):
            log.info("Damstra webhooks: connection %r responds again.", conn_id)
        if confirmed:
            await self._confirm(row, confirmed_fields=confirmed)
        else:
            patience = timedelta(seconds=self._config.verify_patience)
            await self._database.run(outcomes.retry_unverified, row, mismatch, patience=patience)

    async def _confirm(self, row: InboxRow, *, confirmed_fields: frozenset[str] | None) -> None:
        try:
            await self._database.run(outcomes.confirm, row, confirmed_fields=confirmed_fields)
        except InboxUnavailableError:
            raise
        except UnstorableEventError as error:
            await self._database.run(outcomes.refuse, row, f"it is malformed: {error}")
        except Exception as error:
            # Perhaps because of one DAG: the other events must not wait for that.
            log.exception("Damstra webhooks: Airflow could not register %s.", outcomes.describe(row))
            await self._retry_later([row], f"Airflow could not register it: {type(error).__name__}: {error}")

    async def _retry_later(self, rows: list[InboxRow], reason: str, retry_after: float | None = None) -> None:
        for row in rows:
            await self._database.run(outcomes.retry_later, row, reason, retry_after=retry_after)

    async def _retry_after_error(self, row: InboxRow, error: Exception) -> None:
        """Retry an event whose verification failed; open the breaker if the error affects all events."""
        if affects_connection(error):
            reason = self._open_breaker(row["conn_id"], error)
        else:
            reason = _describe_error(error)
            self._log_first_of_kind(row, error)
        await self._retry_later([row], reason, getattr(error, "retry_after", None))

    def _log_first_of_kind(self, row: InboxRow, error: Exception) -> None:
        """Log an error unless one like it was logged: a sender can cause any number of them."""
        kind = (row["conn_id"], type(error), getattr(error, "status", None))
        if kind not in self._logged_kinds:
            self._logged_kinds.add(kind)
            log.warning(
                "Damstra webhooks: cannot verify %s yet: %s. It is retried, like others with this error, "
                "which are not logged; airflow damstra inbox list shows them.",
                outcomes.describe(row),
                _describe_error(error),
            )

    def _open_breaker(self, conn_id: str, error: Exception) -> str:
        """Open the circuit breaker of a connection, and return the error as a reason."""
        reason = _describe_error(error)
        if self._breakers[conn_id].record_failure(reason):
            log.warning("Damstra webhooks: events of connection %r are waiting. %s", conn_id, reason)
        return reason


def _describe_error(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


class InboxWorker:
    """Process the inbox until it is cancelled. Any number of workers may run, in any number of processes.

    :param config: options of the receiver.
    """

    def __init__(self, config: ReceiverConfig) -> None:
        self._retention = timedelta(days=config.inbox_retention)
        self._database = AsyncThreadPool(DATABASE_THREADS, thread_name_prefix="damstra-worker")
        self._secrets = AsyncThreadPool(SECRETS_THREADS, thread_name_prefix="damstra-secrets")
        self._processor = EventProcessor(config, database=self._database, secrets=self._secrets)
        self._wake_up = asyncio.Event()
        self._in_progress = 0
        self._logged_problem = ""

    def wake(self) -> None:
        """Claim events without waiting for the poll interval."""
        self._wake_up.set()

    async def run(self) -> None:
        """Claim and process events, and purge expired ones, until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._purge_expired())
                while True:
                    self._wake_up.clear()
                    await self._claim_due_events(tasks)
                    with suppress(TimeoutError):
                        async with asyncio.timeout(POLL_INTERVAL.total_seconds()):
                            await self._wake_up.wait()
        finally:
            for pool in (self._database, self._secrets):
                pool.shutdown(wait=False, cancel_futures=True)

    async def _claim_due_events(self, tasks: asyncio.TaskGroup) -> None:
        """Claim as many events as there is room for, and start a task for those of each connection."""
        if not (room := MAX_EVENTS_IN_PROGRESS - self._in_progress):
            return
        try:
            rows = await self._database.run(inbox.claim, limit=room, lease=LEASE)
        except Exception as error:
            self._log_once(str(error))
            return
        self._log_once("")
        batches: dict[str, list[InboxRow]] = defaultdict(list)
        for row in rows:
            batches[row["conn_id"]].append(row)
        for conn_id, batch in batches.items():
            self._in_progress += len(batch)
            tasks.create_task(self._run_batch(conn_id, batch))

    async def _run_batch(self, conn_id: str, rows: list[InboxRow]) -> None:
        """Process events of one connection; what is not settled is claimed again when the lease expires."""
        try:
            await self._process_batch(conn_id, rows)
        except Exception:
            log.exception(
                "Damstra webhooks: processing events of connection %r failed; they are retried.", conn_id
            )
        finally:
            self._in_progress -= len(rows)
            self._wake_up.set()

    async def _process_batch(self, conn_id: str, rows: list[InboxRow]) -> None:
        try:
            async with asyncio.timeout(BATCH_TIMEOUT_SECONDS):
                await self._processor.process(conn_id, rows)
        except TimeoutError:
            problem = "Damstra webhooks: processing events of connection %r took too long; they are retried."
            log.warning(problem, conn_id)
            await self._record_timeouts(rows)
        except InboxUnavailableError as error:
            self._log_once(str(error))
            await self._release(rows, str(error))

    async def _record_timeouts(self, rows: list[InboxRow]) -> None:
        """Count a timeout as a failed attempt of the events that are not settled."""
        reason = (
            f"it took longer than {BATCH_TIMEOUT_SECONDS:.0f} s to read the connection, verify the event and "
            "store its outcome: check whether the secrets backend, Damstra and the database respond in time"
        )
        with suppress(InboxUnavailableError, TimeoutError):
            async with asyncio.timeout(RECORD_TIMEOUT_SECONDS):
                for row in rows:
                    await self._database.run(outcomes.retry_later, row, reason)

    async def _release(self, rows: list[InboxRow], reason: str) -> None:
        """Make events that are not settled due again soon, if the database is available again."""
        until = datetime.now(UTC) + POLL_INTERVAL
        with suppress(InboxUnavailableError):
            for row in rows:
                await self._database.run(inbox.release, row, until=until, reason=reason)

    async def _purge_expired(self) -> None:
        """Report the number of waiting events and delete expired ones, periodically."""
        while True:
            try:
                gauge_waiting_events(await self._database.run(inbox.count_waiting))
                for _ in range(MAX_PURGE_BATCHES):
                    if not await self._database.run(inbox.purge_expired, retention=self._retention):
                        break
            except Exception as error:
                self._log_once(str(error))
            # With jitter, so that processes do not purge at the same time.
            await asyncio.sleep(PURGE_INTERVAL.total_seconds() * random.uniform(0.5, 1.5))  # noqa: S311 (no secret)

    def _log_once(self, problem: str) -> None:
        """Log a problem of the database when it differs from the last one; an empty string is no problem."""
        if problem and problem != self._logged_problem:
            log.error("Damstra webhooks: events are waiting. %s", problem)
        self._logged_problem = problem

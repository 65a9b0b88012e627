"""What every waiting trigger has in common: look, sleep, keep the deadline, bear a few failures."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_damstra.errors import DamstraError, is_final
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.waits.base import Verdict, Wait, look_in_loop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_damstra.clients.asynchronous import AsyncClient

LONGEST_PAUSE = 600.0
"""Seconds between two looks at most, when they fail one after the other."""


class DamstraTrigger(BaseTrigger):
    """Looks until its wait is over, and says how it ended. It only reads.

    :param damstra_conn_id: id of the Airflow connection.
    :param poll_interval: seconds between two looks.
    :param deadline: when to give up, in seconds since the epoch: an ``execution_timeout`` does not reach a
        deferred task.
    :param max_poll_failures: looks that may fail in a row.
    """

    def __init__(
        self, *, damstra_conn_id: str, poll_interval: float, deadline: float, max_poll_failures: int = 10
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.damstra_conn_id = damstra_conn_id
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.max_poll_failures = max_poll_failures

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of this base class, for a subclass's ``serialize``."""
        return {
            "damstra_conn_id": self.damstra_conn_id,
            "poll_interval": self.poll_interval,
            "deadline": self.deadline,
            "max_poll_failures": self.max_poll_failures,
        }

    def wait(self) -> Wait:
        """Return what is waited for: what a subclass is for."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it waits for")

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event, when the wait is over, has failed, or its time is up."""
        try:
            async with asyncio.timeout(self.deadline - time.time()):
                event = await self._until_over()
        except TimeoutError:
            event = {"status": "timeout"}
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    async def _until_over(self) -> dict[str, Any]:
        wait, failures = self.wait(), 0
        async with DamstraHook(damstra_conn_id=self.damstra_conn_id).async_client() as client:
            while True:
                outcome = await self._look(client, wait)
                if isinstance(outcome, Verdict) and outcome.is_over:
                    return _event(outcome)
                failures = failures + 1 if isinstance(outcome, DamstraError) else 0
                if isinstance(outcome, DamstraError) and failures > self.max_poll_failures:
                    return {
                        "status": "unreachable",
                        "message": f"{failures} looks failed in a row: {outcome}",
                    }
                await asyncio.sleep(min(self.poll_interval * 2**failures, LONGEST_PAUSE))

    async def _look(self, client: AsyncClient, wait: Wait) -> Verdict | DamstraError:
        try:
            verdict = await look_in_loop(client, wait)
        except DamstraError as error:
            if is_final(error):
                return Verdict(is_over=True, failure=str(error))
            self.log.warning("%s", error)
            return error
        self.log.info("%s", verdict.progress)
        return verdict


def _event(verdict: Verdict) -> dict[str, Any]:
    if verdict.failure:
        return {"status": "failed", "message": verdict.failure}
    return {"status": "success", "result": verdict.result}

"""Tries of a task in processes of their own, which are killed at a request."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass
from itertools import count
from multiprocessing import get_context
from threading import Lock
from typing import TYPE_CHECKING, Any

import aiohttp
from requests.adapters import HTTPAdapter

from airflow_provider_damstra.transfers.training_status import DamstraTrainingStatusOperator
from tests.operators.task_runner import Outcome, run

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

# Its server imports Airflow once and forks a process in which nothing else runs.
_PROCESSES = get_context("forkserver")
_PROCESSES.set_forkserver_preload([__name__])
_ENVIRONMENT = ("AIRFLOW_CONN_DAMSTRA_DEFAULT", "AIRFLOW__DAMSTRA__RECEIVER_URL")
_TIMEOUT = 120


@dataclass(frozen=True, kw_only=True)
class Kill:
    """The request at which a try is killed.

    :param request: number of the request, from 1.
    :param is_answered: whether the server has answered it.
    """

    request: int
    is_answered: bool


class FileStore(dict[str, Any]):
    """A task state store that survives its process."""

    def __init__(self, path: Path) -> None:
        super().__init__(json.loads(path.read_text()) if path.exists() else {})
        self._path = path

    def set(self, key: str, value: Any) -> None:
        """Store a value."""
        self[key] = value
        self._save()

    def delete(self, key: str) -> None:
        """Delete a value."""
        self.pop(key, None)
        self._save()

    def _save(self) -> None:
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(self))
        new.replace(self._path)


def run_try(arguments: dict[str, Any], *, store: Path, run_after: datetime, try_number: int = 1) -> Outcome:
    """Run one try in this process."""
    operator = DamstraTrainingStatusOperator(task_id="status", **arguments)
    return run(
        operator,
        run_after=run_after,
        run_id=f"scheduled__{run_after.isoformat()}",
        try_number=try_number,
        max_tries=1,
        task_state_store=FileStore(store),
    )


def run_killed_try(arguments: dict[str, Any], *, store: Path, run_after: datetime, kill: Kill) -> bool:
    """Run the first try in a process that is killed at a request; return whether there was that one."""
    options = {"store": store, "run_after": run_after}
    environment = {name: os.environ[name] for name in _ENVIRONMENT}
    process = _PROCESSES.Process(target=_run_until_killed, args=(environment, arguments, options, kill))
    process.start()
    process.join(_TIMEOUT)
    assert process.exitcode in (0, -signal.SIGKILL), f"the try ended with {process.exitcode}"
    return process.exitcode != 0


def _run_until_killed(
    environment: dict[str, str], arguments: dict[str, Any], options: dict[str, Any], kill: Kill
) -> None:
    """Run a try that kills its own process: the target of the process."""
    os.environ.update(environment)
    numbers, lock = count(1), Lock()
    send, request = HTTPAdapter.send, aiohttp.ClientSession._request

    def is_last() -> bool:
        with lock:
            return next(numbers) == kill.request

    def send_and_kill(*args: Any, **kwargs: Any) -> Any:
        is_killed = is_last()
        _kill_if(is_killed and not kill.is_answered)
        response = send(*args, **kwargs)
        _kill_if(is_killed)
        return response

    async def request_and_kill(*args: Any, **kwargs: Any) -> Any:
        is_killed = is_last()
        _kill_if(is_killed and not kill.is_answered)
        response = await request(*args, **kwargs)
        _kill_if(is_killed)
        return response

    HTTPAdapter.send = send_and_kill  # type: ignore[method-assign]
    aiohttp.ClientSession._request = request_and_kill  # type: ignore[method-assign]
    run_try(arguments, **options)


def _kill_if(condition: bool) -> None:
    if condition:
        os.kill(os.getpid(), signal.SIGKILL)

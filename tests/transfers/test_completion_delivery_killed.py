"""A delivery whose process is killed: the retry sends what has no receipt, with the same key."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.exports.completions.delivery import ReceiptState
from airflow_provider_damstra.storage import TaskTry
from airflow_provider_damstra.transfers.receipts import ReceiptFolder
from tests.operators.task_runner import run
from tests.transfers.completion_step import FAILED_TEST, PASSED, delivery
from tests.transfers.delivery_process import running_delivery
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.transfers.endpoint_server import EndpointServer

IDS = [FAILED_TEST, PASSED, 30019]


def arguments_for(folder: Path) -> dict[str, Any]:
    return {
        "receipt_path": str(folder / "receipts"),
        "http_conn_id": "hr",
        "lesson_schedule_ids": IDS,
        "max_concurrency": 1,
    }


def connections(emulator: DamstraEmulator, hr: EndpointServer) -> dict[str, str]:
    return {"damstra_default": emulator.connection_json, "hr": hr.connection_json()}


def check_retry(hr: EndpointServer, folder: Path) -> None:
    """Check that a retry sends the completion without receipt again and the third one for the first time."""
    retry = run(delivery(folder, **arguments_for(folder)), run_id="one", try_number=2)
    assert retry.value == {"delivered": 3, "skipped": 0, "failed": 0}
    assert hr.ids() == [FAILED_TEST, PASSED, PASSED, 30019]
    assert hr.requests[1].key == hr.requests[2].key
    assert len({request.key for request in hr.requests}) == 3
    later = run(delivery(folder, **arguments_for(folder)), run_id="two").value
    assert later == {"delivered": 0, "skipped": 3, "failed": 0}


def test_death_between_response_and_receipt_sends_once_more_with_the_same_key(
    hr: EndpointServer, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    with running_delivery(
        connections(damstra_emulator, hr), dies_before_receipt=PASSED, **arguments_for(tmp_path)
    ) as process:
        wait_until(lambda: process.exitcode is not None, "the process has died")
    assert process.exitcode == -signal.SIGKILL
    assert len(list((tmp_path / "receipts").iterdir())) == 1
    check_retry(hr, tmp_path)


def test_death_before_response_sends_once_more_with_the_same_key(
    hr: EndpointServer, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    def respond(_: object) -> int:
        hr.gate.clear()  # the next request gets no response
        return 200

    hr.respond = respond
    with running_delivery(connections(damstra_emulator, hr), **arguments_for(tmp_path)) as process:
        wait_until(lambda: len(hr.requests) == 2, "the second completion is sent")
        process.kill()
        wait_until(lambda: process.exitcode is not None, "the process has died")
    hr.respond = lambda _: 200
    hr.gate.set()
    assert len(list((tmp_path / "receipts").iterdir())) == 1
    check_retry(hr, tmp_path)


def test_tasks_may_write_the_same_receipts_concurrently(tmp_path: Path) -> None:
    def write(task: int) -> None:
        folder = open_folder(task)
        for schedule_id in range(100):
            folder.add(schedule_id, status=200)

    def open_folder(task: int) -> ReceiptFolder:
        address = {"base_url": "https://damstra.example", "target": "https://hr.example"}
        return ReceiptFolder(str(tmp_path / "new" / "receipts"), task_try=TaskTry(task=str(task)), **address)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert {open_folder(9).state(one) for one in range(100)} == {ReceiptState.OTHER}
    assert len(list((tmp_path / "new" / "receipts").iterdir())) == 100

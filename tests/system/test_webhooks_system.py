"""Webhooks with a real Airflow on PostgreSQL: a burst, an outage of the database, secrets in logs."""

from __future__ import annotations

import threading
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_damstra.webhooks.auth import generate_token
from demo.waiting import wait_until
from tests.postgresql import running_postgresql
from tests.system.dag_runs import TIMEOUT, files_containing
from tests.system.large_emulator import CONN_ID
from tests.system.webhook_environment import BURSTS, Delivery, WebhookAirflow, settings_updated_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.postgresql import PostgreSQL
    from tests.system.large_emulator import LargeEmulator

pytestmark = pytest.mark.system

EVENTS = 1000
EVENTS_PER_CONNECTION = EVENTS // len(BURSTS)
DAG_FILE = Path(__file__).parent / "dags" / "damstra_webhooks.py"
NOT_STARTED: dict[str, Any] = {"start_date": None}
DAGS = ("on_completion", "on_completion_of_user", "on_burst")


@pytest.fixture(scope="module")
def database() -> Iterator[PostgreSQL]:
    """Run a PostgreSQL that keeps committed data when it is stopped immediately."""
    with running_postgresql(settings=("shared_buffers=64MB",)) as server:
        yield server


@pytest.fixture(scope="module")
def airflow(
    tmp_path_factory: pytest.TempPathFactory, emulator: LargeEmulator, database: PostgreSQL
) -> Iterator[WebhookAirflow]:
    """Run an Airflow that receives webhooks."""
    root = tmp_path_factory.mktemp("webhooks")
    dags = root / "dags"
    dags.mkdir()
    (dags / DAG_FILE.name).symlink_to(DAG_FILE)
    airflow = WebhookAirflow(root=root, dags=dags, emulator=emulator, postgresql=database)
    try:
        airflow.start()
        airflow.wait_until_ready(DAGS)
        yield airflow
    finally:
        airflow.stop()


def inbox(database: PostgreSQL, *, prefix: str) -> Counter[tuple[str, str]]:
    """Return the number of events in the inbox, by connection and state."""
    with database.connected() as connection:
        rows = connection.execute(
            "SELECT conn_id, state, count(*) FROM damstra_webhook_inbox WHERE conn_id LIKE %s GROUP BY 1, 2",
            [prefix + "%"],
        )
        return Counter({(conn_id, state): count for conn_id, state, count in rows})


def asset_events(database: PostgreSQL) -> Counter[tuple[str, str]]:
    """Return the number of asset events for each event of the bursts, by connection and event time."""
    with database.connected() as connection:
        rows = connection.execute(
            "SELECT split_part(uri, '/', 3), asset_event.extra->'unverified'->>'time_stamp'"
            " FROM asset_event JOIN asset ON asset.id = asset_event.asset_id WHERE uri LIKE %s",
            ["damstra://damstra_burst%"],
        )
        return Counter(tuple(row) for row in rows)


def consumed_events(database: PostgreSQL) -> Counter[int]:
    """Return the number of DAG runs started by each asset event."""
    with database.connected() as connection:
        rows = connection.execute(
            "SELECT event_id FROM dagrun_asset_event JOIN dag_run ON dag_run.id = dag_run_id"
            " WHERE dag_id = 'on_burst'"
        )
        return Counter(row[0] for row in rows)


def runs(airflow: WebhookAirflow, dag_id: str) -> list[dict[str, Any]]:
    """Return the runs of a DAG."""
    dag_runs: list[dict[str, Any]] = airflow.api.get(f"/dags/{dag_id}/dagRuns", limit=100)["dag_runs"]
    return dag_runs


def test_completion_starts_one_run_of_each_dag(airflow: WebhookAirflow, emulator: LargeEmulator) -> None:
    url = airflow.url + airflow.webhook_path(CONN_ID)
    emulator.api.control("POST", "/webhooks", {"url": url, "event": "lesson.schedule.completed"})
    user = emulator.users(140, 1)[0]
    schedule = emulator.schedule(user)
    completed_at = time.time()
    emulator.complete([schedule])
    wait_until(
        lambda: all(
            run["start_date"] for dag_id in DAGS[:2] for run in runs(airflow, dag_id) or [NOT_STARTED]
        ),
        description="the DAG runs",
        timeout=TIMEOUT,
    )
    for dag_id in DAGS[:2]:
        (run,) = runs(airflow, dag_id)
        assert run["run_type"] == "asset_triggered"
        seconds = datetime.fromisoformat(run["start_date"]).timestamp() - completed_at
        print(f"\nfrom a completion to a run of {dag_id}: {seconds:.2f} s")
    (partitioned,) = runs(airflow, "on_completion_of_user")
    assert partitioned["partition_key"] == str(user)


@pytest.fixture(scope="module")
def burst(airflow: WebhookAirflow, emulator: LargeEmulator) -> dict[str, list[Delivery]]:
    """Deliver a thousand events over eight connections concurrently, every tenth of them twice."""
    bodies = settings_updated_events(emulator.users(0, 100), EVENTS_PER_CONNECTION)
    bursts = {conn_id: [*bodies, *bodies[::10]] for conn_id in BURSTS}
    started_at = time.monotonic()
    deliveries = airflow.deliver_concurrently(bursts, tries=20)
    seconds = time.monotonic() - started_at
    times = sorted(one.seconds for batch in deliveries.values() for one in batch)
    print(
        f"\n{len(times)} deliveries over {len(BURSTS)} connections in {seconds:.1f} s; response times"
        f" {1000 * times[len(times) // 2]:.0f} ms (p50),"
        f" {1000 * times[int(len(times) * 0.99)]:.0f} ms (p99), {1000 * times[-1]:.0f} ms (longest)"
    )
    return deliveries


def test_burst_loses_and_repeats_no_event(burst: dict[str, list[Delivery]], database: PostgreSQL) -> None:
    statuses = Counter(one.status for batch in burst.values() for one in batch)
    print(f"\nresponse statuses of the burst: {dict(statuses)}")
    assert set(statuses) <= {200, 503}
    assert statuses[200] == EVENTS + len(BURSTS) * len(range(0, EVENTS_PER_CONNECTION, 10))
    expected = Counter({(conn_id, "confirmed"): EVENTS_PER_CONNECTION for conn_id in BURSTS})
    started_at = time.monotonic()
    wait_until(
        lambda: inbox(database, prefix="damstra_burst") == expected,
        description="all events to be confirmed",
        timeout=TIMEOUT,
    )
    print(f"\nconfirmed within another {time.monotonic() - started_at:.1f} s")
    updates = asset_events(database)
    assert (len(updates), set(updates.values())) == (EVENTS, {1})


def test_each_event_of_burst_starts_one_dag_run(
    burst: dict[str, list[Delivery]], database: PostgreSQL
) -> None:
    assert burst
    wait_until(lambda: len(consumed_events(database)) >= EVENTS, description="the DAG runs", timeout=TIMEOUT)
    assert set(consumed_events(database).values()) == {1}


INVALID_REQUESTS: dict[str, Callable[[WebhookAirflow], str]] = {
    "wrong token": lambda airflow: airflow.webhook_path(CONN_ID, generate_token()),
    "token of another connection": lambda airflow: airflow.webhook_path(CONN_ID, airflow.tokens[BURSTS[0]]),
    "connection without receiver": lambda airflow: "/damstra/webhooks/other/" + generate_token(),
    "unknown path": lambda airflow: "/damstra/webhook/" + CONN_ID,
}


@pytest.mark.parametrize("request_kind", INVALID_REQUESTS)
def test_invalid_request_is_404_and_stores_nothing(
    request_kind: str, airflow: WebhookAirflow, database: PostgreSQL
) -> None:
    before = inbox(database, prefix="")
    response = requests.post(
        airflow.url + INVALID_REQUESTS[request_kind](airflow), json={"name": "x"}, timeout=10
    )
    assert (response.status_code, response.json()) == (404, {"detail": "Not Found"})
    assert inbox(database, prefix="") == before


def test_outage_of_database_loses_no_accepted_event(
    airflow: WebhookAirflow, emulator: LargeEmulator, database: PostgreSQL
) -> None:
    bodies = settings_updated_events(emulator.users(0, 100), EVENTS_PER_CONNECTION, start=EVENTS)
    stopping = threading.Timer(0.3, database.stop)
    starting = threading.Timer(4.0, database.start)
    stopping.start()
    starting.start()
    deliveries = airflow.deliver_concurrently(dict.fromkeys(BURSTS, bodies), tries=60)
    stopping.join()
    starting.join()
    statuses = Counter(one.status for batch in deliveries.values() for one in batch)
    print(f"\nresponse statuses during the outage of the database: {dict(statuses)}")
    assert statuses[503] > 0, "the burst ended before the database stopped"
    assert set(statuses) == {200, 503}
    assert {one.retry_after for batch in deliveries.values() for one in batch if one.status == 503} == {"30"}
    assert statuses[200] == EVENTS
    expected = Counter({(conn_id, "confirmed"): 2 * EVENTS_PER_CONNECTION for conn_id in BURSTS})
    wait_until(
        lambda: inbox(database, prefix="damstra_burst") == expected,
        description="all events to be confirmed",
        timeout=TIMEOUT,
    )
    updates = asset_events(database)
    assert (len(updates), set(updates.values())) == (2 * EVENTS, {1})
    airflow.processes["api-server"].check()


def test_tokens_are_in_no_file_of_airflow(airflow: WebhookAirflow, burst: dict[str, list[Delivery]]) -> None:
    assert burst
    log = airflow.processes["api-server"].log.read_text()
    assert f"/damstra/webhooks/{BURSTS[0]}/***" in log
    files = {token: files_containing(token, airflow) for token in airflow.tokens.values()}
    assert set(map(tuple, files.values())) == {()}

"""Webhooks with a real Airflow on PostgreSQL: a burst, an absence of the database, what is left in logs."""

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
from tests.system.academy import CONNECTION
from tests.system.evidence import PATIENCE, files_that_hold
from tests.system.webhook_airflow import BURSTS, Sent, WebhookAirflow, updates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.postgresql import PostgreSQL
    from tests.system.academy import Academy

pytestmark = pytest.mark.system

EVENTS = 1000
EACH = EVENTS // len(BURSTS)
DAG_FILE = Path(__file__).parent / "dags" / "damstra_webhooks.py"
NO_RUN: dict[str, Any] = {"start_date": None}
DAGS = ("on_completion", "on_completion_of_a_person", "on_burst")


@pytest.fixture(scope="module")
def database() -> Iterator[PostgreSQL]:
    """Run a PostgreSQL that loses nothing, not even when it is stopped at once."""
    with running_postgresql(settings=("shared_buffers=64MB",)) as server:
        yield server


@pytest.fixture(scope="module")
def airflow(
    tmp_path_factory: pytest.TempPathFactory, academy: Academy, database: PostgreSQL
) -> Iterator[WebhookAirflow]:
    """Run an Airflow that receives webhooks."""
    root = tmp_path_factory.mktemp("webhooks")
    dags = root / "dags"
    dags.mkdir()
    (dags / DAG_FILE.name).symlink_to(DAG_FILE)
    airflow = WebhookAirflow(root=root, dags=dags, academy=academy, postgresql=database)
    try:
        airflow.start()
        airflow.wait_until_ready(DAGS[0])
        wait_until(lambda: all(map(airflow.api.has_dag, DAGS)), what="the DAGs", seconds=PATIENCE)
        yield airflow
    finally:
        airflow.stop()


def inbox(database: PostgreSQL, *, prefix: str) -> Counter[tuple[str, str]]:
    """Return how many events of connections are kept, by connection and state."""
    with database.connected() as connection:
        rows = connection.execute(
            "SELECT conn_id, state, count(*) FROM damstra_webhook_inbox WHERE conn_id LIKE %s GROUP BY 1, 2",
            [prefix + "%"],
        )
        return Counter({(conn_id, state): count for conn_id, state, count in rows})


def asset_events(database: PostgreSQL) -> Counter[tuple[str, str]]:
    """Return how often each event of the bursts updated an asset: the connection and the event's time."""
    with database.connected() as connection:
        rows = connection.execute(
            "SELECT split_part(uri, '/', 3), asset_event.extra->'payload'->>'time_stamp'"
            " FROM asset_event JOIN asset ON asset.id = asset_event.asset_id WHERE uri LIKE %s",
            ["damstra://damstra_burst%"],
        )
        return Counter(tuple(row) for row in rows)


def consumed_events(database: PostgreSQL) -> Counter[int]:
    """Return how many runs of the DAG were started by each asset event."""
    with database.connected() as connection:
        rows = connection.execute(
            "SELECT event_id FROM dagrun_asset_event JOIN dag_run ON dag_run.id = dag_run_id"
            " WHERE dag_id = 'on_burst'"
        )
        return Counter(row[0] for row in rows)


def runs(airflow: WebhookAirflow, dag_id: str) -> list[dict[str, Any]]:
    """Return the runs of a DAG."""
    found: list[dict[str, Any]] = airflow.api.get(f"/dags/{dag_id}/dagRuns", limit=100)["dag_runs"]
    return found


@pytest.fixture(scope="module")
def seconds_to_run(airflow: WebhookAirflow, academy: Academy) -> dict[str, float]:
    """Let a trainee complete a lesson, and return how long after it each DAG's run started."""
    address = airflow.url + airflow.address(CONNECTION)
    academy.api.control("POST", "/webhooks", {"url": address, "event": "lesson.schedule.completed"})
    user = academy.users(140, 1)[0]
    schedule = academy.schedule(user)
    completed = time.time()
    academy.complete([schedule])
    wait_until(
        lambda: all(run["start_date"] for dag_id in DAGS[:2] for run in runs(airflow, dag_id) or [NO_RUN]),
        what="the DAG runs",
        seconds=PATIENCE,
    )
    seconds = {}
    for dag_id in DAGS[:2]:
        (run,) = runs(airflow, dag_id)
        seconds[dag_id] = datetime.fromisoformat(run["start_date"]).timestamp() - completed
        print(f"\nfrom a completion to a run of {dag_id}: {seconds[dag_id]:.2f} s")
    (keyed,) = runs(airflow, "on_completion_of_a_person")
    assert keyed["partition_key"] == str(user)
    return seconds


def test_a_completion_starts_dags_at_once(seconds_to_run: dict[str, float]) -> None:
    assert max(seconds_to_run.values()) < 15


@pytest.fixture(scope="module")
def burst(airflow: WebhookAirflow, academy: Academy) -> dict[str, list[Sent]]:
    """Deliver a thousand events at once over eight connections, and every tenth of them again."""
    bodies = updates(academy.users(0, 100), EACH)
    bursts = {conn_id: [*bodies, *bodies[::10]] for conn_id in BURSTS}
    began = time.monotonic()
    sent = airflow.send_all(bursts, tries=20)
    seconds = time.monotonic() - began
    times = sorted(one.seconds for its in sent.values() for one in its)
    print(
        f"\n{len(times)} deliveries over {len(BURSTS)} connections in {seconds:.1f} s; answered after"
        f" {1000 * times[len(times) // 2]:.0f} ms (p50),"
        f" {1000 * times[int(len(times) * 0.99)]:.0f} ms (p99), {1000 * times[-1]:.0f} ms (longest)"
    )
    return sent


def test_of_a_burst_none_is_lost_and_none_doubled(burst: dict[str, list[Sent]], database: PostgreSQL) -> None:
    statuses = Counter(one.status for its in burst.values() for one in its)
    print(f"\nanswers to the burst: {dict(statuses)}")
    assert set(statuses) <= {200, 503}
    assert statuses[200] == EVENTS + len(BURSTS) * len(range(0, EACH, 10))
    everything = Counter({(conn_id, "confirmed"): EACH for conn_id in BURSTS})
    began = time.monotonic()
    wait_until(
        lambda: inbox(database, prefix="damstra_burst") == everything, what="them all", seconds=PATIENCE
    )
    print(f"\nconfirmed within another {time.monotonic() - began:.1f} s")
    found = asset_events(database)
    assert (len(found), set(found.values())) == (EVENTS, {1})


def test_each_event_of_a_burst_is_in_one_dag_run(burst: dict[str, list[Sent]], database: PostgreSQL) -> None:
    assert burst
    wait_until(lambda: len(consumed_events(database)) >= EVENTS, what="the DAG runs", seconds=PATIENCE)
    assert set(consumed_events(database).values()) == {1}


ATTACKS: dict[str, Callable[[WebhookAirflow], str]] = {
    "a wrong token": lambda airflow: airflow.address(CONNECTION, generate_token()),
    "another connection's token": lambda airflow: airflow.address(CONNECTION, airflow.tokens[BURSTS[0]]),
    "a connection that is not received": lambda airflow: "/damstra/webhooks/other/" + generate_token(),
    "an unknown path": lambda airflow: "/damstra/webhook/" + CONNECTION,
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_stranger_finds_nothing(attack: str, airflow: WebhookAirflow, database: PostgreSQL) -> None:
    before = inbox(database, prefix="")
    answer = requests.post(airflow.url + ATTACKS[attack](airflow), json={"name": "x"}, timeout=10)
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})
    assert inbox(database, prefix="") == before


def test_what_was_accepted_before_the_database_stopped_is_there(
    airflow: WebhookAirflow, academy: Academy, database: PostgreSQL
) -> None:
    bodies = updates(academy.users(0, 100), EACH, start=EVENTS)
    stopping = threading.Timer(0.3, database.stop)
    starting = threading.Timer(4.0, database.start)
    stopping.start()
    starting.start()
    sent = airflow.send_all(dict.fromkeys(BURSTS, bodies), tries=60)
    stopping.join()
    starting.join()
    statuses = Counter(one.status for its in sent.values() for one in its)
    print(f"\nanswers while the database stopped and started again: {dict(statuses)}")
    assert statuses[503] > 0, "the burst was over before the database stopped"
    assert set(statuses) == {200, 503}
    assert {one.retry_after for its in sent.values() for one in its if one.status == 503} == {"30"}
    assert statuses[200] == EVENTS
    everything = Counter({(conn_id, "confirmed"): 2 * EACH for conn_id in BURSTS})
    wait_until(
        lambda: inbox(database, prefix="damstra_burst") == everything, what="them all", seconds=PATIENCE
    )
    found = asset_events(database)
    assert (len(found), set(found.values())) == (2 * EVENTS, {1})
    airflow.processes["api-server"].check()


def test_no_token_is_in_a_file_of_airflow(airflow: WebhookAirflow, burst: dict[str, list[Sent]]) -> None:
    assert burst
    log = airflow.processes["api-server"].log.read_text()
    assert f"/damstra/webhooks/{BURSTS[0]}/***" in log
    held = {token: files_that_hold(token, airflow) for token in airflow.tokens.values()}
    assert set(map(tuple, held.values())) == {()}

"""Timing attack over HTTP: send 10,000 requests of each kind, and compare how long the 404 responses take."""

from __future__ import annotations

import http.client
import json
import math
import os
import random
import statistics
import sys
import time
from typing import TYPE_CHECKING

from airflow_provider_damstra.webhooks.auth import generate_token
from benchmarks.serving import serving

if TYPE_CHECKING:
    from collections.abc import Callable

REQUESTS = 10_000
WARM_UP = 200
CONN_ID = "damstra_default"
BODY = json.dumps({"name": "lesson.schedule.completed"})


def main(requests: int) -> None:
    """Print the response times of each kind, and how well they can be distinguished from a wrong token's."""
    token = generate_token()
    os.environ |= {
        "AIRFLOW__DAMSTRA__WEBHOOKS_ENABLED": "True",
        f"AIRFLOW_CONN_{CONN_ID.upper()}": json.dumps(
            {"conn_type": "damstra", "password": "none", "extra": {"webhook_token": token}}
        ),
    }
    kinds: dict[str, Callable[[], tuple[str, str]]] = {
        "a wrong token": lambda: (CONN_ID, generate_token()),
        "the token except its last character": lambda: (CONN_ID, token[:-1] + "~"),
        "another connection, the token": lambda: ("other", token),
        "another connection, wrong token": lambda: ("other", generate_token()),
    }
    with serving("benchmarks.webhooks.server", "none") as port:
        times: dict[str, list[float]] = {kind: [] for kind in kinds}
        for number in range(requests + WARM_UP):
            for kind in random.sample(list(kinds), len(kinds)):
                seconds = _measure(port, *kinds[kind]())
                if number >= WARM_UP:
                    times[kind].append(seconds)
    wrong = times["a wrong token"]
    print(f"\n{'':36}{'p50':>10}{'p99':>10}   distinguished from a wrong token")
    for kind, seconds_of_kind in times.items():
        p50, p99 = statistics.median(seconds_of_kind), statistics.quantiles(seconds_of_kind, n=100)[98]
        print(
            f"{kind:36}{1e6 * p50:7.0f} us{1e6 * p99:7.0f} us   {_describe_guesses(seconds_of_kind, wrong)}"
        )


def _measure(port: int, conn_id: str, token: str) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.connect()
    start = time.perf_counter()
    path = f"/damstra/webhooks/{conn_id}/{token}"
    connection.request("POST", path, BODY, {"Content-Type": "application/json"})
    response = connection.getresponse()
    seconds = time.perf_counter() - start
    if response.status != 404:
        raise RuntimeError(f"unexpected status {response.status}")
    connection.close()
    return seconds


def _describe_guesses(sample: list[float], reference: list[float]) -> str:
    """Return how often a guess by response time is correct, and its significance (rank-sum test)."""
    if sample is reference:
        return ""
    merged = sorted([(value, True) for value in sample] + [(value, False) for value in reference])
    ranks = sum(rank for rank, (_, is_sample) in enumerate(merged, 1) if is_sample)
    m, n = len(sample), len(reference)
    wins = (ranks - m * (m + 1) / 2) / (m * n)
    z = (wins - 0.5) / math.sqrt((m + n + 1) / (12 * m * n))
    return f"{100 * wins:.1f} % of guesses correct (chance: 50 %), z = {z:+.1f}"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else REQUESTS)

"""Tries tokens over the wire, 10,000 of each kind, and compares how long the 404s took: ``make bench``."""

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

TRIES = 10_000
CONN_ID = "damstra_default"
BODY = json.dumps({"name": "lesson.schedule.completed"})


def main(tries: int) -> None:
    """Print the times of each kind, and how far their ranks are from those of a wrong token."""
    right = generate_token()
    os.environ |= {
        "AIRFLOW__DAMSTRA__WEBHOOKS_ENABLED": "True",
        f"AIRFLOW_CONN_{CONN_ID.upper()}": json.dumps(
            {"conn_type": "damstra", "password": "none", "extra": {"webhook_token": right}}
        ),
    }
    kinds: dict[str, Callable[[], tuple[str, str]]] = {
        "a wrong token": lambda: (CONN_ID, generate_token()),
        "all but its last character right": lambda: (CONN_ID, right[:-1] + "~"),
        "another connection, right token": lambda: ("other", right),
        "another connection, wrong token": lambda: ("other", generate_token()),
    }
    with serving("benchmarks.webhooks.server", "none") as port:
        times: dict[str, list[float]] = {kind: [] for kind in kinds}
        for number in range(tries + 200):
            for kind in random.sample(list(kinds), len(kinds)):
                conn_id, token = kinds[kind]()
                seconds = _try(port, conn_id, token)
                if number >= 200:  # the first are slow
                    times[kind].append(seconds)
    wrong = times["a wrong token"]
    print(f"\n{'':36}{'p50':>10}{'p99':>10}   told from a wrong one")
    for kind, its in times.items():
        p50, p99 = statistics.median(its), statistics.quantiles(its, n=100)[98]
        print(f"{kind:36}{1e6 * p50:7.0f} us{1e6 * p99:7.0f} us   {_told_apart(its, wrong)}")


def _try(port: int, conn_id: str, token: str) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.connect()
    began = time.perf_counter()
    path = f"/damstra/webhooks/{conn_id}/{token}"
    connection.request("POST", path, BODY, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    seconds = time.perf_counter() - began
    if answer.status != 404:
        raise RuntimeError(f"answered {answer.status}")
    connection.close()
    return seconds


def _told_apart(some: list[float], others: list[float]) -> str:
    """Return how likely a guess by time is right, and whether that is more than chance (rank-sum test)."""
    if some is others:
        return ""
    both = sorted([(value, True) for value in some] + [(value, False) for value in others])
    ranks = sum(rank for rank, (_, is_one) in enumerate(both, 1) if is_one)
    m, n = len(some), len(others)
    wins = (ranks - m * (m + 1) / 2) / (m * n)
    z = (wins - 0.5) / math.sqrt((m + n + 1) / (12 * m * n))
    return f"{100 * wins:.1f} % of guesses right (chance: 50 %), z = {z:+.1f}"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else TRIES)

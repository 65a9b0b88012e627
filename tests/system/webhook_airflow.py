"""An Airflow for webhooks: on PostgreSQL, with two workers of its API server, and eight connections."""

from __future__ import annotations

import http.client
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_damstra.webhooks.auth import generate_token
from demo.airflow_instance import AirflowInstance
from tests.postgresql import HOST, USER
from tests.system.academy import CONNECTION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tests.postgresql import PostgreSQL
    from tests.system.academy import Academy


BURSTS = [f"damstra_burst_{number}" for number in range(8)]


@dataclass(frozen=True)
class Sent:
    """A delivery, and how it was answered."""

    body: str
    status: int
    seconds: float
    retry_after: str | None = None


class WebhookAirflow(AirflowInstance):
    """Airflow with connections that all lead to one emulator, each with a token of its own.

    :param root: folder for its home and logs
    :param dags: the DAGs folder
    """

    def __init__(self, *, root: Path, dags: Path, academy: Academy, postgresql: PostgreSQL) -> None:
        self.tokens = {conn_id: generate_token() for conn_id in (CONNECTION, *BURSTS)}
        (found,) = academy.connection.values()
        fields = json.loads(found)
        connections = {
            f"AIRFLOW_CONN_{conn_id.upper()}": json.dumps(
                {**fields, "extra": {**fields["extra"], "webhook_token": token}}
            )
            for conn_id, token in self.tokens.items()
        }
        super().__init__(root=root, dags=dags, environment=connections | self._settings(postgresql))

    def _settings(self, postgresql: PostgreSQL) -> dict[str, str]:
        where = f"{USER}:{postgresql.password}@{HOST}:{postgresql.port}/postgres"
        return {
            "AIRFLOW__API__WORKERS": "2",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{where}",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+asyncpg://{where}",
            "AIRFLOW__DAMSTRA__WEBHOOK_CONN_IDS": ",".join(self.tokens),
            "AIRFLOW__DAMSTRA__VERIFY_PATIENCE": "3",
        }

    def address(self, conn_id: str, token: str | None = None) -> str:
        """Return the path of a connection's webhook."""
        return f"/damstra/webhooks/{conn_id}/{self.tokens[conn_id] if token is None else token}"

    def send(self, conn_id: str, bodies: Iterable[str], *, tries: int = 1, pause: float = 0.2) -> list[Sent]:
        """Deliver events over one connection that is kept, one after the other, each until it is accepted."""
        where = urlsplit(self.url).netloc
        sent = []
        connection = http.client.HTTPConnection(where, timeout=30)
        for body in bodies:
            for left in reversed(range(tries)):
                sent.append(_deliver(connection, self.address(conn_id), body))
                if sent[-1].status == 200 or not left:
                    break
                threading.Event().wait(pause)
        connection.close()
        return sent

    def send_all(self, bursts: Mapping[str, list[str]], **how: Any) -> dict[str, list[Sent]]:
        """Deliver the events of several connections at the same time."""
        with ThreadPoolExecutor(len(bursts)) as threads:
            under_way = {
                conn_id: threads.submit(self.send, conn_id, bodies, **how)
                for conn_id, bodies in bursts.items()
            }
            return {conn_id: one.result() for conn_id, one in under_way.items()}


def updates(users: list[int], count: int, *, start: int = 0) -> list[str]:
    """Return the bodies of events that are so and differ from each other: settings of users were updated."""
    now = datetime.now(UTC)
    return [
        json.dumps(
            {
                "name": "user.settings.updated",
                "userId": str(users[number % len(users)]),
                "actingUserId": str(users[0]),
                "timeStamp": (now - timedelta(milliseconds=start + number)).isoformat(),
            }
        )
        for number in range(count)
    ]


def _deliver(connection: http.client.HTTPConnection, path: str, body: str) -> Sent:
    began = time.monotonic()
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
    except (http.client.HTTPException, OSError):
        connection.close()
        return Sent(body, 0, time.monotonic() - began)
    return Sent(body, answer.status, time.monotonic() - began, answer.headers["Retry-After"])

"""An Airflow that receives webhooks: on PostgreSQL, with two API server workers and eight connections."""

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
from tests.system.dag_runs import TIMEOUT
from tests.system.large_emulator import CONN_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tests.postgresql import PostgreSQL
    from tests.system.large_emulator import LargeEmulator


BURSTS = [f"damstra_burst_{number}" for number in range(8)]


@dataclass(frozen=True)
class Delivery:
    """A delivered event and its response."""

    body: str
    status: int
    seconds: float
    retry_after: str | None = None


class WebhookAirflow(AirflowInstance):
    """Airflow with several connections to one emulator, each with its own token.

    :param root: folder for its home and logs.
    :param dags: the DAGs folder.
    """

    def __init__(self, *, root: Path, dags: Path, emulator: LargeEmulator, postgresql: PostgreSQL) -> None:
        self.tokens = {conn_id: generate_token() for conn_id in (CONN_ID, *BURSTS)}
        (connection,) = emulator.connection.values()
        fields = json.loads(connection)
        connections = {
            f"AIRFLOW_CONN_{conn_id.upper()}": json.dumps(
                {**fields, "extra": {**fields["extra"], "webhook_token": token}}
            )
            for conn_id, token in self.tokens.items()
        }
        super().__init__(root=root, dags=dags, environment=connections | self._settings(postgresql))

    def _settings(self, postgresql: PostgreSQL) -> dict[str, str]:
        address = f"{USER}:{postgresql.password}@{HOST}:{postgresql.port}/postgres"
        return {
            "AIRFLOW__API__WORKERS": "2",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{address}",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+asyncpg://{address}",
            "AIRFLOW__DAMSTRA__WEBHOOK_CONN_IDS": ",".join(self.tokens),
            "AIRFLOW__DAMSTRA__VERIFY_PATIENCE": "3",
        }

    def webhook_path(self, conn_id: str, token: str | None = None) -> str:
        """Return the path of a connection's webhook URL."""
        return f"/damstra/webhooks/{conn_id}/{self.tokens[conn_id] if token is None else token}"

    def deliver(
        self, conn_id: str, bodies: Iterable[str], *, tries: int = 1, pause: float = 0.2
    ) -> list[Delivery]:
        """Deliver events one after the other over one HTTP connection, each until it is accepted."""
        address = urlsplit(self.url).netloc
        deliveries = []
        # Longer than Airflow blocks a process of the API server when it prepares its execution API.
        connection = http.client.HTTPConnection(address, timeout=TIMEOUT)
        for body in bodies:
            for tries_left in reversed(range(tries)):
                deliveries.append(_deliver(connection, self.webhook_path(conn_id), body))
                if deliveries[-1].status == 200 or not tries_left:
                    break
                threading.Event().wait(pause)
        connection.close()
        return deliveries

    def deliver_concurrently(
        self, bursts: Mapping[str, list[str]], **options: Any
    ) -> dict[str, list[Delivery]]:
        """Deliver the events of several connections concurrently."""
        with ThreadPoolExecutor(len(bursts)) as threads:
            futures = {
                conn_id: threads.submit(self.deliver, conn_id, bodies, **options)
                for conn_id, bodies in bursts.items()
            }
            return {conn_id: future.result() for conn_id, future in futures.items()}


def settings_updated_events(users: list[int], count: int, *, start: int = 0) -> list[str]:
    """Return the bodies of distinct, valid events: settings of users were updated."""
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


def _deliver(connection: http.client.HTTPConnection, path: str, body: str) -> Delivery:
    started = time.monotonic()
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.read()
    except (http.client.HTTPException, OSError):
        connection.close()
        return Delivery(body, 0, time.monotonic() - started)
    return Delivery(body, response.status, time.monotonic() - started, response.headers["Retry-After"])

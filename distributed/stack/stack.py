"""The whole stack: PostgreSQL, Redis, emulator, proxy and Airflow, started and stopped together."""

from __future__ import annotations

import json
import secrets
from contextlib import ExitStack
from typing import TYPE_CHECKING

from demo.emulator_instance import EmulatorInstance
from demo.processes import server_port
from distributed.faults.proxy import Proxy
from distributed.load.metadata import Metadata
from distributed.load.watched_lessons import WatchedLessons
from distributed.stack.airflow import API_SERVER, CeleryAirflow
from distributed.stack.redis import RedisServer
from distributed.stack.supervisor import Supervisor

if TYPE_CHECKING:
    from pathlib import Path

    from demo.processes import ManagedProcess
    from tests.postgresql import PostgreSQL

CONN_ID = "damstra_default"
WAREHOUSE_CONN_ID = "warehouse"
WAREHOUSE = "warehouse"
EMULATOR = "emulator"
REDIS = "redis"
# A commit survives the death of the server's processes; it need not survive that of the machine.
POSTGRESQL_SETTINGS = (
    "fsync=off",
    "full_page_writes=off",
    "shared_buffers=128MB",
    "max_connections=300",
    "jit=off",
)


class Stack:
    """A stack.

    ``versions`` has the versions of its servers, and ``watched`` the lessons whose events are counted.

    :param root: folder for all files but PostgreSQL's.
    """

    def __init__(self, *, root: Path, dags: Path, postgresql: PostgreSQL) -> None:
        self.root = root
        self.postgresql = postgresql
        self.metadata = Metadata(postgresql)
        self.warehouse = Metadata(postgresql, database=WAREHOUSE)
        self.redis = RedisServer(root / "redis")
        self.store_file = root / "emulator.db"
        self.emulator = EmulatorInstance(
            root=root, options=("--db", str(self.store_file)), port=server_port()
        )
        self.proxy = Proxy(upstream=self.emulator.url)
        self.visitor_password = f"{secrets.token_urlsafe(12)}aA1"
        self.airflow = CeleryAirflow(
            root=root,
            dags=dags,
            postgresql=postgresql,
            redis=self.redis,
            environment={"AIRFLOW__DAMSTRA__WEBHOOK_CONN_IDS": CONN_ID},
        )
        self.supervisor = Supervisor(self.processes)
        self.versions: dict[str, str] = {}

    @property
    def processes(self) -> dict[str, ManagedProcess]:
        """Return all processes but PostgreSQL by name."""
        return {
            REDIS: self.redis.process,
            EMULATOR: self.emulator.process,
            **self.airflow.processes,
        }

    def start(self, dag_ids: list[str]) -> None:
        """Start all processes, add the connections, and wait until the DAGs can run."""
        self.redis.start()
        self.emulator.process.start()
        self.emulator.wait_until_ready()
        self.watched = WatchedLessons(self.emulator, subscribe=self._subscribe)
        self.proxy.start()
        self.airflow.start()
        self.airflow.wait_until_ready(dag_ids)
        self._add_connections()
        self._subscribe()
        (row,) = self.metadata.fetch("SHOW server_version")
        self.versions = {"PostgreSQL": row[0].split()[0], "Redis": self.redis.version()}
        self.supervisor.start()

    def stop(self) -> None:
        """Stop all processes, also if one of them cannot be stopped."""
        with ExitStack() as stack:
            stack.callback(self.redis.process.kill)
            stack.callback(self.emulator.stop)
            stack.callback(self.proxy.stop)
            stack.callback(self.airflow.stop)
            stack.callback(self.supervisor.stop)

    @property
    def secrets(self) -> dict[str, str]:
        """Return all secrets of the stack by name."""
        environment = self.airflow.processes[API_SERVER].env
        return {
            "access key": self.emulator.access_key,
            "webhook token": self.emulator.webhook_token,
            "password of a user": self.visitor_password,
            "password of PostgreSQL": self.postgresql.password,
            "password of Redis": self.redis.password,
            "Fernet key": environment["AIRFLOW__CORE__FERNET_KEY"],
            "JWT secret": environment["AIRFLOW__API_AUTH__JWT_SECRET"],
        }

    def damstra_connection(self) -> dict[str, str]:
        """Return the fields of Airflow's connection to the emulator, through the proxy."""
        return {
            "conn_type": "damstra",
            "host": self.proxy.url,
            "password": self.emulator.access_key,
            "extra": json.dumps(self.emulator.extra),
        }

    def restart_emulator(self) -> None:
        """Kill the emulator and start it again; its store is kept, its journal and faults are not."""
        with self.supervisor.lock:
            self.emulator.process.kill()
            self.emulator.process.start()
            self.emulator.wait_until_ready()

    def restart_redis(self) -> None:
        """Kill Redis and start it again with its data."""
        with self.supervisor.lock:
            self.redis.process.kill()
            self.redis.start()

    def restart_postgresql(self) -> None:
        """Stop PostgreSQL, which closes all connections, and start it again with its data."""
        self.postgresql.stop()
        self.postgresql.start()

    def _subscribe(self) -> None:
        """Subscribe the receiver, once."""
        self.emulator.api.control("DELETE", "/webhooks")
        self.emulator.subscribe(self.airflow.url)

    def _add_connections(self) -> None:
        with self.postgresql.connected() as server:
            server.execute(f"CREATE DATABASE {WAREHOUSE}".encode())
        self.airflow.api.post("/connections", {"connection_id": CONN_ID, **self.damstra_connection()})
        fields = self.postgresql.connection_fields(WAREHOUSE)
        self.airflow.api.post("/connections", {"connection_id": WAREHOUSE_CONN_ID, **fields})
        self.airflow.api.post("/variables", {"key": "visitor_password", "value": self.visitor_password})

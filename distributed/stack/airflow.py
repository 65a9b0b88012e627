"""Airflow on Celery: two workers, two schedulers, two triggerers, and an API server with two processes."""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING

from demo.airflow_instance import AirflowInstance
from demo.processes import server_port
from tests.postgresql import HOST, USER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from distributed.stack.redis import RedisServer
    from tests.postgresql import PostgreSQL

WORKERS = ("worker-1", "worker-2")
TRIGGERERS = ("triggerer-1", "triggerer-2")
SCHEDULERS = ("scheduler-1", "scheduler-2")
API_SERVER = "api-server"
DAG_PROCESSOR = "dag-processor"
WORKER_SLOTS = 4
"""Tasks that a worker runs at a time."""

API_PROCESSES = 2

# Airflow's defaults detect a killed component within 30 s to 10 min: too long for a test of many kills.
SHORT_INTERVALS = {
    "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "20",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "25",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "SCHEDULER__TASK_QUEUED_TIMEOUT": "60",
    "SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "10",
    # A mapped task of a large cohort waits for a slot for longer than the timeout: that is not a failure.
    "SCHEDULER__NUM_STUCK_IN_QUEUED_RETRIES": "1000",
    "SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "2",
    "TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
}


class CeleryAirflow(AirflowInstance):
    """Airflow with CeleryExecutor on PostgreSQL and Redis.

    :param root: folder for Airflow's home and the logs of its processes.
    :param dags: the DAGs folder.
    :param environment: further environment variables of every process.
    """

    startup_timeout = 300.0

    def __init__(
        self,
        *,
        root: Path,
        dags: Path,
        postgresql: PostgreSQL,
        redis: RedisServer,
        environment: Mapping[str, str],
    ) -> None:
        super().__init__(
            root=root,
            dags=dags,
            environment=_settings(postgresql, redis) | dict(environment),
            components=_components(root),
            port=server_port(),
        )


def _components(root: Path) -> dict[str, tuple[str, ...]]:
    """Return the arguments of the ``airflow`` command of each component."""
    return {
        API_SERVER: ("api-server", "--workers", str(API_PROCESSES)),
        DAG_PROCESSOR: ("dag-processor",),
        **dict.fromkeys(SCHEDULERS, ("scheduler", "--skip-serve-logs")),
        **dict.fromkeys(TRIGGERERS, ("triggerer", "--skip-serve-logs")),
        **{name: _worker(name, root) for name in WORKERS},
    }


def _worker(name: str, root: Path) -> tuple[str, ...]:
    options = (
        "--concurrency",
        str(WORKER_SLOTS),
        "--skip-serve-logs",
        "--without-gossip",
        "--without-mingle",
    )
    return ("celery", "worker", *options, "--celery-hostname", name, "--pid", str(root / f"{name}.pid"))


def _settings(postgresql: PostgreSQL, redis: RedisServer) -> dict[str, str]:
    address = f"{USER}:{postgresql.password}@{HOST}:{postgresql.port}/postgres"
    settings = {
        "CELERY__BROKER_URL": redis.url,
        "CELERY__RESULT_BACKEND": f"db+postgresql://{address}",
        "CELERY__WORKER_PREFETCH_MULTIPLIER": "1",
        "CORE__EXECUTOR": "CeleryExecutor",
        "CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "CORE__MAX_ACTIVE_TASKS_PER_DAG": "64",
        # More than the workers' slots: the executor counts tasks of a killed worker until they time out.
        "CORE__PARALLELISM": "32",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
        "DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{address}",
        "DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+asyncpg://{address}",
        # The machine's cores are for the tasks.
        "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "5",
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "1",
        "TRIGGERER__CAPACITY": "1000",
        **SHORT_INTERVALS,
    }
    return {f"AIRFLOW__{name}": value for name, value in settings.items()}

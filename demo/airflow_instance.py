"""A local Airflow: four processes, SQLite, no login, bound to the loopback interface."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from demo.airflow_api import AirflowApi
from demo.processes import ManagedProcess, free_port, stop_all
from demo.waiting import DemoError, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

STARTUP_TIMEOUT = 120.0
LOOPBACK = "127.0.0.1"
COMPONENTS: Mapping[str, tuple[str, ...]] = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "triggerer": ("triggerer", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
}
BUNDLE = "dags-folder"
USER_BUNDLE = "user-dags"


class AirflowInstance:
    """Airflow's API server, scheduler, triggerer and DAG processor, with their own AIRFLOW_HOME.

    :param root: folder for Airflow's home and the logs of its processes.
    :param dags: the DAGs folder; an error in it fails the start.
    :param user_dags: folder of further DAGs; Airflow's UI shows the errors in it.
    :param environment: environment variables of every process, such as ``AIRFLOW_CONN_...``.
    :param port: the port of the API server; by default a free one.
    :param components: arguments of the ``airflow`` command of each process.
    """

    startup_timeout = STARTUP_TIMEOUT
    """Seconds until every component is healthy."""

    def __init__(
        self,
        *,
        root: Path,
        dags: Path,
        environment: Mapping[str, str],
        user_dags: Path | None = None,
        port: int | None = None,
        components: Mapping[str, tuple[str, ...]] = COMPONENTS,
    ) -> None:
        self.home = root / "airflow"
        self.logs = root / "logs"
        self.url = f"http://{LOOPBACK}:{port or free_port()}"
        self.api = AirflowApi(self.url)
        self._environment = (
            _environment(home=self.home, dags=dags, url=self.url)
            | _dag_bundles({BUNDLE: dags} | ({USER_BUNDLE: user_dags} if user_dags else {}))
            | dict(environment)
        )
        self.processes = {name: self._airflow(name, arguments) for name, arguments in components.items()}

    def start(self) -> None:
        """Create the database and start the four processes, without waiting until they are ready."""
        self.home.mkdir(parents=True, exist_ok=True)
        self._airflow("db-migrate", ("db", "migrate")).run(timeout=STARTUP_TIMEOUT)
        for process in self.processes.values():
            process.start()

    def wait_until_ready(self, dag_ids: Iterable[str]) -> None:
        """Wait until every component is healthy and the DAGs are parsed."""
        wait_until(self._is_healthy, description=f"Airflow at {self.url}", timeout=self.startup_timeout)
        self.api.log_in()
        for dag_id in dag_ids:
            has_dag = partial(self._has_dag, dag_id)
            wait_until(has_dag, description=f"the DAG {dag_id}", timeout=self.startup_timeout)

    def command(self, *arguments: str) -> str:
        """Run an ``airflow`` command and return its standard output.

        :raises DemoError: with the output, if it fails.
        """
        process = subprocess.run(  # noqa: S603 - constant arguments
            [sys.executable, "-m", "airflow", *arguments],
            env=self._environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
            timeout=STARTUP_TIMEOUT,
        )
        if process.returncode != 0:
            raise DemoError(f"airflow {' '.join(arguments)} failed:\n{process.stdout}{process.stderr}")
        return process.stdout

    def stop(self) -> None:
        """Stop the four processes and their children."""
        stop_all(self.processes.values())

    def check(self) -> None:
        """Raise ProcessDiedError unless all four processes are running."""
        for process in self.processes.values():
            process.check()

    def _is_healthy(self) -> bool:
        self.check()
        return self.api.is_healthy()

    def _has_dag(self, dag_id: str) -> bool:
        self.check()
        if errors := self.api.import_errors(BUNDLE):
            raise DemoError("Airflow cannot import a DAG file.\n" + "\n".join(errors))
        return self.api.has_dag(dag_id)

    def _airflow(self, name: str, arguments: tuple[str, ...]) -> ManagedProcess:
        return ManagedProcess(
            name,
            [sys.executable, "-m", "airflow", *arguments],
            env=self._environment,
            cwd=self.home,
            log=self.logs / f"{name}.log",
        )


def _dag_bundles(folders: Mapping[str, Path]) -> dict[str, str]:
    """Return the setting that loads DAGs from folders, by the name of the bundle."""
    classpath = "airflow.dag_processing.bundles.local.LocalDagBundle"
    bundles = [
        {"name": name, "classpath": classpath, "kwargs": {"path": str(folder)}}
        for name, folder in folders.items()
    ]
    return {"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles)}


def _environment(*, home: Path, dags: Path, url: str) -> dict[str, str]:
    """Return the environment of an Airflow that is independent of any other on this machine."""
    # Without compiled files every task would compile this package again, which takes seconds.
    excluded = ("AIRFLOW_", "PYTHONDONTWRITEBYTECODE")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(excluded)}
    path = os.pathsep.join([str(Path(sys.executable).parent), inherited.get("PATH", os.defpath)])
    settings = {
        # the generated default is shorter than the signature algorithm requires
        "API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
        "API__BASE_URL": url,
        "API__HOST": LOOPBACK,
        "API__PORT": url.rpartition(":")[2],
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__DAGS_FOLDER": str(dags),
        "CORE__EXECUTOR": "LocalExecutor",
        # the default queries a name server
        "CORE__HOSTNAME_CALLABLE": "socket.gethostname",
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__PARALLELISM": "8",
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "CORE__TEST_CONNECTION": "Enabled",
        "DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "DAMSTRA__WEBHOOKS_ENABLED": "True",
        "LOGGING__COLORED_CONSOLE_LOG": "False",
        "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
    }
    return (
        inherited
        | {f"AIRFLOW__{name}": value for name, value in settings.items()}
        | {
            "AIRFLOW_HOME": str(home),
            "NO_PROXY": f"{LOOPBACK},localhost",
            "PATH": path,
            "PYTHONUNBUFFERED": "1",
        }
    )

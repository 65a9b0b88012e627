"""Fixtures shared by all tests: no proxies, Airflow, PostgreSQL, object storage, Chromium."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.version_compat import get_base_airflow_version_tuple
from airflow.sdk.io.store import attach
from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]

from tests.example_dags.airflow_process import AirflowProcess
from tests.postgresql import PostgreSQL, running_postgresql
from tests.ui.browsing import TIMEOUT_MILLISECONDS, find_chromium

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser


DESELECTED = pytest.StashKey[int]()
"""Number of tests that need a newer Airflow than the installed one."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Run the acceptance tests beside the other long tests with ``--dist loadgroup``."""
    if config.getvalue("dist") != "loadgroup":
        return None
    from tests.scheduling import AcceptanceScheduling

    return AcceptanceScheduling(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect tests that need a newer Airflow."""
    deselected = {item for item in items if _needed_airflow(item) > get_base_airflow_version_tuple()}
    config.hook.pytest_deselected(items=deselected)
    items[:] = [item for item in items if item not in deselected]
    config.stash[DESELECTED] = len(deselected)
    getattr(config, "workeroutput", {})["deselected"] = len(deselected)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add the count of a pytest-xdist worker, which does not report it itself."""
    node.config.stash[DESELECTED] = getattr(node, "workeroutput", {}).get("deselected", 0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Report the number of deselected tests."""
    if count := config.stash.get(DESELECTED, 0):
        version = ".".join(map(str, get_base_airflow_version_tuple()))
        terminalreporter.write_line(f"Deselected: {count} tests that need a newer Airflow than {version}.")


def _needed_airflow(item: pytest.Item) -> tuple[int, ...]:
    """Return the highest version of a test's markers ``needs_airflow("3.3")``, as a tuple."""
    versions = (mark.args[0].split(".") for mark in item.iter_markers("needs_airflow"))
    return max((tuple(map(int, version)) for version in versions), default=())


@pytest.fixture(autouse=True)
def _isolate_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def _airflow_processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[AirflowProcess]]:
    processes: list[AirflowProcess] = []
    yield processes
    for process in processes:
        process.stop()


@pytest.fixture
def airflow(
    _airflow_processes: list[AirflowProcess], tmp_path_factory: pytest.TempPathFactory
) -> AirflowProcess:
    """Return the Airflow of all tests, or a new one after a DAG run that timed out."""
    if not any(process.is_alive for process in _airflow_processes):
        _airflow_processes.append(AirflowProcess(tmp_path_factory.mktemp("airflow")))
    return _airflow_processes[-1]


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """Run one PostgreSQL for all tests of a process. A test that stops it must start it again."""
    with running_postgresql() as server:
        yield server


@pytest.fixture
def database(postgresql: PostgreSQL) -> Iterator[str]:
    """Create an empty database for a test and return its name."""
    with postgresql.new_database() as name:
        yield name


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Run a Chromium for one module: while it runs, the process can run no asynchronous test and no other."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=TIMEOUT_MILLISECONDS)
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=find_chromium(playwright.chromium)) as browser,
    ):
        yield browser


class ObjectStorage(MemoryFileSystem):  # type: ignore[misc]
    """An in-memory file system with the semantics of object storage: atomic writes, no append."""

    def _open(self, path: str, mode: str = "rb", **kwargs: Any) -> Any:
        assert mode in ("rb", "wb"), f"object storage cannot open a file to {mode}"
        return super()._open(path, mode=mode, **kwargs)


@pytest.fixture
def lake() -> Iterator[str]:
    """Return the URL of an empty folder on object storage."""
    attach("memory", fs=ObjectStorage())
    yield "memory://bucket/folder"
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]

"""What tests start from, without this machine's certificates and proxies; databases and a lake for some."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.version_compat import get_base_airflow_version_tuple
from airflow.sdk.io.store import attach
from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]

from tests.postgresql import PostgreSQL, running_postgresql

if TYPE_CHECKING:
    from collections.abc import Iterator


LACKING = pytest.StashKey[int]()
"""How many tests need a newer Airflow than is here; none does where ``make test`` runs."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what needs a newer Airflow."""
    lacking = {item for item in items if _needed_airflow(item) > get_base_airflow_version_tuple()}
    config.hook.pytest_deselected(items=lacking)
    items[:] = [item for item in items if item not in lacking]
    config.stash[LACKING] = len(lacking)
    getattr(config, "workeroutput", {})["lacking"] = len(lacking)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take the count of a process of pytest-xdist, which leaves it out of its own summary."""
    node.config.stash[LACKING] = getattr(node, "workeroutput", {}).get("lacking", 0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how many were deselected."""
    if count := config.stash.get(LACKING, 0):
        version = ".".join(map(str, get_base_airflow_version_tuple()))
        terminalreporter.write_line(f"Deselected: {count} tests that need a newer Airflow than {version}.")


def _needed_airflow(item: pytest.Item) -> tuple[int, ...]:
    """Return what the markers ``needs_airflow("3.3")`` of a test say, as a tuple."""
    versions = (mark.args[0].split(".") for mark in item.iter_markers("needs_airflow"))
    return max((tuple(map(int, version)) for version in versions), default=())


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """Run one PostgreSQL for all tests of a process. One that stops it starts it again, or runs its own."""
    with running_postgresql() as server:
        yield server


@pytest.fixture
def database(postgresql: PostgreSQL) -> Iterator[str]:
    """Return the name of an empty database, which is dropped after the test."""
    with postgresql.new_database() as name:
        yield name


class ObjectStorage(MemoryFileSystem):  # type: ignore[misc]
    """Files as object storage has them: a file is written at once or not at all, and nothing is appended."""

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

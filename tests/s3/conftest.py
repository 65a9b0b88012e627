"""Fixtures of the tests on S3: a server, an empty bucket, and Airflow connections to it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.operators.conftest import _no_retry_delay, api, connect
from tests.s3.server import REGION, S3Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["_no_retry_delay", "api", "connect"]


@pytest.fixture(scope="session")
def _server() -> Iterator[S3Server]:
    server = S3Server()
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()


@pytest.fixture
def s3(_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """Return the server with an empty bucket ``lake`` and credentials for it in the environment."""
    _server.reset()
    _server.create_bucket("lake")
    for name, value in {
        "AWS_ENDPOINT_URL": _server.url,
        "AWS_ACCESS_KEY_ID": "environment",
        "AWS_SECRET_ACCESS_KEY": "environment",
        "AWS_DEFAULT_REGION": REGION,
    }.items():
        monkeypatch.setenv(name, value)
    return _server


@pytest.fixture
def connection_to(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that creates an Airflow connection to the server."""

    def connect_as(conn_id: str, **fields: Any) -> None:
        extra = {"endpoint_url": s3.url, "region_name": REGION}
        whole = {"conn_type": "aws", "login": conn_id, "password": f"key of {conn_id}", "extra": extra}
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps({**whole, **fields}))

    return connect_as


@pytest.fixture(params=["s3://lake", "s3://lake_conn@lake"], ids=["environment", "connection"])
def bucket(request: pytest.FixtureRequest, connection_to: Callable[..., None]) -> str:
    """Return the URL of the bucket, with credentials from the environment and from a connection."""
    connection_to("lake_conn")
    url: str = request.param
    return url

"""The receiver in a separate process, with the inbox in a temporary SQLite file."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def create_api_server() -> FastAPI:
    """Return the receiver, mounted as Airflow mounts it."""
    from airflow import settings
    from sqlalchemy import create_engine

    from airflow_provider_damstra.webhooks.config import URL_PREFIX
    from airflow_provider_damstra.webhooks.database import metadata
    from airflow_provider_damstra.webhooks.receiver import create_app

    settings.engine = create_engine(f"sqlite:///{os.environ['AIRFLOW_HOME']}/inbox.db")
    metadata.create_all(settings.engine)
    receiver = create_app()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(receiver.router.lifespan_context(receiver))
            yield

    app = FastAPI(lifespan=lifespan)
    app.get("/stats")(lambda: {})
    app.mount(URL_PREFIX, receiver)
    return app


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        os.environ["AIRFLOW_HOME"] = home
        uvicorn.run(create_api_server(), port=int(sys.argv[2]), log_level="warning")

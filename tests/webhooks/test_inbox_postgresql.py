"""What of the inbox depends on the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow import settings
from sqlalchemy import URL, create_engine

from airflow_provider_damstra.webhooks import inbox
from airflow_provider_damstra.webhooks.database import metadata
from tests.webhooks.airflow_dags import COMPLETED
from tests.webhooks.serving import CONN_ID, DONE

if TYPE_CHECKING:
    import pytest

    from tests.postgresql import PostgreSQL


def test_postgresql_finds_what_a_webhook_brought_among_what_strangers_wrote(
    postgresql: PostgreSQL, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = postgresql.connection_fields(database)
    url = URL.create(
        "postgresql+psycopg", fields["login"], fields["password"], fields["host"], fields["port"], database
    )
    engine = create_engine(url)
    try:
        metadata.create_all(engine)
        monkeypatch.setattr(settings, "engine", engine)
        for number, schedule_id in enumerate(("a text", 2**62, None, DONE)):
            payload = {"name": COMPLETED, "lesson_schedule_id": schedule_id}
            inbox.keep(conn_id=CONN_ID, name=COMPLETED, digest=str(number), payload=payload, source="webhook")
        found = inbox.about_schedule(DONE, conn_id=CONN_ID, name=COMPLETED)
        assert found == [{"name": COMPLETED, "lesson_schedule_id": DONE}]
    finally:
        engine.dispose()

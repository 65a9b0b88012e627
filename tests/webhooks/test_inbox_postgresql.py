"""What of the inbox depends on the database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow import settings
from sqlalchemy import create_engine
from sqlalchemy.engine import URL

from airflow_provider_damstra.webhooks import inbox
from airflow_provider_damstra.webhooks.db.manager import MAX_NAME_LENGTH, metadata
from airflow_provider_damstra.webhooks.db.transactions import UnstorableEventError, transaction
from tests.webhooks.metadata_db import COMPLETED
from tests.webhooks.receiver_server import COMPLETED_ID, CONN_ID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgresql import PostgreSQL


pytestmark = pytest.mark.needs_airflow("3.1")  # and its SQLAlchemy, which knows this driver


@pytest.fixture(autouse=True)
def _metadata(postgresql: PostgreSQL, database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make a database with the inbox Airflow's, by a driver that leaves no parameter to chance."""
    fields = postgresql.connection_fields(database)
    url = URL.create(
        "postgresql+psycopg", fields["login"], fields["password"], fields["host"], fields["port"], database
    )
    engine = create_engine(url)
    metadata.create_all(engine)
    monkeypatch.setattr(settings, "engine", engine)
    yield
    engine.dispose()


def keep(payload: dict[str, Any], *, name: str = COMPLETED, dedup_key: str = "d") -> None:
    inbox.insert(conn_id=CONN_ID, name=name, dedup_key=dedup_key, payload=payload, source="webhook")


def test_what_a_webhook_brought_is_found_among_what_strangers_wrote() -> None:
    for number, schedule_id in enumerate(("a text", 2**62, None, COMPLETED_ID)):
        keep({"name": COMPLETED, "lesson_schedule_id": schedule_id}, dedup_key=str(number))
    found = inbox.find_by_schedule(COMPLETED_ID, conn_id=CONN_ID, name=COMPLETED)
    assert [row["payload"] for row in found] == [{"name": COMPLETED, "lesson_schedule_id": COMPLETED_ID}]


@pytest.mark.parametrize("name", ["x" * (MAX_NAME_LENGTH + 1), "a\0b"])
def test_what_no_row_can_hold_is_no_outage(name: str) -> None:
    with pytest.raises(UnstorableEventError, match="does not take it"):
        keep({}, name=name)
    keep({})


def test_a_reason_may_quote_whatever_a_server_answered() -> None:
    keep({})
    (row,) = inbox.claim(limit=1, lease=timedelta(0))
    inbox.release(row, until=datetime.now(UTC), reason="it said a\0b\ud800" + 50_000 * "x")
    (row,) = inbox.list_events()
    assert row["reason"].startswith("it said a\\0b\\ud800xx")
    with transaction() as connection:
        inbox.mark_processed(row, inbox.EventState.REFUSED, reason="\0", connection=connection)
    assert inbox.list_events()[0]["reason"] == "\\0"

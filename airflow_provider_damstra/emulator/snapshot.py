"""The state of an emulator as one JSON document: its data, ids and clock."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import AwareDatetime, BaseModel, ConfigDict

from airflow_provider_damstra.emulator import schema
from airflow_provider_damstra.emulator.clock import format_utc_milliseconds, validate_time

if TYPE_CHECKING:
    from airflow_provider_damstra.emulator.state import EmulatorState
    from airflow_provider_damstra.emulator.store import Store

Value = str | int | float | None


class Snapshot(BaseModel):
    """The state of an emulator.

    Webhooks are not part of it, because their URLs contain tokens; nor are faults and the journal.

    :param version: version of the store's tables.
    :param now: the time of the clock.
    :param tables: the rows of each table.
    :param last_ids: the highest id that each table has assigned.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    version: int
    now: AwareDatetime
    tables: dict[str, list[dict[str, Value]]]
    last_ids: dict[str, int]


def export_state(state: EmulatorState) -> Snapshot:
    """Return the state. No request is handled meanwhile, so it is consistent."""
    store = state.store
    ids = store.fetch_all("SELECT name, seq FROM sqlite_sequence")
    return Snapshot(
        version=schema.VERSION,
        now=datetime.fromisoformat(format_utc_milliseconds(state.clock.now())),
        tables={
            table: [dict(row) for row in store.fetch_all(f"SELECT * FROM {table}")]
            for table in reversed(schema.TABLES)
        },
        last_ids={row["name"]: row["seq"] for row in ids if row["name"] in schema.TABLES},
    )


def import_state(state: EmulatorState, snapshot: Snapshot) -> None:
    """Replace data, ids and clock. Webhooks, faults and the journal stay, and no event is sent.

    :raises ValueError: if the snapshot does not fit this version, or its rows contradict each other; nothing
        is changed then.
    """
    if snapshot.version != schema.VERSION:
        raise ValueError(
            f"the state has version {snapshot.version}, and this emulator needs {schema.VERSION}"
        )
    validate_time(snapshot.now)
    for names in (snapshot.tables, snapshot.last_ids):
        if unknown := sorted(names.keys() - set(schema.TABLES)):
            raise ValueError(f"the emulator has no table {', '.join(unknown)}")
    try:
        with state.store.transaction():
            state.store.clear()
            for table in reversed(schema.TABLES):
                rows = snapshot.tables.get(table, [])
                _check_columns(state.store, table, rows)
                state.store.insert_many(table, rows)
            for table, last_id in snapshot.last_ids.items():
                state.store.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", [last_id, table])
    except (sqlite3.Error, OverflowError) as error:
        raise ValueError(f"the rows of the state cannot be stored: {error}") from None
    state.clock.set(snapshot.now)
    state.save_clock()
    state.scenario.run_due()


def _check_columns(store: Store, table: str, rows: list[dict[str, Value]]) -> None:
    """Check that each row has exactly the columns of its table: their names become part of a statement.

    :raises ValueError: naming the first row that has others.
    """
    columns = {row["name"] for row in store.fetch_all(f"PRAGMA table_info({table})")}
    for number, row in enumerate(rows):
        if different := sorted(columns ^ row.keys()):
            raise ValueError(f"tables.{table}[{number}]: missing or unknown: {', '.join(different)}")

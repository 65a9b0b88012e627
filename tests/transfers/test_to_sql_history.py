"""The history of a table: versions with the times in which they were valid, on both databases."""

from __future__ import annotations

import json
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count, pairwise
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from airflow_provider_damstra.exports.resources import RESOURCES
from airflow_provider_damstra.exports.schema import format_timestamp
from airflow_provider_damstra.exports.sql import history, load
from airflow_provider_damstra.exports.sql.load import replace_all, upsert_batches
from airflow_provider_damstra.exports.sql.prepare import prepare_table
from airflow_provider_damstra.exports.sql.tables import ResourceTable
from airflow_provider_damstra.transfers.sql_engine import create_sql_engine
from airflow_provider_damstra.transfers.to_sql import DamstraToSqlOperator
from tests.operators.task_runner import fail_fast_message, run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Connection, Engine

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.transfers.databases import Database

START = datetime(2026, 1, 31, 23, 59, tzinfo=UTC)
DAY = timedelta(days=1)
TARGET = ResourceTable(RESOURCES["groups"], "groups", keeps_deleted=True, has_history=True)
replace = partial(replace_all, batch_size=2)
Version = tuple[int, str, int, int | None]


class Clock:
    """The time at which versions are written, in days after ``START``."""

    day = 0

    def now_in(self, connection: Connection) -> Any:
        """Return the time as a value of the database."""
        now = START + self.day * DAY
        return format_timestamp(now) if connection.dialect.name == "sqlite" else now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (history, load):
        monkeypatch.setattr(module, "now_in", clock.now_in)
    return clock


@pytest.fixture
def engine(warehouse: Database) -> Engine:
    return prepared()


def prepared(target: ResourceTable = TARGET) -> Engine:
    engine = create_sql_engine("warehouse")
    prepare_table(engine, target, add_columns=False, deletes=True)
    return engine


def rows_of(names: Mapping[int, str]) -> list[Any]:
    return [json.dumps({"id": number, "name": name}).encode() for number, name in names.items()]


def versions(warehouse: Database) -> list[Version]:
    """Return all versions: id, name, and the days from which on and until before which they are valid."""
    columns = "id, name, valid_from, valid_to"
    found = warehouse.execute(f"SELECT {columns} FROM groups_history ORDER BY id, valid_from")  # noqa: S608
    return [(number, name, day_of(start), day_of(end)) for number, name, start, end in found]


def day_of(time: Any) -> Any:
    parsed = datetime.fromisoformat(time) if isinstance(time, str) else time
    return parsed and (parsed - START) // DAY


def test_versions_follow_the_row(engine: Engine, warehouse: Database, clock: Clock) -> None:
    loads = [{1: "a", 2: "b"}, {1: "a", 2: "c"}, {1: "a"}, {1: "a"}, {1: "a", 2: "c"}, {1: "z", 2: "c"}]
    results = []
    for clock.day, names in enumerate(loads):
        result = replace(engine, TARGET, [rows_of(names)])
        results.append((result["history_inserted"], result["history_ended"]))
    assert results == [(2, 0), (1, 1), (0, 1), (0, 0), (1, 0), (1, 1)]
    assert versions(warehouse) == [
        *[(1, "a", 0, 5), (1, "z", 5, None)],
        *[(2, "b", 0, 1), (2, "c", 1, 2), (2, "c", 4, None)],
    ]


def test_upsert_ends_versions_of_changed_rows_only(engine: Engine, warehouse: Database, clock: Clock) -> None:
    for clock.day, names in enumerate([{1: "a", 2: "b", 3: "c"}, {2: "B"}, {4: "d"}]):
        upsert_batches(engine, TARGET, [rows_of(names)])
    assert versions(warehouse) == [
        *[(1, "a", 0, None), (2, "b", 0, 1), (2, "B", 1, None), (3, "c", 0, None), (4, "d", 2, None)]
    ]


def test_batches_without_rows_report_counts(engine: Engine, warehouse: Database) -> None:
    counts = dict.fromkeys(("rows", "inserted", "updated", "history_inserted", "history_ended"), 0)
    assert upsert_batches(engine, TARGET, []) == {**counts, "watermark": None}


@pytest.mark.parametrize("write", [upsert_batches, replace])
def test_row_read_twice_has_one_version(
    write: Callable[..., Any], engine: Engine, warehouse: Database, clock: Clock
) -> None:
    rows = [*rows_of({1: "a"}), *rows_of({1: "b"})]
    for clock.day in range(2):
        assert write(engine, TARGET, [rows])["history_inserted"] == 1 - clock.day
    assert versions(warehouse) == [(1, "b", 0, None)]


def test_any_load_can_be_queried_by_its_time(engine: Engine, warehouse: Database, clock: Clock) -> None:
    generator = random.Random(7)  # noqa: S311
    loads = [
        {number: generator.choice("ab") for number in range(9) if generator.random() < 0.7} for _ in range(30)
    ]
    for clock.day, names in enumerate(loads):
        replace(engine, TARGET, [rows_of(names)])
        if generator.random() < 0.3:
            replace(engine, TARGET, [rows_of(names)])
    for day, names in enumerate(loads):
        time = (START + day * DAY + DAY / 2).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        found = warehouse.execute(
            f"SELECT id, name FROM groups_history WHERE valid_from <= '{time}' "  # noqa: S608 (our time)
            f"AND (valid_to IS NULL OR valid_to > '{time}')"
        )
        assert len(found) == len(names)
        assert dict(found) == names
    assert_consistent(versions(warehouse))


def assert_consistent(found: list[Version]) -> None:
    """Check that the versions of a row neither overlap nor repeat each other."""
    for (one, name, start, end), (other, next_name, next_start, _) in pairwise(found):
        if one == other:
            assert end is not None
            assert start < end <= next_start
            assert end < next_start or name != next_name
    assert len(set(found)) == len(found)


def test_writer_with_an_earlier_time_leaves_later_versions_alone(
    engine: Engine, warehouse: Database, clock: Clock
) -> None:
    for clock.day, names in [(5, {1: "a", 2: "b"}), (6, {1: "a"})]:
        replace(engine, TARGET, [rows_of(names)])
    later = versions(warehouse)
    clock.day = 4
    replace(engine, TARGET, [rows_of({1: "x", 2: "y", 3: "z"})])
    assert versions(warehouse) == [*later, (3, "z", 4, None)]
    clock.day = 7
    replace(engine, TARGET, [rows_of({1: "x", 2: "y"})])
    assert versions(warehouse) == [
        *[(1, "a", 5, 7), (1, "x", 7, None), (2, "b", 5, 6), (2, "y", 7, None), (3, "z", 4, 7)]
    ]


class Killed(Exception):
    """End of the process, in its place."""


@pytest.mark.parametrize("write", [upsert_batches, replace])
def test_kill_at_any_statement_leaves_tables_that_agree(
    write: Callable[..., Any], engine: Engine, warehouse: Database, clock: Clock
) -> None:
    batches = [rows_of({1: "A", 2: "b"}), rows_of({3: "C", 5: "e"})]
    for clock.day, names in enumerate([{3: "c", 4: "d"}, {1: "a", 2: "b", 3: "c"}]):
        replace(engine, TARGET, [rows_of(names)])
    allowed: list[int] = [0]
    for name in ("before_cursor_execute", "commit"):
        event.listen(engine, name, lambda *_: kill_after(allowed))
    before, kills = both(warehouse), 0
    for clock.day in count(2):
        allowed[0] = clock.day - 2
        try:
            write(engine, TARGET, batches)
        except Killed:
            kills += 1
            table, present = both(warehouse)
            assert table == present
            assert write is upsert_batches or (table, present) == before
        else:
            break
    assert kills > 10
    assert both(warehouse)[0] == both(warehouse)[1]
    found = versions(warehouse)
    assert_consistent(found)
    assert [(one, name) for one, name, *_ in found] == [
        *[(1, "a"), (1, "A"), (2, "b"), (3, "c"), (3, "C"), (4, "d"), (5, "e")]
    ]
    allowed[0] = sys.maxsize
    assert write(engine, TARGET, batches)["history_inserted"] == 0


def kill_after(allowed: list[int]) -> None:
    allowed[0] -= 1
    if allowed[0] < 0:
        raise Killed


def both(warehouse: Database) -> tuple[list[Any], list[Any]]:
    """Return the rows that are not deleted, of the table and of the history."""
    table = warehouse.execute("SELECT id, name FROM groups WHERE deleted_at IS NULL ORDER BY id")
    present = warehouse.execute("SELECT id, name FROM groups_history WHERE valid_to IS NULL ORDER BY id")
    return table, present


def test_concurrent_loads_do_not_overlap(on_postgresql: Database) -> None:
    engine = prepared()

    def write(name: str) -> None:
        for number in range(5):
            upsert_batches(engine, TARGET, [rows_of(dict.fromkeys(range(50), f"{name}{number}"))])

    with ThreadPoolExecutor(3) as tasks:
        list(tasks.map(write, "abc"))
    columns = "id, name, valid_from, valid_to"
    found = on_postgresql.execute(f"SELECT {columns} FROM groups_history ORDER BY id, valid_from")  # noqa: S608
    assert_consistent(found)
    assert [row[:2] for row in found if row[3] is None] == on_postgresql.execute(
        "SELECT id, name FROM groups ORDER BY id"
    )


POINT_IN_TIME = (
    "SELECT id FROM groups_history WHERE valid_from <= '2026-02-01' "
    "AND (valid_to IS NULL OR valid_to > '2026-02-01')"
)


def test_query_for_a_point_in_time_uses_an_index(engine: Engine, warehouse: Database) -> None:
    with engine.connect() as connection:
        if warehouse.kind == "postgresql":
            # A sequential scan of an empty table would be cheaper.
            connection.exec_driver_sql("SET enable_seqscan = off")
        explain = "EXPLAIN" if warehouse.kind == "postgresql" else "EXPLAIN QUERY PLAN"
        plan = connection.exec_driver_sql(f"{explain} {POINT_IN_TIME}").all()
    assert "groups_history_valid" in str(plan)


def test_key_of_several_columns_and_quoted_names(
    damstra_emulator: DamstraEmulator, warehouse: Database
) -> None:
    names = {"table": 'Kim\'s "100%":group'}
    if warehouse.kind == "postgresql":
        warehouse.execute('CREATE SCHEMA "Kim\'s"')
        names["schema"] = "Kim's"
    arguments: dict[str, Any] = {"resource": "group_members", "sql_conn_id": "warehouse", **names}
    for write_mode in ("upsert", "replace"):
        task = DamstraToSqlOperator(
            task_id="to_sql", history=True, delete_mode="soft", write_mode=write_mode, **arguments
        )
        result = run(task).value
        assert result["history_inserted"] == (result["rows"] if write_mode == "upsert" else 0)
    prefix = '"Kim\'s".' if warehouse.kind == "postgresql" else ""
    [[found]] = warehouse.execute(
        f'SELECT count(*) FROM {prefix}"Kim\'s ""100%"":group_history" WHERE valid_to IS NULL'  # noqa: S608
    )
    assert found == result["rows"] > 0


def groups_task(**arguments: Any) -> DamstraToSqlOperator:
    given = {"resource": "groups", "sql_conn_id": "warehouse", "table": "groups", **arguments}
    return DamstraToSqlOperator(task_id="to_sql", history=True, **given)


def test_missing_column_of_history_is_reported_or_added(
    damstra_emulator: DamstraEmulator, warehouse: Database
) -> None:
    run(groups_task())
    for table in ("groups", "groups_history"):
        warehouse.execute(f"ALTER TABLE {table} DROP COLUMN description")
    damstra_emulator.clear_journal()
    warehouse.execute("ALTER TABLE groups ADD COLUMN description TEXT")
    assert fail_fast_message(groups_task()) == (
        "the table groups_history has no column description; add_missing_columns=True adds what is missing"
    )
    assert damstra_emulator.journal() == []
    result = run(groups_task(add_missing_columns=True)).value
    assert result["history_inserted"] == result["history_ended"] > 0


def test_history_of_other_origin_is_rejected(damstra_emulator: DamstraEmulator, warehouse: Database) -> None:
    warehouse.execute("CREATE TABLE groups_history (id BIGINT PRIMARY KEY, note TEXT)")
    message = fail_fast_message(groups_task(add_missing_columns=True))
    assert message.startswith("the table groups_history has no column name, ")
    assert "valid_from" in message
    assert damstra_emulator.journal() == []


def test_too_long_name_of_index_is_rejected(
    damstra_emulator: DamstraEmulator, on_postgresql: Database
) -> None:
    assert fail_fast_message(groups_task(table="x" * 50)).endswith(
        "is too long: this database allows 63 bytes"
    )


def test_database_without_upserts_rejects_history(
    damstra_emulator: DamstraEmulator, on_sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(load.INSERT_ON_CONFLICT, "sqlite")
    assert fail_fast_message(groups_task()) == "history=True needs postgresql, not sqlite"
    assert damstra_emulator.journal() == []


def test_retry_into_new_history_reads_all_parents(
    damstra_emulator: DamstraEmulator, on_sqlite: Database
) -> None:
    schedules = {"resource": "lesson_schedules", "table": "schedules", "parent_ids": [1012, 1014]}
    run(groups_task(**{**schedules, "batch_size": 1}))
    on_sqlite.execute("DROP TABLE schedules_history")
    result = run(groups_task(**schedules)).value
    assert result["history_inserted"] == result["rows"] > 0

"""Loading of unusual rows, and of many rows."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from airflow_provider_damstra.errors import DamstraResponseError
from airflow_provider_damstra.exports.reader import RowPage
from airflow_provider_damstra.exports.resources import RESOURCES
from airflow_provider_damstra.exports.sql.load import batches_of, replace_all, upsert_batches
from airflow_provider_damstra.exports.sql.prepare import prepare_table
from airflow_provider_damstra.exports.sql.tables import ResourceTable
from airflow_provider_damstra.transfers.sql_engine import create_sql_engine
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from airflow_provider_damstra.exports.reader import Rows
    from tests.transfers.databases import Database, PostgreSQLDatabase

TARGET = ResourceTable(RESOURCES["groups"], "groups")
replace_in_pairs = partial(replace_all, batch_size=2)
WRITE_MODES = pytest.mark.parametrize("write", [upsert_batches, replace_in_pairs])

TEXTS = [
    "",
    " ",
    "\\N",
    "\\",
    "\\\\u0000",
    "a\tb\nc\rd",
    'Kim\'s "Crew"; DROP TABLE groups; --',
    "%s {} :name $1 ?",
    "Zoë ジム 👷",
    "x" * 100_000,
]


def group(number: int, name: str | None = None, **members: Any) -> bytes:
    return json.dumps({"id": number, "name": name, **members}).encode()


@pytest.fixture
def engine(warehouse: Database) -> Engine:
    found = create_sql_engine("warehouse")
    prepare_table(found, TARGET, add_columns=False, deletes=True)
    return found


@WRITE_MODES
def test_text_round_trip(write: Any, engine: Engine, warehouse: Database) -> None:
    rows = [group(number, text, note=text, odd={text: [text]}) for number, text in enumerate(TEXTS)]
    assert write(engine, TARGET, [[*rows, group(len(TEXTS))]])["inserted"] == len(TEXTS) + 1
    found = warehouse.execute("SELECT name, other_members FROM groups ORDER BY id")
    assert [name for name, _ in found] == [*TEXTS, None]
    others = [json.loads(other) if isinstance(other, str) else other for _, other in found]
    assert others == [*({"note": text, "odd": {text: [text]}} for text in TEXTS), None]


def test_nul_is_replaced_on_postgresql(on_postgresql: Database) -> None:
    engine = create_sql_engine("warehouse")
    prepare_table(engine, TARGET, add_columns=False, deletes=False)
    upsert_batches(engine, TARGET, [[group(1, "a\0b\\\0", note="\0\\u0000")]])
    assert on_postgresql.execute("SELECT name, other_members FROM groups") == [
        ("a\ufffdb\\\ufffd", {"note": "\ufffd\\u0000"})
    ]


AWKWARD = [
    rb'{"id":1,"firstName":"Bob\ud83d","createdDate":"0001-01-01T00:00:00.000+0800","x":1e999,"y":"\ude00"}',
    rb'{"id":2,"firstName":"Ann","modifiedDate":"9999-12-31T23:59:59.000-0500"}',
]


@WRITE_MODES
def test_awkward_row_is_written_with_its_batch(write: Any, warehouse: Database) -> None:
    engine, target = create_sql_engine("warehouse"), ResourceTable(RESOURCES["users"], "users")
    prepare_table(engine, target, add_columns=False, deletes=True)
    result = write(engine, target, [AWKWARD])
    assert (result["inserted"], result["watermark"][:10]) == (2, "9999-12-31")
    names = "first_name, CAST(created_date AS text), CAST(modified_date AS text), other_members"
    rows = warehouse.execute(f"SELECT {names} FROM users ORDER BY id")  # noqa: S608 (our names)
    (name, created, _, others), (_, _, modified, _) = rows
    assert (name, created[:10], modified[:10]) == ("Bob\ufffd", "0001-01-01", "9999-12-31")
    assert (json.loads(others) if isinstance(others, str) else others) == {"x": None, "y": "\ufffd"}
    assert write(engine, target, [AWKWARD])["updated"] == 0


@WRITE_MODES
def test_last_row_of_a_key_wins(write: Any, engine: Engine, warehouse: Database) -> None:
    """A listing can shift while its pages are read."""
    batches = [[group(1, "a"), group(2, "b"), group(1, "c")], [group(2, "d"), group(3, "e")]]
    assert write(engine, TARGET, batches)["inserted"] == 3
    assert warehouse.execute("SELECT id, name FROM groups ORDER BY id") == [(1, "c"), (2, "d"), (3, "e")]


@WRITE_MODES
def test_empty_batches_write_nothing(write: Any, engine: Engine, warehouse: Database) -> None:
    upsert_batches(engine, TARGET, [[group(1)]])
    assert write(engine, TARGET, [[], []])["rows"] == 0
    assert warehouse.execute("SELECT count(*) FROM groups") == [(1 if write is upsert_batches else 0,)]


def test_replace_holds_no_connection_while_reading(
    on_postgresql: PostgreSQLDatabase,
) -> None:
    engine = create_sql_engine("warehouse")
    prepare_table(engine, TARGET, add_columns=False, deletes=True)

    def pages() -> Iterator[Rows]:
        for number in range(3):
            wait_until(lambda: not on_postgresql.others(), "all connections are closed")
            yield [group(number)]

    assert replace_in_pairs(engine, TARGET, pages())["inserted"] == 3


@WRITE_MODES
def test_invalid_row_rolls_back_its_transaction(write: Any, engine: Engine, warehouse: Database) -> None:
    upsert_batches(engine, TARGET, [[group(1, "before")]])
    with pytest.raises(DamstraResponseError, match="a row of groups cannot be put into columns"):
        write(engine, TARGET, [[group(1, "after"), group(2), b'{"id":"three"}']])
    assert warehouse.execute("SELECT id, name FROM groups") == [(1, "before")]
    assert write(engine, TARGET, [[group(1, "after")]])["updated"] == 1


def test_replace_is_one_transaction(on_postgresql: PostgreSQLDatabase) -> None:
    """A connection pool in transaction mode then uses one session for it."""
    engine = create_sql_engine("warehouse")
    prepare_table(engine, TARGET, add_columns=False, deletes=True)
    transactions: list[object] = []
    event.listen(engine, "begin", transactions.append)
    replace_in_pairs(engine, TARGET, [[group(number) for number in range(5)]])
    assert len(transactions) == 1


def test_batches_close_at_size_and_report_parents_after_writing() -> None:
    pages = [(1, 1), (2, 1), (1, 0), (2, 5), (3, 0), (2, 0), (4, 1), (4, 0)]
    read = [RowPage(parent, rows=[b"{}"] * size, is_last=not size) for parent, size in pages]
    seen: list[object] = []
    for batch in batches_of(read, size=2, on_parents_written=seen.append):
        seen.append(len(batch))
    # The last batch is not confirmed: no further batch was requested.
    assert seen == [2, [], 5, [1], 1]
    assert list(batches_of([], size=2)) == []


def test_concurrent_upserts_of_same_rows_do_not_deadlock(on_postgresql: Database) -> None:
    engine = create_sql_engine("warehouse")
    rows = [group(number, "x") for number in range(500)]
    orders = [rows, rows[::-1], rows[1::2] + rows[::2]]

    def write(order: Rows) -> None:
        prepare_table(engine, TARGET, add_columns=False, deletes=False)
        for name in "abc":
            upsert_batches(engine, TARGET, [[row.replace(b"x", name.encode()) for row in map(bytes, order)]])

    with ThreadPoolExecutor(len(orders)) as tasks:
        list(tasks.map(write, orders))
    assert on_postgresql.execute("SELECT count(*), min(name), max(name) FROM groups") == [(500, "c", "c")]

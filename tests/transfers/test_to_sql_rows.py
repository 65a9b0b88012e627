"""Rows that are awkward on their way into a table, and many of them at once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from airflow_provider_damstra.errors import DamstraResponseError
from airflow_provider_damstra.exports.reader import Batch
from airflow_provider_damstra.exports.resources import RESOURCES
from airflow_provider_damstra.exports.sql.load import batches_of, replace_all, upsert_batches
from airflow_provider_damstra.exports.sql.schema import ResourceTable
from airflow_provider_damstra.exports.sql.validate import prepare
from airflow_provider_damstra.hooks.sql import engine_of
from tests.clients.clock import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from airflow_provider_damstra.exports.reader import Rows
    from tests.transfers.databases import Database, PostgreSQLDatabase

INTO = ResourceTable(RESOURCES["groups"], "groups")
replace_in_pairs = partial(replace_all, batch_size=2)
WAYS = pytest.mark.parametrize("write", [upsert_batches, replace_in_pairs])

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
    found = engine_of("warehouse")
    prepare(found, INTO, adds_columns=False, deletes=True)
    return found


@WAYS
def test_any_text_comes_out_as_it_went_in(write: Any, engine: Engine, warehouse: Database) -> None:
    rows = [group(number, text, note=text, odd={text: [text]}) for number, text in enumerate(TEXTS)]
    assert write(engine, INTO, [[*rows, group(len(TEXTS))]])["inserted"] == len(TEXTS) + 1
    found = warehouse.execute("SELECT name, other_members FROM groups ORDER BY id")
    assert [name for name, _ in found] == [*TEXTS, None]
    others = [json.loads(other) if isinstance(other, str) else other for _, other in found]
    assert others == [*({"note": text, "odd": {text: [text]}} for text in TEXTS), None]


def test_the_character_that_postgresql_cannot_hold_is_replaced(on_postgresql: Database) -> None:
    engine = engine_of("warehouse")
    prepare(engine, INTO, adds_columns=False, deletes=False)
    upsert_batches(engine, INTO, [[group(1, "a\0b\\\0", note="\0\\u0000")]])
    assert on_postgresql.execute("SELECT name, other_members FROM groups") == [
        ("a\ufffdb\\\ufffd", {"note": "\ufffd\\u0000"})
    ]


@WAYS
def test_of_rows_with_the_same_key_the_last_one_counts(
    write: Any, engine: Engine, warehouse: Database
) -> None:
    """A listing can shift while its pages are read."""
    batches = [[group(1, "a"), group(2, "b"), group(1, "c")], [group(2, "d"), group(3, "e")]]
    assert write(engine, INTO, batches)["inserted"] == 3
    assert warehouse.execute("SELECT id, name FROM groups ORDER BY id") == [(1, "c"), (2, "d"), (3, "e")]


@WAYS
def test_nothing_to_write_is_no_trouble(write: Any, engine: Engine, warehouse: Database) -> None:
    upsert_batches(engine, INTO, [[group(1)]])
    assert write(engine, INTO, [[], []])["rows"] == 0
    assert warehouse.execute("SELECT count(*) FROM groups") == [(1 if write is upsert_batches else 0,)]


def test_nothing_is_open_while_a_replacement_is_read(
    on_postgresql: PostgreSQLDatabase,
) -> None:
    engine = engine_of("warehouse")
    prepare(engine, INTO, adds_columns=False, deletes=True)

    def pages() -> Iterator[Rows]:
        for number in range(3):
            until(lambda: not on_postgresql.others(), "nobody is connected")
            yield [group(number)]

    assert replace_in_pairs(engine, INTO, pages())["inserted"] == 3


@WAYS
def test_a_row_that_is_refused_leaves_all_as_it_was(write: Any, engine: Engine, warehouse: Database) -> None:
    upsert_batches(engine, INTO, [[group(1, "before")]])
    with pytest.raises(DamstraResponseError, match="a row of groups cannot be put into columns"):
        write(engine, INTO, [[group(1, "after"), group(2), b'{"id":"three"}']])
    assert warehouse.execute("SELECT id, name FROM groups") == [(1, "before")]
    assert write(engine, INTO, [[group(1, "after")]])["updated"] == 1


def test_a_replacement_is_one_transaction(on_postgresql: PostgreSQLDatabase) -> None:
    """So one session carries it out, also where a pool lends one for each transaction."""
    engine = engine_of("warehouse")
    prepare(engine, INTO, adds_columns=False, deletes=True)
    transactions: list[object] = []
    event.listen(engine, "begin", transactions.append)
    replace_in_pairs(engine, INTO, [[group(number) for number in range(5)]])
    assert len(transactions) == 1


def test_a_batch_ends_where_it_is_large_enough_and_parents_count_when_it_is_written() -> None:
    pages = [(1, 1), (2, 1), (1, 0), (2, 5), (3, 0), (2, 0), (4, 1), (4, 0)]
    read = [Batch(parent, rows=[b"{}"] * size, is_last_of_parent=not size) for parent, size in pages]
    seen: list[object] = []
    for batch in batches_of(read, size=2, written=seen.append):
        seen.append(len(batch))
    # Nobody has said that the last batch is written.
    assert seen == [2, [], 5, [1], 1]
    assert list(batches_of([], size=2)) == []


def test_tasks_that_write_the_same_rows_do_not_wait_for_each_other(on_postgresql: Database) -> None:
    engine = engine_of("warehouse")
    rows = [group(number, "x") for number in range(500)]
    orders = [rows, rows[::-1], rows[1::2] + rows[::2]]

    def write(order: Rows) -> None:
        prepare(engine, INTO, adds_columns=False, deletes=False)
        for name in "abc":
            upsert_batches(engine, INTO, [[row.replace(b"x", name.encode()) for row in map(bytes, order)]])

    with ThreadPoolExecutor(len(orders)) as tasks:
        list(tasks.map(write, orders))
    assert on_postgresql.execute("SELECT count(*), min(name), max(name) FROM groups") == [(500, "c", "c")]

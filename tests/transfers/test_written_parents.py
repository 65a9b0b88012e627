"""The ids that a load of many parents stores for its retry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from airflow_provider_damstra.transfers.resume import WrittenParents
from tests.operators.task_runner import StateStore

if TYPE_CHECKING:
    from airflow.sdk import Context


class MeasuringStore(StateStore):
    """A state store that counts the bytes written to it."""

    written_bytes = 0

    def set(self, key: str, value: Any) -> None:
        self.written_bytes += len(json.dumps(value))
        super().set(key, value)


def one_try(store: StateStore, fingerprint: str = "users") -> WrittenParents:
    return WrittenParents(cast("Context", {"task_state_store": store}), fingerprint=fingerprint)


def add_each(written: WrittenParents, ids: range) -> None:
    for one in ids:
        written.add([one])


def fail_after_adding(written: WrittenParents, ids: range) -> None:
    with written.store_on_error():
        add_each(written, ids)
        raise ValueError("the load")


def test_bytes_written_grow_linearly_and_kill_loses_a_tenth_of_each_try() -> None:
    store, count = MeasuringStore(), 5_000
    add_each(one_try(store), range(count))
    assert store.written_bytes < 2 * len(json.dumps(list(range(count))))
    assert len(store) < 100
    first = len(one_try(store).ids)
    assert 0.9 * count <= first <= count
    add_each(one_try(store), range(first, first + 100))
    assert first + 90 <= len(one_try(store).ids)


def test_ids_added_before_an_error_are_stored() -> None:
    store = StateStore()
    with pytest.raises(ValueError, match="the load"):
        fail_after_adding(one_try(store), range(1_000))
    assert one_try(store).ids == set(range(1_000))


def test_error_of_state_store_does_not_hide_why_load_failed(caplog: pytest.LogCaptureFixture) -> None:
    class UnreachableStore(StateStore):
        def set(self, key: str, value: Any) -> None:
            if self:
                raise ConnectionError("no response")
            super().set(key, value)

    written = one_try(UnreachableStore())
    written.add(list(range(20)))
    with pytest.raises(ValueError, match="the load"):
        fail_after_adding(written, range(20, 21))
    assert "The ids of 1 parents whose rows are written cannot be stored (no response)" in caplog.text


def test_lists_that_remain_after_interrupted_clear_are_ignored() -> None:
    store = StateStore()
    add_each(one_try(store), range(50))
    del store["damstra_written_parents_0"]
    later = one_try(store)
    assert later.ids == set()
    later.add([7])
    assert one_try(store).ids == {7}


def test_clear_deletes_all_lists() -> None:
    store = StateStore()
    add_each(one_try(store), range(50))
    one_try(store).clear()
    assert store == {}


def test_ids_of_another_load_are_ignored() -> None:
    store = StateStore()
    add_each(one_try(store), range(50))
    other = one_try(store, fingerprint="groups")
    assert other.ids == set()
    other.add([7])
    assert one_try(store).ids == set()
    assert one_try(store, fingerprint="groups").ids == {7}

"""State that outlives a try or a DAG run: in Airflow's stores, and without them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from airflow.sdk import Asset

from airflow_provider_damstra.task_state import AssetState, TaskState
from tests.operators.task_runner import StateStore
from tests.transfers.variables import Variables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context

FINGERPRINT = "0123456789abcdef" * 4
KEY = f"damstra_export_{FINGERPRINT[:32]}"
USERS = Asset("users")


class NoAssetStores(dict[Asset, Any]):
    """The stores of a mapped task. Assets are not hashable before Airflow 3.1."""

    def __getitem__(self, asset: Asset) -> Any:
        raise KeyError


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> Variables:
    variables = Variables()
    variables.install(monkeypatch)
    return variables


def asset_state(context: Mapping[str, Any], asset: Asset | None = USERS) -> AssetState:
    return AssetState(cast("Context", context), asset=asset, name="export", fingerprint=FINGERPRINT)


@pytest.mark.parametrize(
    "context", [{"task_state_store": StateStore()}, {}, None], ids=["3.3", "3.2", "none"]
)
def test_task_state_reads_what_it_stored(context: dict[str, Any] | None) -> None:
    state = TaskState(context)
    assert state.get("name") is None
    assert state.get("name", 7) == 7
    state.set("name", {"a": [1]})
    assert state.get("name") == {"a": [1]}
    state.delete("name")
    state.delete("name")
    assert state.get("name") is None


def test_task_state_is_read_by_the_next_try_under_a_prefixed_key() -> None:
    store = StateStore()
    TaskState({"task_state_store": store}).set("intents", [1])
    assert store == {"damstra_intents": [1]}
    assert TaskState({"task_state_store": store}).get("intents") == [1]


def test_task_state_without_store_starts_empty_in_each_try() -> None:
    TaskState({}).set("intents", [1])
    assert TaskState({}).get("intents") is None


def test_append_keeps_order_and_writes_only_new_items(monkeypatch: pytest.MonkeyPatch) -> None:
    state = TaskState()
    assert state.append("ids", [3, 1, 3]) == [3, 1]
    assert state.append("ids", [2, 1]) == [3, 1, 2]
    monkeypatch.setattr(state, "set", pytest.fail)
    assert state.append("ids", [1, 2]) == [3, 1, 2]


@pytest.mark.needs_airflow("3.3")  # state stores of assets
def test_asset_state_is_kept_in_the_store_of_the_asset(variables: Variables) -> None:
    store = StateStore()
    state = asset_state({"asset_state_store": {USERS: store}})
    state.set({"watermark": "today"})
    assert store == {KEY: {"watermark": "today"}}
    assert state.get() == {"watermark": "today"}
    assert variables == {}


@pytest.mark.parametrize(
    ("context", "asset"),
    [({}, USERS), ({"asset_state_store": {}}, None), ({"asset_state_store": NoAssetStores()}, USERS)],
    ids=["below 3.3", "without asset", "mapped task"],
)
def test_asset_state_falls_back_to_a_variable(
    context: dict[str, Any], asset: Asset | None, variables: Variables
) -> None:
    state = asset_state(context, asset)
    assert state.get() is None
    state.set({"watermark": "today"})
    assert list(variables) == [KEY]
    assert asset_state(context, asset).get() == {"watermark": "today"}


@pytest.mark.needs_airflow("3.3")  # state stores of assets
def test_asset_state_reads_a_variable_that_was_stored_before_the_update_to_3_3(variables: Variables) -> None:
    asset_state({}).set({"watermark": "today"})
    assert asset_state({"asset_state_store": {USERS: StateStore()}}).get() == {"watermark": "today"}

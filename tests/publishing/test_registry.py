"""The entry in Airflow's registry of providers: as generated, and complete."""

from __future__ import annotations

from typing import Any

import yaml

from publishing.registry import KINDS, PATH, render_registry
from tests.test_public_names import OPERATORS, PACKAGE, SENSORS

ENTRY: dict[str, Any] = yaml.safe_load(PATH.read_text())


def test_file_is_as_generated() -> None:
    assert PATH.read_text() == render_registry(), "run: python -m publishing.registry"


def test_every_operator_and_sensor_has_an_entry_with_a_description() -> None:
    kinds = {kind: {item["module"] for item in ENTRY[kind]} for kind in (*KINDS, "transfers")}
    public = {f"{PACKAGE}.{module}.{name}" for module, names in OPERATORS.items() for name in names}
    assert kinds["operators"] | kinds["transfers"] == public
    sensors = {f"{PACKAGE}.{module}.{name}" for module, names in SENSORS.items() for name in names}
    assert kinds["sensors"] == sensors
    assert kinds["hooks"] == {f"{PACKAGE}.hooks.damstra.DamstraHook"}
    items = [item for kind in (*KINDS, "transfers", "extra-links", "db-managers") for item in ENTRY[kind]]
    assert all(item["description"].endswith(".") for item in items)

"""The content of the SBOM; test_distribution.py tests that of the wheel."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def test_package_that_is_required_several_times_is_one_component(monkeypatch: pytest.MonkeyPatch) -> None:
    # Only builds have hatchling.
    interface = ModuleType("hatchling.builders.hooks.plugin.interface")
    monkeypatch.setattr(interface, "BuildHookInterface", object, raising=False)
    monkeypatch.setitem(sys.modules, interface.__name__, interface)
    sbom = importlib.import_module("publishing.sbom").build_sbom(
        name="a-package",
        version="1.0",
        license_expression="Apache-2.0",
        required=["Requests>=2"],
        optional={"one": ["requests[socks]>=2.1"], "two": ["requests[socks]>=2.1", "pytz"]},
    )
    assert [(item["name"], item["scope"]) for item in sbom["components"]] == [
        ("pytz", "optional"),
        ("requests", "required"),
    ]
    assert [item["value"] for item in sbom["components"][1]["properties"]] == [
        "Requests>=2",
        "requests[socks]>=2.1",
    ]

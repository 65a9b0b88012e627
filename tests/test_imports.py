"""Imports point one way, and a DAG file's imports stay light."""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import airflow_provider_damstra

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "airflow_provider_damstra"
PACKAGE = Path(airflow_provider_damstra.__file__).parent
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path for path in PACKAGE.rglob("*.py")
}
# From left to right: each may import what stands before it.
FREE_OF_AIRFLOW = (
    "wire",
    "event_names",
    "models",
    "errors",
    "endpoints",
    "clients",
    "actions",
    "waits",
    "exports",
)
LEFTMOST = {"wire", "event_names", "models"}
OF_TASKS = ("arguments", "attempts", "failing", "links", "naming", "retry_policy")
MAY_IMPORT: dict[str, set[str]] = {
    **{
        layer: set() if layer in LEFTMOST else set(FREE_OF_AIRFLOW[:place])
        for place, layer in enumerate(FREE_OF_AIRFLOW)
    },
    "hooks": {*FREE_OF_AIRFLOW},
    "storage": set(),
    **{shared: {*FREE_OF_AIRFLOW, "hooks"} for shared in OF_TASKS},
    "operators": {*FREE_OF_AIRFLOW, "hooks", *OF_TASKS, "storage"},
    "transfers": {*FREE_OF_AIRFLOW, "hooks", *OF_TASKS, "storage", "operators"},
    "triggers": {*FREE_OF_AIRFLOW, "hooks", "arguments", "webhooks"},
    "sensors": {*FREE_OF_AIRFLOW, "hooks", *OF_TASKS, "triggers"},
    "get_provider_info": set(),
    "assets": {"event_names"},
    "webhooks": {*FREE_OF_AIRFLOW, "assets", "get_provider_info", "hooks"},
    "emulator": {"wire", "models", "errors", "endpoints", "webhooks"},
    "testing": {"emulator"},
    "cli": {*FREE_OF_AIRFLOW, "assets", "hooks", "emulator", "webhooks"},
}


def layer_of(module: str) -> str:
    """Return the part of the package that a module belongs to; '' is the package itself."""
    name = module.removeprefix(NAME).removeprefix(".").split(".")[0]
    return "" if name == "__init__" else name


def imported(path: Path) -> Iterator[str]:
    """Yield the modules that a file imports when it runs, at its top or inside a function."""
    waiting: list[ast.AST] = [ast.parse(path.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        waiting += ast.iter_child_nodes(node)


def own(path: Path) -> set[str]:
    """Return the parts of the package that a file imports."""
    found = {layer_of(name) for name in imported(path) if name == NAME or name.startswith(f"{NAME}.")}
    return found & {layer_of(module) for module in MODULES}


each_module = pytest.mark.parametrize("module", sorted(MODULES))


def test_every_part_of_the_package_has_its_place() -> None:
    assert {layer_of(module) for module in MODULES} - {""} <= MAY_IMPORT.keys()
    assert len(MODULES) > 50


@each_module
def test_a_module_imports_only_what_stands_to_its_left(module: str) -> None:
    layer = layer_of(module)
    allowed = MAY_IMPORT.get(layer, set())
    assert own(MODULES[module]) - {layer, ""} <= allowed


@each_module
def test_what_stands_left_of_the_hooks_is_free_of_airflow(module: str) -> None:
    uses = {name for name in imported(MODULES[module]) if name == "airflow" or name.startswith("airflow.")}
    free = {*FREE_OF_AIRFLOW, "emulator", "testing", "get_provider_info", ""}
    assert layer_of(module) not in free or uses == set()


def test_the_walk_sees_what_runs_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import a\nelse:\n    import b\n"
        "def f():\n    from c.d import e\n"
        "try:\n    import g.h\nexcept ImportError:\n    from i import j\n"
    )
    assert set(imported(file)) == {
        "typing",
        "typing.TYPE_CHECKING",
        "b",
        "c.d",
        "c.d.e",
        "g.h",
        "i",
        "i.j",
    }


def test_every_module_can_be_imported() -> None:
    # Alembic runs the one, and Python the others.
    programs = {name for name in MODULES if name.endswith((".migrations.env", ".__main__"))}
    for name in MODULES.keys() - programs:
        importlib.import_module(name.removesuffix(".__init__"))


def run(program: str, tmp_path: Path) -> list[str]:
    """Return the lines that a program prints in a Python of its own."""
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent), "AIRFLOW_HOME": str(tmp_path)}
    done = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


IMPORT_ALL = """
import importlib, pkgutil, sys
import airflow_provider_damstra as package
def import_all(*names):
    for name in names:
        found = importlib.import_module(f"{package.__name__}.{name}")
        for module in pkgutil.walk_packages(getattr(found, "__path__", ()), f"{found.__name__}."):
            importlib.import_module(module.name)
"""
HEAVY = (
    "requests",
    "urllib3",
    "aiohttp",
    "fastapi",
    "uvicorn",
    *(f"{NAME}.{layer}" for layer in ("models", "endpoints", "clients", "exports", "emulator")),
)


@pytest.mark.needs_airflow("3.1")  # before it airflow.sdk itself loads them
def test_a_dag_file_loads_no_client_and_no_model(tmp_path: Path) -> None:
    packages = ("operators", "sensors", "transfers")
    others = ("triggers.event", "assets", "webhooks.plugin")
    program = f"{IMPORT_ALL}\nimport_all(*{packages + others!r})\nprint(*sys.modules)"
    loaded = run(program, tmp_path)
    expected = {module for module in MODULES if layer_of(module) in packages} | {
        f"{NAME}.{one}" for one in others
    }
    assert {module.removesuffix(".__init__") for module in expected} <= set(loaded)
    assert [name for name in HEAVY if name in loaded] == []


def test_reading_the_metadata_loads_nothing(tmp_path: Path) -> None:
    before = run("import sys; print(*sys.modules)", tmp_path)
    loaded = run(f"import sys, {NAME}.get_provider_info; print(*sys.modules)", tmp_path)
    new = {name.split(".")[0] for name in set(loaded) - set(before)}
    assert new - set(sys.stdlib_module_names) == {NAME}


def test_what_stands_left_of_the_hooks_runs_without_airflow(tmp_path: Path) -> None:
    program = f"""
import sys
class Missing:
    def find_spec(self, name, *_):
        if name == "airflow" or name.startswith("airflow."):
            raise ImportError(name)
sys.meta_path.insert(0, Missing())
{IMPORT_ALL}
import_all(*{FREE_OF_AIRFLOW!r})
print(*sys.modules)
"""
    loaded = run(program, tmp_path)
    free = {module.removesuffix(".__init__") for module in MODULES if layer_of(module) in FREE_OF_AIRFLOW}
    assert free <= set(loaded)
    assert "airflow" not in loaded

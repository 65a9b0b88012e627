"""The architecture: direction of imports, no Airflow below the hooks, no HTTP by hand, light DAG files."""

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
REPOSITORY = PACKAGE.parent
MODULES = {
    ".".join(path.relative_to(REPOSITORY).with_suffix("").parts): path for path in PACKAGE.rglob("*.py")
}
MAX_LINES = 350

# Permitted imports of each layer (a top-level module or package), from the bottom up.
VALUES = {"addresses", "assets", "http", "json_repair", "text", "validation_errors"}
API = {*VALUES, "models", "errors", "endpoints"}
CLIENTS = {*API, "clients"}
FILES = {"compression", "extras", "input_files"}
LOGIC = {*CLIENTS, *FILES, "services", "requirements", "conditions", "exports"}
TASK_SUPPORT = {"retry_policy", "ui"}
MAY_IMPORT: dict[str, set[str]] = {
    "addresses": set(),
    "arguments": set(),
    "assets": set(),
    "durations": set(),
    "id_arguments": set(),
    "json_repair": set(),
    "lazy_attribute": set(),
    "http": set(),
    "text": set(),
    "validation_errors": {"id_arguments", "text"},
    "yaml_documents": {"text", "validation_errors"},
    "models": {"validation_errors"},
    "errors": {"http", "json_repair", "text"},
    "endpoints": {*API - {"endpoints"}, "validation"},
    "clients": API,
    "extras": set(),
    "compression": {"extras"},
    "input_files": {"compression", "extras"},
    "services": {*CLIENTS, "id_arguments", "input_files", "task_state", "validation"},
    "requirements": {*CLIENTS, "durations", "input_files", "services", "yaml_documents"},
    "requirements_arguments": {"requirements", "storage", "validation", "yaml_documents"},
    "conditions": {*CLIENTS, "durations", "requirements", "services", "validation"},
    "exports": {*CLIENTS, *FILES, "durations", "requirements", "services"},
    "hooks": LOGIC,
    **{module: {*API, "hooks"} for module in TASK_SUPPORT},
    "storage": {"storage_errors"},
    "storage_errors": set(),
    "validation": set(),
    "task_state": set(),
    "polling": {*LOGIC, "hooks", "webhooks"},
    "triggers": {*LOGIC, "hooks", "polling", "validation"},
    "operators": {
        *LOGIC,
        *TASK_SUPPORT,
        "hooks",
        "id_arguments",
        "requirements_arguments",
        "storage",
        "task_state",
        "validation",
    },
    "sensors": {
        *LOGIC,
        *TASK_SUPPORT,
        "durations",
        "hooks",
        "id_arguments",
        "requirements_arguments",
        "task_state",
        "triggers",
        "validation",
    },
    "transfers": {
        *LOGIC,
        *TASK_SUPPORT,
        "durations",
        "hooks",
        "id_arguments",
        "operators",
        "requirements_arguments",
        "storage",
        "storage_errors",
        "task_state",
        "validation",
        "webhooks",
    },
    "get_provider_info": set(),
    "webhooks": {*CLIENTS, "get_provider_info", "hooks", "lazy_attribute", "requirements"},
    "pages": {*LOGIC, "hooks", "lazy_attribute", "webhooks"},
    "emulator": {*API, "webhooks", "yaml_documents"},
    "testing": {"emulator"},
    "diagnostics": {*CLIENTS, "emulator", "hooks", "webhooks"},
    "cli": {*LOGIC, "diagnostics", "emulator", "hooks", "storage", "transfers", "webhooks"},
}
RUNS_WITHOUT_AIRFLOW = LOGIC
FREE_OF_AIRFLOW = {
    *LOGIC - {"assets"},
    "durations",
    "emulator",
    "testing",
    "get_provider_info",
    "yaml_documents",
    "",
}
# Packages whose __init__ is the public namespace of their classes.
PUBLIC_NAMESPACES = {f"{NAME}.endpoints.__init__", f"{NAME}.models.__init__"}
# The emulator opens the socket that its web server listens on.
LISTENS = f"{NAME}.emulator.server"


def layer_of(module: str) -> str:
    """Return the top-level module or package that a module belongs to; '' for the package itself."""
    name = module.removeprefix(NAME).removeprefix(".").split(".")[0]
    return "" if name == "__init__" else name


def imported_names(path: Path) -> Iterator[str]:
    """Yield what a file imports at run time: at the top level and in functions, not for type checking."""
    pending: list[ast.AST] = [ast.parse(path.read_text())]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending += node.orelse
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        pending += ast.iter_child_nodes(node)


def imported_layers(path: Path) -> set[str]:
    """Return the layers of the package that a file imports."""
    layers = {layer_of(name) for name in imported_names(path) if name == NAME or name.startswith(f"{NAME}.")}
    return layers & {layer_of(module) for module in MODULES}


def imports_any(path: Path, *packages: str) -> list[str]:
    """Return the imports of a file that are one of some packages or modules, or are in them."""
    prefixes = tuple(f"{package}." for package in packages)
    return [name for name in imported_names(path) if name in packages or name.startswith(prefixes)]


def attributes_of(path: Path, module: str) -> set[str]:
    """Return the attributes of a module that a file uses, such as ``{"SSLError"}`` for ``ssl``."""
    tree = ast.parse(path.read_text())
    accessed = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == module
    }
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == module
        for alias in node.names
    }
    return accessed | imported


each_module = pytest.mark.parametrize("module", sorted(MODULES))


def test_every_layer_is_declared() -> None:
    assert {layer_of(module) for module in MODULES} - {""} == MAY_IMPORT.keys()
    assert len(MODULES) > 50


def test_declared_imports_are_acyclic() -> None:
    remaining = {layer: set(allowed) for layer, allowed in MAY_IMPORT.items()}
    while leaves := {layer for layer, allowed in remaining.items() if not allowed & remaining.keys()}:
        remaining = {layer: allowed for layer, allowed in remaining.items() if layer not in leaves}
    assert remaining == {}


@each_module
def test_module_imports_only_lower_layers(module: str) -> None:
    layer = layer_of(module)
    assert imported_layers(MODULES[module]) - {layer, ""} <= MAY_IMPORT.get(layer, set())


@each_module
def test_layers_below_hooks_do_not_import_airflow(module: str) -> None:
    if layer_of(module) in FREE_OF_AIRFLOW:
        assert imports_any(MODULES[module], "airflow") == []


@each_module
def test_http_is_left_to_requests_and_aiohttp(module: str) -> None:
    assert imports_any(MODULES[module], "urllib3", "http.client", "select") == []
    if module == LISTENS:
        return
    used = attributes_of(MODULES[module], "ssl") | attributes_of(MODULES[module], "socket")
    contexts = {"SSLContext", "create_default_context"}
    exceptions = {name for name in used if name.endswith("Error") or name in ("gaierror", "timeout")}
    assert used <= contexts | exceptions


@each_module
def test_module_does_not_only_reexport(module: str) -> None:
    body = ast.parse(MODULES[module].read_text()).body
    package = module.removesuffix(".__init__")
    from_elsewhere = [
        node
        for node in body
        if isinstance(node, ast.ImportFrom) and node.module not in ("__future__", package)
    ]
    definitions = [
        node
        for node in body
        if not isinstance(node, (ast.Import, ast.ImportFrom, ast.Expr, ast.If))
        and not (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__")
    ]
    assert definitions or not from_elsewhere or module in PUBLIC_NAMESPACES


@pytest.mark.parametrize("folder", [NAME, "tests"])
def test_no_file_is_over_350_lines(folder: str) -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in (REPOSITORY / folder).rglob("*.py")}
    assert {path: length for path, length in lengths.items() if length > MAX_LINES} == {}


def test_imported_names_include_functions_and_exclude_type_checking(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import a\nelse:\n    import b\n"
        "def f():\n    from c.d import e\n"
        "try:\n    import g.h\nexcept ImportError:\n    from i import j\n"
    )
    assert set(imported_names(file)) == {
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
    """Run a program in a new Python process and return the words that it prints."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "AIRFLOW_HOME": str(tmp_path)}
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
APPLICATIONS = {"cli", "diagnostics", "emulator", "pages", "polling", "testing", "webhooks"}
NOT_IN_DAG_FILES = {*LOGIC - {*VALUES, "errors"}, *APPLICATIONS}


def new_modules(program: str, tmp_path: Path) -> tuple[set[str], set[str]]:
    """Return what a program loads in addition to any DAG file: modules, and third-party packages."""
    # From Airflow 3.4 on, airflow.sdk itself loads nothing.
    any_dag_file = "import sys\nfrom airflow.sdk import DAG, BaseOperator"
    before = run(f"{any_dag_file}\nprint(*sys.modules)", tmp_path)
    loaded = run(f"{any_dag_file}\n{program}\nprint(*sys.modules)", tmp_path)
    packages = {name.split(".")[0] for name in loaded} - {name.split(".")[0] for name in before}
    return set(loaded) - set(before), packages - set(sys.stdlib_module_names) - {NAME}


@pytest.mark.needs_airflow("3.1")  # before it airflow.sdk itself loads them
def test_dag_file_loads_neither_libraries_nor_models(tmp_path: Path) -> None:
    packages = ("operators", "sensors", "transfers")
    others = ("triggers.event", "assets", "retry_policy")
    loaded, libraries = new_modules(f"{IMPORT_ALL}\nimport_all(*{packages + others!r})", tmp_path)
    expected = {module for module in MODULES if layer_of(module) in packages}
    expected |= {f"{NAME}.{name}" for name in others}
    assert {module.removesuffix(".__init__") for module in expected} <= loaded
    assert libraries == set()
    heavy = {name for name in loaded if name.startswith(NAME) and layer_of(name) in NOT_IN_DAG_FILES}
    assert heavy - {f"{NAME}.polling", f"{NAME}.polling.snapshots"} == set()


@pytest.mark.needs_airflow("3.1")
def test_airflow_plugins_load_no_client_and_no_web_framework(tmp_path: Path) -> None:
    loaded, libraries = new_modules(f"import {NAME}.webhooks.plugin, {NAME}.pages.plugin", tmp_path)
    assert libraries & {"requests", "urllib3", "aiohttp", "fastapi", "uvicorn"} == set()
    assert {layer_of(name) for name in loaded if name.startswith(f"{NAME}.")} & LOGIC == set()


def test_provider_info_imports_only_the_standard_library(tmp_path: Path) -> None:
    before = run("import sys; print(*sys.modules)", tmp_path)
    loaded = run(f"import sys, {NAME}.get_provider_info; print(*sys.modules)", tmp_path)
    new = {name.split(".")[0] for name in set(loaded) - set(before)}
    assert new - set(sys.stdlib_module_names) == {NAME}


def test_layers_below_hooks_run_without_airflow(tmp_path: Path) -> None:
    program = f"""
import sys
class Missing:
    def find_spec(self, name, *_):
        if name == "airflow" or name.startswith("airflow."):
            raise ImportError(name)
sys.meta_path.insert(0, Missing())
{IMPORT_ALL}
import_all(*{sorted(RUNS_WITHOUT_AIRFLOW)!r})
print(*sys.modules)
"""
    loaded = run(program, tmp_path)
    modules = {
        module.removesuffix(".__init__") for module in MODULES if layer_of(module) in RUNS_WITHOUT_AIRFLOW
    }
    assert modules <= set(loaded)
    assert "airflow" not in loaded

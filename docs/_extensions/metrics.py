"""The metrics that the package sends, found in its code."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import get_args

import airflow_provider_damstra
from airflow_provider_damstra.hooks.metrics import EventOutcome
from docs._extensions.docstrings import parse_docstring
from docs._extensions.markdown import code, codes, table

KINDS = {"incr": "counter", "timing": "timer", "gauge": "gauge"}
"""Kinds of metrics by the method of Airflow's ``Stats`` that sends them."""


def render_metrics() -> str:
    """Return a table of the metrics."""
    folder = Path(airflow_provider_damstra.__file__).parent
    sources = (file.read_text(encoding="utf-8") for file in folder.rglob("*.py"))
    rows = sorted(row for source in sources for row in metrics_in(source))
    return table(("metric", "kind", "tags", "description"), rows)


def metrics_in(source: str) -> list[tuple[str, str, str, str]]:
    """Return the metrics that a module sends: name, kind, tags and what the docstring says."""
    return [
        (code(name), KINDS[call.func.attr], _tags(function), _description(function))
        for function in ast.walk(ast.parse(source))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in KINDS
        for name in _names(call)
    ]


def _names(call: ast.Call) -> list[str]:
    """Return the names of the metrics that a call can send."""
    match call.args:
        case [ast.Constant(value=str(name)), *_] if name.startswith("damstra."):
            return [name]
        case [ast.JoinedStr(values=[ast.Constant(value=str(prefix)), _]), *_] if prefix.startswith(
            "damstra."
        ):
            return [prefix + outcome for outcome in get_args(EventOutcome)]
    return []


def _tags(function: ast.AST) -> str:
    keys = [key for node in ast.walk(function) if isinstance(node, ast.Dict) for key in node.keys]
    return codes(key.value for key in keys if isinstance(key, ast.Constant))


def _description(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    return parse_docstring(ast.get_docstring(function) or "").summary

"""Each message in docs/troubleshooting.md is one of the code, or of Airflow."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import airflow
import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "airflow_provider_damstra"
PAGE, _, AIRFLOW = (
    (ROOT / "docs" / "troubleshooting.md").read_text().partition("\n## Airflow's own messages\n")
)
MESSAGE = re.compile(r"^(?:### |\| |- )`([^`]+)`", re.MULTILINE)
ANYTHING = "<>"

OF_THE_OPERATING_SYSTEM = {"connection refused"}
FILES_OF_AIRFLOW = (
    "api_fastapi/core_api/routes/public/connections.py",
    "jobs/scheduler_job_runner.py",
)


def normalize(text: str) -> str:
    """Return a text in which each placeholder, of a page or a log message, is the same."""
    return re.sub(r"<[^<>]*>|%(?:\.\d)?[sdfr]", ANYTHING, text)


def text_of(node: ast.expr) -> str | None:
    """Return a string literal, with a placeholder for each value in it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else ANYTHING for part in node.values)
        return "".join(map(str, parts))
    return None


@cache
def literals(*files: Path) -> frozenset[str]:
    trees = (ast.parse(file.read_text()) for file in files)
    nodes = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.expr))
    return frozenset(normalize(text) for node in nodes if (text := text_of(node)))


def is_in(message: str, *files: Path) -> bool:
    return any(normalize(message) in literal for literal in literals(*files))


@pytest.mark.parametrize("message", MESSAGE.findall(PAGE))
def test_message_is_in_the_code(message: str) -> None:
    assert message in OF_THE_OPERATING_SYSTEM or is_in(message, *sorted(PACKAGE.rglob("*.py")))


@pytest.mark.parametrize("message", MESSAGE.findall(AIRFLOW))
@pytest.mark.needs_airflow("3.3")
def test_message_is_in_airflow(message: str) -> None:
    assert is_in(message, *(Path(airflow.__path__[0]) / file for file in FILES_OF_AIRFLOW))


def test_messages_are_found() -> None:
    assert len(MESSAGE.findall(PAGE)) > 70
    assert len(MESSAGE.findall(AIRFLOW)) > 4


def test_no_message_is_listed_twice() -> None:
    messages = re.findall(r"^### `([^`]+)`", PAGE + AIRFLOW, re.MULTILINE)
    assert len(set(messages)) == len(messages)

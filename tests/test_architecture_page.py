"""The architecture page names files, packages and classes that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
PACKAGE = REPOSITORY / "airflow_provider_damstra"
PAGE = (REPOSITORY / "docs" / "concepts" / "architecture.md").read_text()
ROOTS = (PACKAGE, REPOSITORY, REPOSITORY / "tests" / "contract")
FILES = sorted(set(re.findall(r"`((?:[\w-]+/)*[\w-]+\.(?:py|yaml))`", PAGE)))
FOLDERS = sorted(set(re.findall(r"`((?:[\w-]+/)+)`", PAGE)))
CLASSES = sorted(set(re.findall(r"`([A-Z][a-z]+[A-Z]\w+)`", PAGE)) - {"GetLesson"})
SOURCES = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py"))
IMPORTED = {"AirflowFailException", "AccessKey"}


@pytest.mark.parametrize("path", [*FILES, *FOLDERS])
def test_named_file_exists(path: str) -> None:
    assert any((root / path).exists() for root in ROOTS)


@pytest.mark.parametrize("name", CLASSES)
def test_named_class_exists(name: str) -> None:
    assert name in IMPORTED or re.search(rf"^class {name}\b", SOURCES, re.MULTILINE)

"""Links in Markdown lead to existing files and headings. ``make docs`` checks the pages of the site again."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import pytest

from docs._extensions.generated_pages import expand
from tests.documentation.snippets import PAGES, ROOT

if TYPE_CHECKING:
    from pathlib import Path

FILES = (*PAGES, ROOT / "CHANGELOG.md")


@cache
def text_of(file: Path) -> str:
    """Return a page with its generated parts and without code."""
    text = expand(file.read_text(encoding="utf-8"))
    return re.sub(r"^( *)(```+|~~~+).*?^\1\2$|`[^`\n]+`", "", text, flags=re.M | re.S)


@cache
def anchors_of(file: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and MyST name them."""
    text = expand(file.read_text(encoding="utf-8"))
    anchors: set[str] = set(re.findall(r"^\(([\w-]+)\)=$", text, re.M))
    for heading in re.findall(r"^#+ (.*)$", text, re.M):
        anchor = base = re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")
        number = 0
        while anchor in anchors:
            number += 1
            anchor = f"{base}-{number}"
        anchors.add(anchor)
    return anchors


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_links_have_targets(file: Path) -> None:
    links = re.findall(r"\]\(([^()\s#]*)(?:#([\w-]+))?\)", text_of(file))
    for path, anchor in links:
        if "://" in path or path.startswith("mailto:"):
            continue
        target = (file.parent / path).resolve() if path else file
        assert target.exists(), path
        assert not anchor or anchor in anchors_of(target), f"{path}#{anchor}"


def test_links_are_found() -> None:
    assert sum(text_of(file).count("](") for file in FILES) > 50

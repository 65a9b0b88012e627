"""The fenced blocks of README and docs. Each stands on its own: a Python block is a file of its own."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))

_HEADING = re.compile(r"#+ (.*)")
_FENCE = re.compile(r"( *)(```+|~~~+) *(\{?[\w-]*\}?)")


@dataclass(frozen=True)
class Snippet:
    """A fenced block.

    :param name: page, heading and, from the second block of a language under a heading, its number:
        ``README.md, Events (2)``.
    :param line: number of its first line in the page.
    :param language: what the fence names, or an empty string.
    :param text: content without the indentation of the fence.
    :param introduction: the page's text between the previous block or heading and this one.
    """

    name: str
    line: int
    language: str
    text: str
    introduction: str

    @property
    def page(self) -> str:
        """Return the name of its page."""
        return self.name.partition(",")[0]

    @property
    def has_tests(self) -> bool:
        """Return whether it is a test module for pytest."""
        return re.search(r"^(?:async )?def test_", self.text, re.M) is not None

    @property
    def file_name(self) -> str:
        """Return the name of the file that a data block is the content of: the last one before it."""
        *_, name = re.finditer(r"`([\w.-]+\.\w+)`", self.introduction)
        return name[1]

    def write(self, path: Path) -> Path:
        """Write it to a file unchanged and return the path."""
        path.write_text(self.text, encoding="utf-8")
        return path


def read_snippets(page: Path) -> list[Snippet]:
    """Return the fenced blocks of a page in order.

    :raises ValueError: if a block is not closed, or is a directive for code.
    """
    snippets: list[Snippet] = []
    names: dict[tuple[str, str], int] = {}
    lines = enumerate(page.read_text(encoding="utf-8").splitlines(), start=1)
    heading, introduction = page.stem, ""
    for number, line in lines:
        if found := _HEADING.fullmatch(line):
            heading, introduction = found[1], ""
        elif fence := _FENCE.match(line):
            content: list[str] = []
            for _, inner in lines:
                if inner.strip() == fence[2]:
                    break
                content.append(inner)
            else:
                raise ValueError(f"{page.name}, line {number}: the block is not closed")
            language = fence[3]
            if language == "{code-block}":
                raise ValueError(f"{page.name}, line {number}: write the language only, so that it is tested")
            if language.startswith("{"):  # a directive
                continue
            count = names[heading, language] = names.get((heading, language), 0) + 1
            name = f"{page.name}, {heading}" + (f" ({count})" if count > 1 else "")
            text = textwrap.dedent("\n".join(content)) + "\n"
            snippets.append(Snippet(name, number + 1, language, text, introduction))
            introduction = ""
        else:
            introduction += line + "\n"
    return snippets


SNIPPETS = [snippet for page in PAGES for snippet in read_snippets(page)]


def snippets_in(*languages: str) -> list[Snippet]:
    """Return the blocks of all pages in these languages."""
    return [snippet for snippet in SNIPPETS if snippet.language in languages]


def snippet_id(snippet: Snippet) -> str:
    """Return the id of a parametrised test."""
    return snippet.name

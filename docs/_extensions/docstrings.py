"""Docstrings, which are text and reST field lists, as Markdown."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field
from typing import Any

_FIELD = re.compile(r"^:(\w+) ?([^:\n]*): ?(.*(?:\n(?: .*)?)*)", re.M)


@dataclass(frozen=True, kw_only=True)
class Docstring:
    """A docstring in Markdown.

    :param text: what is before the field list.
    :param parameters: descriptions of ``:param:`` by name.
    :param returns: text of ``:return:``, or an empty string.
    :param raises: exceptions of ``:raises:`` and when they are raised.
    """

    text: str
    parameters: dict[str, str] = field(default_factory=dict)
    returns: str = ""
    raises: tuple[tuple[str, str], ...] = ()

    @property
    def summary(self) -> str:
        """Return the first paragraph."""
        return self.text.partition("\n\n")[0]


def read_docstring(documented: Any) -> Docstring:
    """Return the docstring of a module, class or function itself, not of its base classes."""
    return parse_docstring(inspect.cleandoc(documented.__doc__ or ""))


def parse_docstring(text: str) -> Docstring:
    """Return the parts of a docstring without indentation."""
    fields = [(kind, name, _markdown(value)) for kind, name, value in _FIELD.findall(text)]
    first = _FIELD.search(text)
    return Docstring(
        text=_markdown(text[: first.start()] if first else text),
        parameters={name: value for kind, name, value in fields if kind == "param"},
        returns=next((value for kind, _, value in fields if kind == "return"), ""),
        raises=tuple((name, value) for kind, name, value in fields if kind == "raises"),
    )


def _markdown(text: str) -> str:
    return text.replace("``", "`").strip()

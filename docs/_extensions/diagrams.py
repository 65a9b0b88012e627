"""Write the Mermaid diagrams of pages as lists: GitHub draws them, but the site has no script that could."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from docs._extensions.markdown import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_FENCE = re.compile(r"^```mermaid\n(.*?)^```$", re.M | re.S)
_PARTICIPANT = re.compile(r"participant (\w+) as (.+)")
_MESSAGE = re.compile(r"(\w+)-?->>(\w+): (.+)")
_NOTE = re.compile(r"Note over (\w+): (.+)")
_BLOCK = re.compile(r"(?:loop|alt|opt|par) (.+)")
_SUBGRAPH = re.compile(r'subgraph \w+\["(.+)"\]')
_ARROW = re.compile(r"(\w+)(?:\[.+\])? --> (\w+)(?:\[(.+)\])?")


def replace_diagrams(page: str) -> str:
    """Return a page with a list in place of each diagram.

    :raises ValueError: for a kind of diagram, or a statement, that cannot be written as a list.
    """
    return _FENCE.sub(lambda fence: "\n".join(_as_list(fence[1])), page)


def _as_list(diagram: str) -> Iterable[str]:
    kind, *statements = (line.strip() for line in diagram.splitlines() if line.strip())
    if kind == "sequenceDiagram":
        return _steps(statements)
    if kind == "flowchart TB":
        return _arrows(statements)
    raise ValueError(f"cannot write the diagram {kind!r} as a list")


def _steps(statements: Iterable[str]) -> Iterator[str]:
    """Yield a numbered item for each message, those of a block below its condition."""
    names: dict[str, str] = {}
    depth = 0
    for statement in statements:
        if participant := _PARTICIPANT.fullmatch(statement):
            names[participant[1]] = participant[2]
        elif message := _MESSAGE.fullmatch(statement):
            ends = dict.fromkeys([names[message[1]], names[message[2]]])
            yield _item(depth, f"{' → '.join(f'**{end}**' for end in ends)}: {escape(message[3])}")
        elif note := _NOTE.fullmatch(statement):
            yield _item(depth, f"**{names[note[1]]}**: {escape(note[2])}")
        elif block := _BLOCK.fullmatch(statement):
            yield _item(depth, f"*{escape(block[1])}:*")
            depth += 1
        elif statement.startswith("else "):
            yield _item(depth - 1, f"*{escape(statement)}:*")
        elif statement == "end":
            depth -= 1
        else:
            raise ValueError(f"cannot write {statement!r} as a step")


def _arrows(statements: Iterable[str]) -> Iterator[str]:
    """Yield an item for each node that arrows start at, those of a subgraph below its title."""
    targets: dict[str, list[str]] = {}
    groups: dict[str, str] = {}
    group = "others"
    for statement in statements:
        if subgraph := _SUBGRAPH.fullmatch(statement):
            group = subgraph[1]
        elif arrow := _ARROW.fullmatch(statement):
            targets.setdefault(arrow[1], []).append(arrow[3] or arrow[2])
            groups.setdefault(arrow[1], group)
            groups.setdefault(arrow[2], group)
        elif statement == "end":
            group = "others"
        else:
            raise ValueError(f"cannot write {statement!r} as an arrow")
    for title in dict.fromkeys(groups.values()):
        yield f"- *{title}:*"
        for node in targets:
            if groups[node] == title:
                yield f"  - **{node}** → {', '.join(targets[node])}"


def _item(depth: int, text: str) -> str:
    return f"{'   ' * depth}1. {text}"

"""The page of the example DAGs: the docstring and the code of each."""

from __future__ import annotations

import ast
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "example_dags"


def render() -> str:
    """Return a section for each example, in the order of their names."""
    return "\n".join(_section(file) for file in sorted(FOLDER.glob("*.py")))


def _section(file: Path) -> str:
    module = ast.parse(file.read_text(encoding="utf-8"))
    first_line = module.body[1].lineno
    return f"""## {file.stem}

{ast.get_docstring(module)}

```{{literalinclude}} ../../example_dags/{file.name}
:language: python
:lines: {first_line}-
```
"""

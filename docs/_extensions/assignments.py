"""Names that a module assigns, with the string below each that documents it."""

from __future__ import annotations

import ast
from itertools import pairwise

from docs._extensions.docstrings import parse_docstring


def documented_assignments(source: str) -> dict[str, str]:
    """Return the documentation of public names, in the order of a module or class body.

    :param source: its code.
    """
    body = ast.parse(source).body
    if len(body) == 1 and isinstance(body[0], ast.ClassDef):
        body = body[0].body
    documented: dict[str, str] = {}
    for statement, following in pairwise(body):
        if not (isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)):
            continue
        match following:
            case ast.Expr(value=ast.Constant(value=str(text))):
                documented[statement.target.id] = parse_docstring(text).text
    return documented

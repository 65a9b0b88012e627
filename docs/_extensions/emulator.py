"""The routes of the emulator's control plane."""

from __future__ import annotations

from typing import get_args, get_type_hints

from fastapi.routing import APIRoute
from pydantic import BaseModel

from airflow_provider_damstra.emulator.server import CONTROL_ROUTERS
from docs._extensions.docstrings import read_docstring
from docs._extensions.markdown import code, codes, table


def render_control_plane() -> str:
    """Return a table of the requests, with what each does."""
    rows = [
        (
            code(f"{' '.join(route.methods)} {route.path}"),
            _members(route),
            read_docstring(route.endpoint).summary,
        )
        for router in CONTROL_ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
    ]
    return table(("request", "members of the body", "description"), rows)


def _members(route: APIRoute) -> str:
    """Return the names of the members of a JSON body."""
    hints = (kind for hint in get_type_hints(route.endpoint).values() for kind in (hint, *get_args(hint)))
    models = [kind for kind in hints if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return codes(
        info.serialization_alias or name for kind in models for name, info in kind.model_fields.items()
    )

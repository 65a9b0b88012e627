"""The guide to the pages has the permissions that the routes need."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fastapi.routing import APIRoute

from airflow_provider_damstra.pages.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.needs_airflow("3.1")

GUIDE = (Path(__file__).parent.parent.parent / "docs" / "how-to" / "airflow-pages.md").read_text()


def permissions_of_routes() -> Iterator[tuple[str, str]]:
    for route in create_app().routes:
        if isinstance(route, APIRoute) and route.path != "/":
            (method,) = route.methods
            found = [getattr(one.dependency, "permissions", ()) for one in route.dependencies]
            names = ", ".join(permission.name for permissions in found for permission in permissions)
            yield f"{method} {route.path}", names


def test_guide_has_permissions_of_every_route() -> None:
    documented = re.findall(r"^\| `((?:GET|POST) [^`]+)` \| ([^|]+) \|$", GUIDE, re.M)
    assert dict(documented) == dict(permissions_of_routes())
    assert len(documented) == 8

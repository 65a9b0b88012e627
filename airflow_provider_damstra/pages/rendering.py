"""HTML of the pages: Jinja templates, and response headers that allow nothing but the page itself."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from airflow_provider_damstra.pages.urls import page_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_damstra.pages.navigation import Page

EMPTY = "\u2013"


def render(
    template: str, *, pages: Sequence[Page] = (), path: str = "", status: int = 200, **values: Any
) -> HTMLResponse:
    """Return a page as a response.

    :param template: name of the file, without ``.html``.
    :param pages: pages in the navigation.
    :param path: path of this page.
    :param status: HTTP status.
    :param values: variables of the template.
    """
    html = _environment().get_template(f"{template}.html").render(pages=pages, path=path, **values)
    return HTMLResponse(html, status, headers=security_headers())


@cache
def security_headers() -> dict[str, str]:
    """Return headers of a page that may be shown in a frame of Airflow, and run only its own script."""
    policy = {
        "default-src": "'none'",
        "style-src": _hash("page.css"),
        "script-src": _hash("page.js"),
        "frame-src": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'self'",
        "base-uri": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        **response_headers(),
    }


def response_headers() -> dict[str, str]:
    """Return headers of every response."""
    return {
        "Cache-Control": "no-store",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "SAMEORIGIN",
    }


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(asset=_asset, page_url=page_url)
    environment.filters.update(time=format_time, duration=format_duration, value=format_value)
    return environment


@cache
def _asset(name: str) -> str:
    return resources.files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


def _hash(name: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(_asset(name).encode()).digest()).decode()}'"


def format_value(value: object) -> object:
    """Return a value, or a dash if there is none."""
    return EMPTY if value is None or value == "" else value


def format_time(time: datetime | None) -> str:
    """Return a time in UTC, or a dash if there is none."""
    return EMPTY if time is None else f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def format_duration(seconds: float) -> str:
    """Return a duration in its two largest units, such as ``2 h 5 min``."""
    rest = max(round(seconds), 0)
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    parts: list[str] = []
    for name, size in units:
        count, rest = divmod(rest, size)
        if count or (parts and len(parts) < 2):
            parts.append(f"{count} {name}")
    shown = [part for part in parts[:2] if not part.startswith("0 ")]
    return " ".join(shown) or "0 s"

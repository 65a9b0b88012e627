"""Pages for people, without external assets: the emulator at ``/``, its OpenAPI document at ``/docs``."""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import PurePosixPath

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from airflow_provider_damstra.emulator.api_errors import ApiError
from airflow_provider_damstra.emulator.openapi_page import render_document
from airflow_provider_damstra.emulator.settings import API_PREFIX

_FOLDER = resources.files(__package__).joinpath("page")
_MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript"}
_HEADERS = {
    # Names in the store are untrusted: what they contain must neither run nor request anything.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

page_router = APIRouter(include_in_schema=False)


@page_router.get("/")
@page_router.get(API_PREFIX)
@page_router.get("/touch/{user_id}")
async def show_emulator() -> Response:
    """Return the page of the emulator; login URLs and embed URLs lead to it, too."""
    return HTMLResponse(_asset("index.html"), headers=_HEADERS)


@page_router.get("/docs")
async def show_document(request: Request) -> Response:
    """Return the OpenAPI document as a page."""
    return HTMLResponse(render_document(request.app.openapi()), headers=_HEADERS)


@page_router.get("/page/{name}")
async def get_asset(name: str) -> Response:
    """Return a script or the styles of the pages."""
    media_type = _MEDIA_TYPES.get(PurePosixPath(name).suffix)
    if media_type is None or name not in _asset_names():
        raise ApiError(404, {"error": f"there is no file {name!r} of the page"})
    return Response(_asset(name), media_type=media_type, headers=_HEADERS)


@cache
def _asset_names() -> frozenset[str]:
    return frozenset(file.name for file in _FOLDER.iterdir())


@cache
def _asset(name: str) -> str:
    return _FOLDER.joinpath(name).read_text(encoding="utf-8")

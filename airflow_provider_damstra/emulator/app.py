"""The emulator as an ASGI application."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from secrets import compare_digest
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.responses import HTMLResponse
from starlette.routing import Route as StarletteRoute

from airflow_provider_damstra import __version__
from airflow_provider_damstra.emulator import api_errors as refusals
from airflow_provider_damstra.emulator import handlers as _handlers  # noqa: F401 (registers them)
from airflow_provider_damstra.emulator import rendering
from airflow_provider_damstra.emulator.api_errors import Refusal
from airflow_provider_damstra.emulator.control import control_plane, explain_invalid
from airflow_provider_damstra.emulator.fault_middleware import ENTRY, Gate
from airflow_provider_damstra.emulator.parsing import parse_body, parse_call, parse_query, parse_window
from airflow_provider_damstra.emulator.routing import Route, emulator
from airflow_provider_damstra.emulator.settings import API, Settings
from airflow_provider_damstra.emulator.state import EmulatorState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

log = logging.getLogger(__name__)

_PAGE = """<!doctype html><title>Damstra Learning emulator</title><h1>Damstra Learning emulator</h1>
<p>There is nobody to log in and no lesson to play here: login URLs and embed URLs lead to this page."""


def create_app(settings: Settings) -> FastAPI:
    """Return an emulator.

    :raises ValueError: if the settings name a seed that there is not, or a file that is not a store.
    """
    state = EmulatorState(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await state.webhooks.close()
        state.store.close()

    app = FastAPI(
        title="Damstra Learning emulator",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.add_middleware(Gate, state=state)
    app.include_router(control_plane(state))
    explain_invalid(app)
    # Starlette's own routes: what a call has to hold is the endpoint classes' business, not FastAPI's.
    for route in emulator.all:
        app.router.routes.append(
            StarletteRoute(API + route.endpoint.path, _answer(state, route), methods=route.methods)
        )
    for path in ("/", "/touch/{user_id}"):
        app.router.routes.append(StarletteRoute(path, _page))
    return app


async def _page(_: Request) -> Response:
    return HTMLResponse(_PAGE)


def _answer(state: EmulatorState, route: Route) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            return _carry_out(state, route, request)
        except Refusal as refusal:
            return refused(refusal)
        except OverflowError as error:
            return refused(refusals.bad_request(f"a number or a date is out of range: {error}"))
        except Exception:
            log.exception("The emulator has a bug: %s %s", request.method, request.url.path)
            return refused(refusals.internal_server_error())

    return answer


def refused(refusal: Refusal) -> Response:
    """Return the answer that a refusal is."""
    return rendering.json_response(refusal.body, status=refusal.status)


def _carry_out(state: EmulatorState, route: Route, request: Request) -> Response:
    _check_key(state, route, request)
    entry = getattr(request.state, ENTRY)
    query, paging = parse_query(route.endpoint, entry.query)
    window = parse_window(paging, state.settings.page_cap)
    body = parse_body(entry.raw_body, request.headers.get("content-type", ""))
    call = parse_call(route.endpoint, dict(request.path_params), query, body)
    base_url = f"{request.url.scheme}://{request.url.netloc}"
    with state.unit_of_work(base_url=base_url, window=window) as uow:
        response = route.render(route.handle(call, uow))
    entry.rows = uow.changes
    return response


def _check_key(state: EmulatorState, route: Route, request: Request) -> None:
    given = request.headers.get("accesskey", "").encode()
    if not compare_digest(given, state.settings.access_key.encode()):
        raise refusals.wrong_key(route.wrong_key)

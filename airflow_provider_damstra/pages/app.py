"""The app of the pages in Airflow's API server. All of its routes need a signed-in user with permissions."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.core_api.security import GetUserDep, get_user
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from airflow_provider_damstra.pages.connections_page import router as connections_router
from airflow_provider_damstra.pages.inbox_page import router as inbox_router
from airflow_provider_damstra.pages.navigation import permitted_pages
from airflow_provider_damstra.pages.rendering import render, response_headers
from airflow_provider_damstra.pages.training_page import router as training_router
from airflow_provider_damstra.pages.urls import page_url
from airflow_provider_damstra.pages.waits_page import router as waits_router
from airflow_provider_damstra.webhooks.database import InboxUnavailableError


def create_app() -> FastAPI:
    """Return the app."""
    # For every route, also one without permissions of its own: Airflow authenticates no request to the app
    # of a plugin.
    app = FastAPI(openapi_url=None, dependencies=[Depends(get_user)])
    app.add_exception_handler(HTTPException, _show_http_exception)
    app.add_exception_handler(RequestValidationError, _show_invalid_request)
    app.add_exception_handler(InboxUnavailableError, _show_unavailable)
    app.get("/")(open_first_page)
    for router in (inbox_router, waits_router, training_router, connections_router):
        app.include_router(router)
    return app


def open_first_page(user: GetUserDep) -> Response:
    """Redirect to the first page that the user may see."""
    pages = permitted_pages(user)
    if not pages:
        raise HTTPException(403, "You do not have the permissions for any of these pages in Airflow.")
    return RedirectResponse(page_url(pages[0].path), 303, headers=response_headers())


def _show_http_exception(_: Request, error: Any) -> Response:
    headings = {401: "Sign in to Airflow", 403: "Not permitted", 404: "Not found", 503: "Busy"}
    message = "Your session has ended. Reload Airflow." if error.status_code == 401 else error.detail
    heading = headings.get(error.status_code, "The request failed")
    response = render("error", status=error.status_code, heading=heading, message=message)
    response.headers.update(error.headers or {})
    return response


def _show_invalid_request(_: Request, error: Exception) -> Response:
    return render("error", status=422, heading="The request is not valid", message="Reload the page.")


def _show_unavailable(_: Request, error: Exception) -> Response:
    return render("error", status=503, heading="The inbox cannot be read", message=str(error))

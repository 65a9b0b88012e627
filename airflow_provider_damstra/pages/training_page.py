"""The page of the training of a group: its training matrix, read from Damstra when the page is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Depends, Query
from pydantic import BeforeValidator
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from airflow_provider_damstra.errors import DamstraError
from airflow_provider_damstra.pages.access import may_read_connection, readable_conn_ids, requires
from airflow_provider_damstra.pages.bounded_threads import limit_calls, run_bounded
from airflow_provider_damstra.pages.known_connections import known_conn_ids
from airflow_provider_damstra.pages.navigation import TRAINING, permitted_pages
from airflow_provider_damstra.pages.rendering import render, response_headers
from airflow_provider_damstra.pages.training_reading import (
    TrainingNotShownError,
    list_groups,
    read_matrix_page,
)

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

PAGE_SECONDS = 40.0
"""Time limit of a page: longer than that of reading, whose message is more precise."""

READ_DEPENDENCIES = [Depends(requires(*TRAINING.permissions))]
GroupId = Annotated[int, Query(ge=1, lt=1 << 63)]
# A form without a choice sends an empty text.
OptionalGroupId = Annotated[GroupId | None, BeforeValidator(lambda text: text or None)]

router = APIRouter()


@router.get(TRAINING.path, dependencies=READ_DEPENDENCIES)
async def show_training(user: GetUserDep, conn_id: str = "", group_id: OptionalGroupId = None) -> Response:
    """Show the choice of connection and group, and a frame with the matrix."""
    return await run_bounded(PAGE_SECONDS, _render, user, conn_id, group_id)


@router.get("/training/matrix", dependencies=READ_DEPENDENCIES)
async def show_matrix(user: GetUserDep, conn_id: str, group_id: GroupId) -> Response:
    """Show the training matrix of a group, a page with a content security policy of its own."""
    return await run_bounded(PAGE_SECONDS, _matrix, user, conn_id, group_id)


def _render(user: BaseUser, conn_id: str, group_id: int | None) -> Response:
    conn_ids = readable_conn_ids(user, known_conn_ids())
    if conn_id and conn_id not in conn_ids:
        raise _not_found(conn_id)
    if len(conn_ids) == 1:
        conn_id = conn_ids[0]
    groups: dict[int, str] = {}
    problem = ""
    if conn_id:
        try:
            with limit_calls(conn_id):
                groups = list_groups(conn_id)
        except (DamstraError, TrainingNotShownError) as error:
            problem = str(error)
    return render(
        "training",
        pages=permitted_pages(user),
        path=TRAINING.path,
        conn_ids=conn_ids,
        conn_id=conn_id,
        groups=groups,
        group_id=group_id if group_id in groups else None,
        problem=problem,
    )


def _matrix(user: BaseUser, conn_id: str, group_id: int) -> Response:
    if conn_id not in known_conn_ids() or not may_read_connection(user, conn_id):
        raise _not_found(conn_id)
    try:
        with limit_calls(conn_id):
            content = read_matrix_page(conn_id, group_id)
    except (DamstraError, TrainingNotShownError) as error:
        return render("error", status=502, heading="The training cannot be shown", message=str(error))
    # The page itself contains the rest of its policy; these two directives have an effect only in a header.
    policy = "sandbox allow-scripts; frame-ancestors 'self'"
    headers = {**response_headers(), "Content-Security-Policy": policy}
    return HTMLResponse(content, headers=headers)


def _not_found(conn_id: str) -> HTTPException:
    return HTTPException(404, f"There is no connection {conn_id!r}, or you may not read it.")

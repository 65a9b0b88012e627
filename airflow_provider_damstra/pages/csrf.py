"""Protection of changing requests against cross-site request forgery.

Airflow authenticates a browser by a cookie, which the browser also sends with forms of other sites of the
same domain. Therefore a form contains a token that is signed for the user, and the request must come from a
page of Airflow itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from airflow.api_fastapi.auth.tokens import get_signing_key
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Form, Request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

MAX_AGE_SECONDS = 12 * 60 * 60


def csrf_token(user: BaseUser) -> str:
    """Return a token for the forms of a user."""
    return str(_serializer().dumps(user.get_id()))


def validate_csrf(
    request: Request, user: GetUserDep, token: Annotated[str, Form(alias="csrf_token")] = ""
) -> None:
    """Dependency of changing routes: reject a request that no form of these pages sent for this user.

    :raises HTTPException: 403.
    """
    # Browsers set this header, and no script can change it.
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise HTTPException(403, "The request comes from another site.")
    try:
        user_id = _serializer().loads(token, max_age=MAX_AGE_SECONDS)
    except BadSignature:
        user_id = None
    if user_id != user.get_id():
        raise HTTPException(403, "The form is outdated or not one of yours. Reload the page and try again.")


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(get_signing_key("api", "secret_key"), salt="damstra-pages")

"""Passwords are sent but not shown in strings and errors; secret responses are not shown in errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from airflow_provider_damstra.endpoints import (
    CreateUser,
    GenerateLoginUrl,
    GetEmbedUrl,
    GetEmbedUrlAllLessonTypes,
    UpdateUser,
)
from airflow_provider_damstra.errors import DamstraResponseError
from airflow_provider_damstra.http import Response
from airflow_provider_damstra.validation_errors import format_validation_error
from tests.endpoints.users import USER

if TYPE_CHECKING:
    from airflow_provider_damstra.endpoints.base import Endpoint

PASSWORD = "hunter2-of-john"
CALLS: list[tuple[type[Endpoint[Any]], dict[str, Any]]] = [
    (CreateUser, {"password": PASSWORD}),
    (UpdateUser, {**USER, "user_id": 7, "password": PASSWORD}),
]
each_call = pytest.mark.parametrize(("endpoint", "arguments"), CALLS)


@each_call
def test_password_is_sent(endpoint: type[Endpoint[Any]], arguments: dict[str, Any]) -> None:
    request = endpoint(**arguments).request()
    assert request.body is not None
    assert request.body["password"] == PASSWORD
    assert PASSWORD.encode() in (request.content or b"")


@each_call
def test_password_is_not_in_repr_of_call_or_request(
    endpoint: type[Endpoint[Any]], arguments: dict[str, Any]
) -> None:
    call = endpoint(**arguments)
    request = call.request()
    texts = [repr(call), str(call), f"{call.model_dump()}", repr(request), str(request), request.target]
    assert [text for text in texts if PASSWORD in text] == []


@pytest.mark.parametrize(
    "invalid",
    [
        {"nonsense": PASSWORD},
        {"password": [PASSWORD]},
        {"password": {"value": PASSWORD}},
        {"roles": [PASSWORD]},
        {"groups": PASSWORD},
        {"userName": {"password": PASSWORD}},
    ],
)
@each_call
def test_password_is_not_in_validation_error(
    endpoint: type[Endpoint[Any]], arguments: dict[str, Any], invalid: dict[str, Any]
) -> None:
    given = {name: value for name, value in arguments.items() if name not in ("password", "roles")}
    with pytest.raises(ValidationError) as caught:
        endpoint(**{**given, **invalid})
    texts = [str(caught.value), repr(caught.value), format_validation_error(caught.value)]
    assert [text for text in texts if PASSWORD in text] == []


@pytest.mark.parametrize(
    "call",
    [
        GenerateLoginUrl(user_id=7),
        GetEmbedUrl(lesson_schedule_id=7),
        GetEmbedUrlAllLessonTypes(lesson_schedule_id=7),
    ],
)
@pytest.mark.parametrize(
    "body",
    [
        b'{"a": "https://secret/1", "b": "https://secret/2"}',
        b'{"embedUrl": ["https://secret/1"]}',
        b'"https://secret/1',
        b"<html>https://secret/1</html>",
    ],
)
def test_unreadable_secret_response_is_not_shown(call: Endpoint[str], body: bytes) -> None:
    request = call.request()
    assert request.response_is_secret
    with pytest.raises(DamstraResponseError) as caught:
        call.read(request, Response(status=200, headers={}, body=body))
    assert "secret/" not in str(caught.value)
    assert "it is not shown, because it contains a secret" in str(caught.value)

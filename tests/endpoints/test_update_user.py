"""UpdateUser: its id is sent in the path and in the body."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from airflow_provider_damstra.endpoints import UpdateUser
from tests.endpoints.users import USER


@pytest.mark.parametrize(
    "ids",
    [
        {"user_id": 7},
        {"userId": 7},
        {"userId": "7"},
        {"id": 7},
        {"id": 7, "userId": 7},
        {"id": 7, "user_id": "7"},
        {"id": "7", "user_id": 7},
    ],
)
def test_id_is_accepted_under_both_names(ids: dict[str, Any]) -> None:
    call = UpdateUser.model_validate({**USER, **ids})
    request = call.request()
    assert call.user_id == 7
    assert request.path == "/user/7"
    assert request.body is not None
    assert request.body["id"] == 7
    assert {"userId", "user_id"} & request.body.keys() == set()


@pytest.mark.parametrize("ids", [{"id": 7, "userId": 8}, {"id": 7, "user_id": "8"}])
def test_different_ids_raise(ids: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="id 7 and userId 8 are two users"):
        UpdateUser.model_validate({**USER, **ids})


@pytest.mark.parametrize("ids", [{}, {"id": 0}, {"user_id": -1}, {"userId": None}, {"id": "x"}])
def test_missing_or_invalid_id_raises(ids: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"(?m)^userId|^user_id|^id"):
        UpdateUser.model_validate({**USER, **ids})


def test_none_is_sent_for_required_field_only() -> None:
    body = UpdateUser.model_validate({**USER, "user_id": 7}).request().body
    assert body == {
        "id": 7,
        "firstName": "John",
        "lastName": "Smith",
        "emailAddress": "john@smith.com",
        "phoneNumber": "08",
        "mobileNumber": "04",
        "employeeNumber": None,
        "roles": [6],
        "timeZone": "Australia/Perth",
    }


def test_fallback_method_changes_only_the_method() -> None:
    call = UpdateUser.model_validate({**USER, "user_id": 7})
    documented, other = call.request(), call.request(method=call.fallback_method)
    assert (documented.method, other.method) == ("PUT", "POST")
    assert (documented.path, documented.body) == (other.path, other.body)

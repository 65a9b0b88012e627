"""Which users of a failed task are looked up, because they may be inactive."""

from __future__ import annotations

import pytest

from airflow_provider_damstra.errors import (
    DamstraAuthError,
    DamstraConflictError,
    DamstraError,
    DamstraNotFoundError,
    DamstraPermissionError,
    DamstraRateLimitError,
    DamstraRequestError,
    DamstraServerError,
    DamstraTransportError,
)
from airflow_provider_damstra.models import User
from airflow_provider_damstra.models.user import ClientStatus
from airflow_provider_damstra.services.status import find_inactive_users
from tests.services.fakes import FakeClient


@pytest.mark.parametrize("error", [DamstraRequestError, DamstraConflictError, DamstraServerError])
def test_user_whom_damstra_rejects_may_be_inactive(error: type[DamstraError]) -> None:
    client = FakeClient(User(id=7, client_status_id=ClientStatus.NOT_CURRENT))
    assert find_inactive_users(client, {7: error("It failed.")}) == [7]


@pytest.mark.parametrize(
    "error",
    [
        DamstraAuthError,
        DamstraNotFoundError,
        DamstraPermissionError,
        DamstraRateLimitError,
        DamstraTransportError,
    ],
)
def test_error_with_another_cause_leads_to_no_further_request(error: type[DamstraError]) -> None:
    client = FakeClient()
    assert find_inactive_users(client, dict.fromkeys(range(1, 1000), error("It failed."))) == []
    assert client.calls == []

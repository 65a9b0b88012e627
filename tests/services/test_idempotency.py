"""Requests whose effect can be looked up: when it is, and when the request is sent again."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_damstra.endpoints import CreateGroup, InactivateUser
from airflow_provider_damstra.errors import (
    DamstraConflictError,
    DamstraError,
    DamstraNotFoundError,
    DamstraRateLimitError,
    DamstraRequestError,
    DamstraResponseError,
    DamstraServerError,
    DamstraTransportError,
)
from airflow_provider_damstra.models.group import Group
from airflow_provider_damstra.services.idempotency import (
    call_and_verify,
    format_ids,
    get_or_create,
    log_or_raise_conflict,
)
from airflow_provider_damstra.services.intent_log import IntentLog
from airflow_provider_damstra.task_state import TaskState
from tests.services.fakes import Lookup, ScriptedClient

CALL = InactivateUser(user_id=7)
CREATE = CreateGroup(name="Welders", description="All of them")
GROUP = Group(id=109, name="Welders")
REQUEST = CALL.request()

CONFLICT = DamstraConflictError("exists", request=REQUEST)
UNKNOWN_OUTCOME = [
    DamstraTransportError("no response", request=REQUEST),
    DamstraServerError("HTTP 503", request=REQUEST, status=503),
    DamstraResponseError("half a response", request=REQUEST, is_transient=True),
]
NOT_CARRIED_OUT = [
    DamstraTransportError("not sent", request=REQUEST, was_sent=False),
    DamstraRateLimitError("slow down", request=REQUEST, status=429),
    DamstraRequestError("bad", request=REQUEST, status=400),
    DamstraNotFoundError("no such user", request=REQUEST, status=404),
]


def test_call_and_verify_does_not_look_up_after_success() -> None:
    client, is_applied = ScriptedClient(None), Lookup()
    assert call_and_verify(client, CALL, is_applied=is_applied)
    assert (len(client.calls), is_applied.count) == (1, 0)


def test_call_and_verify_returns_false_if_effect_is_present_after_conflict() -> None:
    client = ScriptedClient(CONFLICT)
    assert not call_and_verify(client, CALL, is_applied=Lookup(True))
    assert len(client.calls) == 1


def test_call_and_verify_raises_conflict_if_effect_is_missing() -> None:
    client = ScriptedClient(CONFLICT)
    with pytest.raises(DamstraConflictError, match="exists"):
        call_and_verify(client, CALL, is_applied=Lookup(False))
    assert len(client.calls) == 1


@pytest.mark.parametrize("error", UNKNOWN_OUTCOME, ids=str)
def test_call_and_verify_returns_true_if_effect_is_present_after_lost_response(error: DamstraError) -> None:
    client = ScriptedClient(error)
    assert call_and_verify(client, CALL, is_applied=Lookup(True))
    assert len(client.calls) == 1


@pytest.mark.parametrize("error", UNKNOWN_OUTCOME, ids=str)
def test_call_and_verify_resends_if_effect_is_missing_after_lost_response(
    error: DamstraError, caplog: pytest.LogCaptureFixture
) -> None:
    client = ScriptedClient(error, None)
    assert call_and_verify(client, CALL, is_applied=Lookup(False))
    assert client.calls == [CALL, CALL]
    assert f"{error} Its effect is missing; it is sent again." in caplog.text


def test_call_and_verify_resends_only_once() -> None:
    client, is_applied = ScriptedClient(*UNKNOWN_OUTCOME[:2]), Lookup(False)
    with pytest.raises(DamstraServerError):
        call_and_verify(client, CALL, is_applied=is_applied)
    assert (len(client.calls), is_applied.count) == (2, 1)


def test_call_and_verify_accepts_conflict_of_resent_request_if_effect_is_present() -> None:
    # A slow server carries out the first request after the lookup, and refuses the second.
    client, is_applied = ScriptedClient(UNKNOWN_OUTCOME[0], CONFLICT), Lookup(False, True)
    assert call_and_verify(client, CALL, is_applied=is_applied)
    assert (len(client.calls), is_applied.count) == (2, 2)


def test_call_and_verify_raises_conflict_of_resent_request_if_effect_is_missing() -> None:
    client = ScriptedClient(UNKNOWN_OUTCOME[0], CONFLICT)
    with pytest.raises(DamstraConflictError, match="exists"):
        call_and_verify(client, CALL, is_applied=Lookup(False, False))


def test_conflict_with_request_of_earlier_try_counts_as_own_effect() -> None:
    # A slow server carries out the request of the earlier try after the lookup of this one.
    state = TaskState()
    IntentLog(state).add(CALL, CREATE)
    assert call_and_verify(ScriptedClient(CONFLICT, state=state), CALL, is_applied=Lookup(True))
    client = ScriptedClient(CONFLICT, state=state)
    assert get_or_create(client, CREATE, find=Lookup(None, GROUP)) == (GROUP, True)


@pytest.mark.parametrize("error", NOT_CARRIED_OUT, ids=str)
def test_call_and_verify_raises_immediately_if_request_was_not_carried_out(error: DamstraError) -> None:
    client, is_applied = ScriptedClient(error), Lookup()
    with pytest.raises(type(error)):
        call_and_verify(client, CALL, is_applied=is_applied)
    assert (len(client.calls), is_applied.count) == (1, 0)


def test_call_and_verify_does_not_resend_if_lookup_fails() -> None:
    client = ScriptedClient(UNKNOWN_OUTCOME[0])
    with pytest.raises(DamstraServerError):
        call_and_verify(client, CALL, is_applied=Lookup(UNKNOWN_OUTCOME[1]))
    assert len(client.calls) == 1


def test_get_or_create_returns_existing_object() -> None:
    client = ScriptedClient()
    assert get_or_create(client, CREATE, find=Lookup(GROUP)) == (GROUP, False)
    assert client.calls == []


def test_get_or_create_creates_missing_object() -> None:
    client, find = ScriptedClient(GROUP), Lookup(None)
    assert get_or_create(client, CREATE, find=find) == (GROUP, True)
    assert find.count == 1


@pytest.mark.parametrize("error", UNKNOWN_OUTCOME, ids=str)
def test_get_or_create_claims_object_found_after_lost_response(error: DamstraError) -> None:
    client = ScriptedClient(error)
    assert get_or_create(client, CREATE, find=Lookup(None, GROUP)) == (GROUP, True)
    assert len(client.calls) == 1


def test_get_or_create_does_not_claim_object_found_after_conflict() -> None:
    assert get_or_create(ScriptedClient(CONFLICT), CREATE, find=Lookup(None, GROUP)) == (GROUP, False)


@pytest.mark.parametrize("error", UNKNOWN_OUTCOME, ids=str)
def test_get_or_create_does_not_resend_after_lost_response(error: DamstraError) -> None:
    # A slow server may still be processing the first request, and would create two objects.
    client = ScriptedClient(error, GROUP)
    with pytest.raises(type(error)) as caught:
        get_or_create(client, CREATE, find=Lookup(None, None))
    assert caught.value is error
    assert len(client.calls) == 1


def test_get_or_create_raises_conflict_if_object_is_missing() -> None:
    client = ScriptedClient(CONFLICT)
    with pytest.raises(DamstraConflictError):
        get_or_create(client, CREATE, find=Lookup(None, None))
    assert len(client.calls) == 1


@pytest.mark.parametrize("error", NOT_CARRIED_OUT, ids=str)
def test_get_or_create_raises_immediately_if_request_was_not_carried_out(error: DamstraError) -> None:
    client, find = ScriptedClient(error), Lookup(None)
    with pytest.raises(type(error)):
        get_or_create(client, CREATE, find=find)
    assert (len(client.calls), find.count) == (1, 1)


def test_log_or_raise_conflict_raises_only_if_strict(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log_or_raise_conflict("User 7 is active already.", strict=False)
    assert "User 7 is active already." in caplog.text
    with pytest.raises(DamstraConflictError, match="User 7 is active already"):
        log_or_raise_conflict("User 7 is active already.", strict=True)


def test_log_or_raise_conflict_escapes_control_characters(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log_or_raise_conflict("Group 7 (\x1b[2J\nforged) is inactive already.", strict=False)
    assert caplog.messages == [r"Group 7 (\x1b[2J\nforged) is inactive already."]


def test_format_ids_shows_first_hundred() -> None:
    assert format_ids([1, 2]) == "[1, 2]"
    assert format_ids(range(103)) == f"{list(range(100))} and 3 more"

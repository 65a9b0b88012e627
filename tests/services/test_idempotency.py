"""One call whose effect can be looked up: when it is looked up, when it is sent again, and what is told."""

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
    refuse_if_strict,
)
from tests.services.fakes import Looks, ScriptedClient

CALL = InactivateUser(user_id=7)
CREATE = CreateGroup(name="Welders", description="All of them")
GROUP = Group(id=109, name="Welders")
REQUEST = CALL.request()

CONFLICT = DamstraConflictError("exists", request=REQUEST)
LOST = [
    DamstraTransportError("no answer", request=REQUEST),
    DamstraServerError("HTTP 503", request=REQUEST, status=503),
    DamstraResponseError("half an answer", request=REQUEST, is_truncated=True),
]
NOT_CARRIED_OUT = [
    DamstraTransportError("not sent", request=REQUEST, was_sent=False),
    DamstraRateLimitError("slow down", request=REQUEST, status=429),
    DamstraRequestError("bad", request=REQUEST, status=400),
    DamstraNotFoundError("nobody", request=REQUEST, status=404),
]


def test_a_success_is_not_looked_up() -> None:
    client, is_done = ScriptedClient(None), Looks()
    assert call_and_verify(client, CALL, is_done=is_done)
    assert (len(client.calls), is_done.count) == (1, 0)


def test_after_a_conflict_what_is_there_was_there_before() -> None:
    client = ScriptedClient(CONFLICT)
    assert not call_and_verify(client, CALL, is_done=Looks(True))
    assert len(client.calls) == 1


def test_a_conflict_with_something_else_is_an_error() -> None:
    client = ScriptedClient(CONFLICT)
    with pytest.raises(DamstraConflictError, match="exists"):
        call_and_verify(client, CALL, is_done=Looks(False))
    assert len(client.calls) == 1


@pytest.mark.parametrize("lost", LOST, ids=str)
def test_after_a_lost_answer_what_is_there_was_brought_about(lost: DamstraError) -> None:
    client = ScriptedClient(lost)
    assert call_and_verify(client, CALL, is_done=Looks(True))
    assert len(client.calls) == 1


@pytest.mark.parametrize("lost", LOST, ids=str)
def test_after_a_lost_answer_what_is_not_there_is_asked_for_once_more(
    lost: DamstraError, caplog: pytest.LogCaptureFixture
) -> None:
    client = ScriptedClient(lost, None)
    assert call_and_verify(client, CALL, is_done=Looks(False))
    assert client.calls == [CALL, CALL]
    assert f"{lost} Its effect is not there; it is sent once more." in caplog.text


def test_it_is_asked_for_once_more_only() -> None:
    client, is_done = ScriptedClient(*LOST[:2]), Looks(False)
    with pytest.raises(DamstraServerError):
        call_and_verify(client, CALL, is_done=is_done)
    assert (len(client.calls), is_done.count) == (2, 1)


@pytest.mark.parametrize("error", NOT_CARRIED_OUT, ids=str)
def test_what_was_not_carried_out_is_not_looked_up(error: DamstraError) -> None:
    client, is_done = ScriptedClient(error), Looks()
    with pytest.raises(type(error)):
        call_and_verify(client, CALL, is_done=is_done)
    assert (len(client.calls), is_done.count) == (1, 0)


def test_a_look_that_fails_sends_nothing_again() -> None:
    client = ScriptedClient(LOST[0])
    with pytest.raises(DamstraServerError):
        call_and_verify(client, CALL, is_done=Looks(LOST[1]))
    assert len(client.calls) == 1


def test_what_is_found_is_not_created() -> None:
    client = ScriptedClient()
    assert get_or_create(client, CREATE, find=Looks(GROUP)) == (GROUP, False)
    assert client.calls == []


def test_what_is_not_found_is_created() -> None:
    client, find = ScriptedClient(GROUP), Looks(None)
    assert get_or_create(client, CREATE, find=find) == (GROUP, True)
    assert find.count == 1


@pytest.mark.parametrize("lost", LOST, ids=str)
def test_what_is_found_after_a_lost_answer_was_created_here(lost: DamstraError) -> None:
    client = ScriptedClient(lost)
    assert get_or_create(client, CREATE, find=Looks(None, GROUP)) == (GROUP, True)
    assert len(client.calls) == 1


def test_what_is_found_after_a_conflict_was_created_by_somebody_else() -> None:
    assert get_or_create(ScriptedClient(CONFLICT), CREATE, find=Looks(None, GROUP)) == (GROUP, False)


@pytest.mark.parametrize("lost", LOST, ids=str)
def test_what_is_not_found_after_a_lost_answer_is_not_sent_again_at_once(lost: DamstraError) -> None:
    # A slow server may still be at it, and would create it twice.
    client = ScriptedClient(lost, GROUP)
    with pytest.raises(type(lost)) as caught:
        get_or_create(client, CREATE, find=Looks(None, None))
    assert caught.value is lost
    assert len(client.calls) == 1


def test_a_conflict_with_what_cannot_be_found_is_an_error() -> None:
    client = ScriptedClient(CONFLICT)
    with pytest.raises(DamstraConflictError):
        get_or_create(client, CREATE, find=Looks(None, None))
    assert len(client.calls) == 1


@pytest.mark.parametrize("error", NOT_CARRIED_OUT, ids=str)
def test_what_was_certainly_not_created_is_not_looked_for_again(error: DamstraError) -> None:
    client, find = ScriptedClient(error), Looks(None)
    with pytest.raises(type(error)):
        get_or_create(client, CREATE, find=find)
    assert (len(client.calls), find.count) == (1, 1)


def test_what_is_so_already_is_logged_or_an_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    refuse_if_strict("User 7 is active already.", strict=False)
    assert "User 7 is active already." in caplog.text
    with pytest.raises(DamstraConflictError, match="User 7 is active already"):
        refuse_if_strict("User 7 is active already.", strict=True)


def test_a_log_shows_a_hundred_ids() -> None:
    assert format_ids([1, 2]) == "[1, 2]"
    assert format_ids(range(103)) == f"{list(range(100))} and 3 more"

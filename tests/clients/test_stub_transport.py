"""What no server can do on purpose: failures inside requests, in the client for workers."""

from __future__ import annotations

import pytest
import requests
import requests_mock

from airflow_provider_damstra.clients.settings import ClientSettings
from airflow_provider_damstra.clients.sync import Client
from airflow_provider_damstra.endpoints import CreateGroup, GetUser
from airflow_provider_damstra.errors import DamstraResponseError, DamstraTransportError

URL = "http://127.0.0.1:9/api/v2"
CREATE = CreateGroup(name="Pit Crew A", description="Haul trucks")
LOST = (
    requests.ConnectionError("out of nowhere"),
    requests.ReadTimeout("nothing came"),
    requests.exceptions.InvalidProxyURL("no such proxy"),
)


def client() -> Client:
    settings = ClientSettings.model_validate({"base_url": URL, "access_key": "stub-key", "max_retries": 2})
    return Client(settings, sleep=lambda _: None)


@pytest.mark.parametrize("failure", LOST, ids=lambda failure: type(failure).__name__)
def test_a_post_that_fails_for_whatever_reason_is_sent_once(failure: requests.RequestException) -> None:
    with requests_mock.Mocker() as transport:
        transport.post(f"{URL}/group", exc=failure)
        with pytest.raises(DamstraTransportError) as caught:
            client().call(CREATE)
    assert transport.call_count == 1
    assert caught.value.may_have_been_carried_out


@pytest.mark.parametrize("failure", LOST, ids=lambda failure: type(failure).__name__)
def test_a_get_that_fails_for_whatever_reason_is_tried_again(failure: requests.RequestException) -> None:
    with requests_mock.Mocker() as transport:
        transport.get(f"{URL}/user/7", [{"exc": failure}, {"exc": failure}, {"json": {"id": 7}}])
        assert client().call(GetUser(user_id=7)).id == 7
    assert transport.call_count == 3


def test_a_connection_that_never_came_about_is_tried_again_for_a_post() -> None:
    with requests_mock.Mocker() as transport:
        answer = {"id": 1, "name": "Pit Crew A"}
        transport.post(f"{URL}/group", [{"exc": requests.ConnectTimeout("too slow")}, {"json": answer}])
        assert client().call(CREATE).id == 1
    assert transport.call_count == 2


def test_an_answer_whose_encoding_is_broken_was_an_answer_all_the_same() -> None:
    with requests_mock.Mocker() as transport:
        transport.post(f"{URL}/group", exc=requests.exceptions.ContentDecodingError("no gzip"))
        with pytest.raises(DamstraResponseError) as caught:
            client().call(CREATE)
    assert transport.call_count == 1
    assert caught.value.may_have_been_carried_out

"""What is made of answers that are no plain JSON objects: URLs, ids, files, and nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.endpoints import (
    ActivateUser,
    AddGroupMembers,
    BulkUserImport,
    DownloadCertificate,
    GenerateLoginUrl,
    GetEmbedUrl,
    GetUser,
    ListUserLessonSchedules,
    ScheduleUser,
)
from airflow_provider_damstra.errors import DamstraResponseError
from airflow_provider_damstra.http import Response

if TYPE_CHECKING:
    from airflow_provider_damstra.endpoints.base import Endpoint

URL = "https://app.velpic.com/touch/7?token=abc"
SCHEDULE = ScheduleUser(user_id=1, lesson_version_ids=[1], grace_period=14, grace_period_unit="days")


def read(call: Endpoint[Any], body: str | bytes, status: int = 200) -> Any:
    raw = body if isinstance(body, bytes) else body.encode()
    return call.read(call.request(), Response(status=status, headers={}, body=raw))


@pytest.mark.parametrize(
    "body",
    [URL, f"\n {URL} \n", f'"{URL}"', f'{{"url": "{URL}"}}', f'{{"loginUrl": "{URL}", "userId": 7}}'],
)
def test_a_login_url_is_text_a_json_text_or_the_only_text_in_an_object(body: str) -> None:
    assert read(GenerateLoginUrl(user_id=7), body) == URL


@pytest.mark.parametrize(
    "body",
    [
        "",
        "  ",
        '""',
        "{}",
        '{"id": 7}',
        '{"a": "x", "b": "y"}',
        '{"url": null}',
        '"cut',
        "null",
        "[]",
        "<p>x",
    ],
)
def test_an_answer_without_one_url_cannot_be_read(body: str) -> None:
    with pytest.raises(DamstraResponseError, match=r"GenerateLoginUrl \(POST /user/7/generate_login_url\)"):
        read(GenerateLoginUrl(user_id=7), body)


def test_when_the_login_url_ends_goes_to_the_query_and_there_is_no_body() -> None:
    request = GenerateLoginUrl(user_id=7, expires_in="day").request()
    assert request.target == "/user/7/generate_login_url?expiresIn=day"
    assert request.content is None


def test_an_embed_url_is_taken_out_of_its_object() -> None:
    assert read(GetEmbedUrl(lesson_schedule_id=7), f'{{"embedUrl": "{URL}", "new": 1}}') == URL


@pytest.mark.parametrize(
    ("body", "ids"), [('{"ids": [3, 4]}', [3, 4]), ('{"ids": ["3"]}', [3]), ('{"ids": []}', []), ("{}", [])]
)
def test_ids_are_taken_out_of_their_object(body: str, ids: list[int]) -> None:
    assert read(SCHEDULE, body) == ids


@pytest.mark.parametrize("body", ["", "HTTP/1.1 200 OK", "{}", '{"success": true}', "null", "garbage {"])
@pytest.mark.parametrize("status", [200, 201, 204])
def test_a_command_answers_nothing_whatever_its_success_says(body: str, status: int) -> None:
    assert read(ActivateUser(user_id=7), body, status) is None
    assert read(AddGroupMembers(group_id=1, user_ids=[7]), body, status) is None


@pytest.mark.parametrize(
    "call", [ActivateUser(user_id=7), GetUser(user_id=7), SCHEDULE, DownloadCertificate(lesson_schedule_id=7)]
)
def test_a_web_page_is_no_answer(call: Endpoint[Any]) -> None:
    with pytest.raises(DamstraResponseError, match="cannot be read"):
        read(call, "\r\n <!DOCTYPE html><title>Log in</title>")


def test_a_certificate_is_a_pdf_file() -> None:
    assert read(DownloadCertificate(lesson_schedule_id=7), b"%PDF-1.4 \xff\x00") == b"%PDF-1.4 \xff\x00"
    for body in (b"", b"{}", b"PDF"):
        with pytest.raises(DamstraResponseError, match="it is no PDF file"):
            read(DownloadCertificate(lesson_schedule_id=7), body)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("{}", "id: Field required"),
        ('{"id": "x"}', "id: Input should be a valid integer"),
        ("[1]", "the whole: Input should be an object"),
        ("not json", "Invalid JSON"),
        ("", "the response is empty"),
        ('{"id": 7, "userName": "x', "EOF while parsing"),
    ],
)
def test_an_answer_of_another_shape_names_what_does_not_fit(body: str, why: str) -> None:
    with pytest.raises(DamstraResponseError, match=why) as caught:
        read(GetUser(user_id=7), body)
    assert caught.value.status == 200
    assert caught.value.is_truncated is ("EOF" in str(caught.value))


def test_one_bad_row_names_its_place() -> None:
    with pytest.raises(DamstraResponseError, match=r"results\.1\.id: Field required"):
        read(ListUserLessonSchedules(user_id=1), '{"results": [{"id": 1}, {"status": "due"}]}')


def test_an_error_that_comes_as_a_success_is_an_error() -> None:
    with pytest.raises(Exception, match="Lesson Schedule already exists"):
        read(SCHEDULE, '{"error": "Lesson Schedule already exists"}')


def test_an_import_sends_only_what_is_named_and_returns_the_users() -> None:
    call = BulkUserImport.model_validate(
        {"users": [{"userName": "a"}, {"firstName": "B", "roles": [6]}], "mergeType": "empNo"}
    )
    assert call.request().body == {
        "mergeType": "empNo",
        "users": [{"userName": "a"}, {"firstName": "B", "roles": [6]}],
    }
    assert [user.id for user in read(call, '[{"id": 1}, {"id": 2}]')] == [1, 2]

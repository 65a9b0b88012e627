"""Results of responses that are not plain JSON objects: URLs, ids, files, no content."""

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
def test_login_url_is_read_from_text_json_string_and_object(body: str) -> None:
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
def test_login_response_without_single_url_raises(body: str) -> None:
    with pytest.raises(DamstraResponseError, match=r"GenerateLoginUrl \(POST /user/7/generate_login_url\)"):
        read(GenerateLoginUrl(user_id=7), body)


def test_login_url_expiry_is_sent_in_query_without_body() -> None:
    request = GenerateLoginUrl(user_id=7, expires_in="day").request()
    assert request.target == "/user/7/generate_login_url?expiresIn=day"
    assert request.content is None


def test_embed_url_is_unwrapped() -> None:
    assert read(GetEmbedUrl(lesson_schedule_id=7), f'{{"embedUrl": "{URL}", "new": 1}}') == URL


@pytest.mark.parametrize(
    ("body", "ids"), [('{"ids": [3, 4]}', [3, 4]), ('{"ids": ["3"]}', [3]), ('{"ids": []}', []), ("{}", [])]
)
def test_ids_are_unwrapped(body: str, ids: list[int]) -> None:
    assert read(SCHEDULE, body) == ids


@pytest.mark.parametrize("body", ["", "HTTP/1.1 200 OK", "{}", '{"success": true}', "null", "garbage {"])
@pytest.mark.parametrize("status", [200, 201, 204])
def test_no_content_endpoint_returns_none_for_any_body(body: str, status: int) -> None:
    assert read(ActivateUser(user_id=7), body, status) is None
    assert read(AddGroupMembers(group_id=1, user_ids=[7]), body, status) is None


@pytest.mark.parametrize(
    "call", [ActivateUser(user_id=7), GetUser(user_id=7), SCHEDULE, DownloadCertificate(lesson_schedule_id=7)]
)
def test_html_response_raises(call: Endpoint[Any]) -> None:
    with pytest.raises(DamstraResponseError, match="cannot be read"):
        read(call, "\r\n <!DOCTYPE html><title>Log in</title>")


def test_certificate_returns_pdf_bytes_and_rejects_other_bodies() -> None:
    assert read(DownloadCertificate(lesson_schedule_id=7), b"%PDF-1.4 \xff\x00") == b"%PDF-1.4 \xff\x00"
    for body in (b"", b"{}", b"PDF"):
        with pytest.raises(DamstraResponseError, match="it is no PDF file"):
            read(DownloadCertificate(lesson_schedule_id=7), body)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("{}", "id: Field required"),
        ('{"id": "x"}', "id: Input should be a valid integer"),
        ("[1]", "the whole: Input should be an object"),
        ("not json", "Invalid JSON"),
        ("", "the response is empty"),
        ('{"id": 7, "userName": "x', "EOF while parsing"),
    ],
)
def test_invalid_response_error_names_fields(body: str, reason: str) -> None:
    with pytest.raises(DamstraResponseError, match=reason) as caught:
        read(GetUser(user_id=7), body)
    assert caught.value.status == 200
    assert caught.value.is_transient is ("EOF" in str(caught.value))


def test_invalid_row_error_names_index() -> None:
    with pytest.raises(DamstraResponseError, match=r"results\.1\.id: Field required"):
        read(ListUserLessonSchedules(user_id=1), '{"results": [{"id": 1}, {"status": "due"}]}')


def test_error_body_with_status_200_raises() -> None:
    with pytest.raises(Exception, match="Lesson Schedule already exists"):
        read(SCHEDULE, '{"error": "Lesson Schedule already exists"}')


def test_bulk_import_sends_only_given_fields_and_returns_users() -> None:
    call = BulkUserImport.model_validate(
        {"users": [{"userName": "a"}, {"firstName": "B", "roles": [6]}], "mergeType": "empNo"}
    )
    assert call.request().body == {
        "mergeType": "empNo",
        "users": [{"userName": "a"}, {"firstName": "B", "roles": [6]}],
    }
    assert [user.id for user in read(call, '[{"id": 1}, {"id": 2}]')] == [1, 2]

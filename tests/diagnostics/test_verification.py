"""Verification of an account: on the emulator, and on a server that deviates from each assumption."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from airflow_provider_damstra import endpoints
from airflow_provider_damstra.clients.settings import ClientSettings
from airflow_provider_damstra.diagnostics.verification.account import UNKNOWN_ID
from airflow_provider_damstra.diagnostics.verification.assumption import ASSUMPTIONS, Outcome
from airflow_provider_damstra.diagnostics.verification.model_assumptions import SAMPLES
from airflow_provider_damstra.diagnostics.verification.report import render_json, render_markdown
from airflow_provider_damstra.diagnostics.verification.run import check_assumption, open_account, verify
from tests.contract.api import Api
from tests.diagnostics.deviating_server import (
    ABSENT,
    DeviatingServer,
    Deviation,
    deviating_server,
    first_only,
    ignore,
    members,
    replace,
    results,
    rows,
    status,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_damstra.testing import DamstraEmulator

SCHEDULES = r"/user/\d+/lesson_schedule"
UNKNOWN = str(UNKNOWN_ID)
LIMITS = {"max_requests": 150, "page_size": 50}
DEVIATIONS: dict[str, Deviation] = {
    "paging.default-size": results("/user", lambda found: found[:7]),
    "paging.zero-size": results("/user", lambda found: found[:7]),
    "paging.cap": results("/user", lambda found: found[:10]),
    "paging.order": results("/group", lambda found: found[::-1]),
    "paging.offset": ignore("/lesson", "startIndex"),
    "paging.beyond-end": ignore("/user", "startIndex"),
    "paging.meta": members("/user", meta={"totalResultCount": 37, "startIndex": 0, "endIndex": 20}),
    "paging.schedules-have-no-meta": members(SCHEDULES, meta={}),
    "paging.attendees": ignore(r"/ilt_session/\d+/attendees", "startIndex"),
    "errors.access-key": status("/user", 401),
    "errors.token": members("/lesson", message="a text"),
    "errors.unknown-user": members(f"/user/{UNKNOWN}", internalCode=841),
    "errors.unknown-group": members(f"/group/{UNKNOWN}", error="a text"),
    "errors.unknown-group-members": status(f"/group/{UNKNOWN}/member", 200),
    "errors.unknown-schedule": members(f"/lesson_schedule/{UNKNOWN}", internalCode=841),
    "errors.unknown-ilt-session": status(f"/ilt_session/{UNKNOWN}", 400),
    "requests.unknown-parameter": ignore("/user", "unknownParameter"),
    "requests.repeated-parameter": first_only("/user"),
    "requests.invalid-number": ignore("/user", "startIndex"),
    "requests.trailing-slash": status("/user/", 404),
    "responses.content-type": Deviation(
        "/group", change_answer=lambda answer: setattr(answer, "content_type", "text/plain")
    ),
    "responses.absent-fields": rows("/user", phoneNumber=None),
    "users.search": replace("/user", "q", "no such name"),
    "users.employee-number": ignore("/user", "empId"),
    "users.email-address": ignore("/user", "emailAddress"),
    "users.all-filters": ignore("/user", "q"),
    "users.active": ignore("/user", "activeValue"),
    "users.role": ignore("/user", "roleId"),
    "users.groups-are-objects": rows("/user", groups=[102]),
    "groups.member-count": rows("/group", memberCount=0),
    "groups.search": replace("/group", "q", "no such name"),
    "lessons.one-active-version": rows("/lesson", status="active"),
    "lessons.published-states": ignore("/lesson", "publishedStates"),
    "lessons.ids": ignore("/lesson", "lessonIds"),
    "lessons.published-codes": rows("/lessondetails", published=65),
    "schedules.status-codes": rows(SCHEDULES, statusId=91),
    "schedules.any-status": ignore(SCHEDULES, "status"),
    "schedules.status-by-dates": rows(SCHEDULES, endDate="2020-01-01T00:00:00.000Z"),
    "schedules.one-open": rows(SCHEDULES, lessonVersionId=2002, status="due", lessonCompletedDate=ABSENT),
    "schedules.completed-date": rows(SCHEDULES, lessonCompletedDate=ABSENT),
    "schedules.type": rows(SCHEDULES, scheduleType="manual"),
    "schedules.progress": rows(SCHEDULES, progress=1),
    "schedules.completion-type": rows(SCHEDULES, completionTypeId=79),
    "schedules.by-id": members(r"/lesson_schedule/\d+", status="due"),
    "schedules.certificate": status(r"/lesson_schedule/\d+/certificate", 200),
    "ilt.state": members(r"/ilt_session/\d+", state="past"),
    "ilt.state-filter": ignore("/ilt_session", "state"),
    "ilt.status-filter": ignore("/ilt_session", "status"),
    "ilt.fields": rows("/ilt_session", state="past"),
    "ilt.attendee-count": members(r"/ilt_session/\d+", numberOfAttendees=99),
    "ilt.rates": members(r"/ilt_session/\d+", attendanceRate=0.75),
    "ilt.places": members(r"/ilt_session/\d+", numberOfPlaces=1),
    "ilt.schedule-filter": replace("/ilt_session", "lessonScheduleId", "1"),
    "model.ListUsers": rows("/user", surname="Kelly"),
    "model.GetUser": members(r"/user/\d+", id=ABSENT),
    "model.ListGroups": rows("/group", createdDate="2026-01-31T09:00:00Z"),
    "model.GetGroup": members(r"/group/\d+", memberCount="7"),
    "model.ListGroupMembers": rows(r"/group/\d+/member", roles=[1]),
    "model.ListGroupSupervisors": rows(r"/group/\d+/supervisor", roles={}),
    "model.ListLessons": rows("/lesson", status="archived"),
    "model.ListLessonDetails": rows("/lessondetails", lessonVersionId=None),
    "model.ListUserLessonSchedules": rows(SCHEDULES, startDate="31/01/2026"),
    "model.GetLessonSchedule": members(r"/lesson_schedule/\d+", active="yes"),
    "model.ListIltSessions": rows("/ilt_session", statusId=4),
    "model.GetIltSession": members(r"/ilt_session/\d+", state="paused"),
    "model.ListIltSessionAttendees": rows(r"/ilt_session/\d+/attendees", createdDate=""),
}
"""How the server deviates from each assumption."""

MODEL_DEVIATIONS = {
    "model.ListUsers": "surname: unknown field of type string in 37 of 37 rows",
    "model.GetUser": "id: missing in 4 of 4 rows",
    "model.ListGroups": "createdDate: YYYY-MM-DDTHH:MM:SSZ instead of YYYY-MM-DD HH:MM:SS in 7 of 7 rows",
    "model.GetGroup": "memberCount: string instead of integer in 4 of 4 rows",
    "model.ListGroupMembers": "roles: undocumented value 1 in ",
    "model.ListGroupSupervisors": "roles: object instead of array in ",
    "model.ListLessons": "status: undocumented value archived in 8 of 8 rows",
    "model.ListLessonDetails": "lessonVersionId: null instead of integer in 8 of 8 rows",
    "model.ListUserLessonSchedules": "startDate: no date (string) instead of YYYY-MM-DDTHH:MM:SS.mmmZ in ",
    "model.GetLessonSchedule": "active: string instead of boolean in ",
    "model.ListIltSessions": "statusId: undocumented value 4 in 3 of 3 rows",
    "model.GetIltSession": "state: undocumented value paused in 3 of 3 rows",
    "model.ListIltSessionAttendees": (
        "createdDate: an empty text instead of YYYY-MM-DDTHH:MM:SS.mmm+HHMM in 10 of 10 rows"
    ),
}
"""What is reported of the deviations from the models."""


@pytest.fixture(scope="module")
def server_and_url(_running_damstra_emulator: DamstraEmulator) -> Iterator[tuple[DeviatingServer, str]]:
    with deviating_server(_running_damstra_emulator) as server:
        yield server


def settings_of(emulator: DamstraEmulator, base_url: str | None = None) -> ClientSettings:
    """Return the settings of a client for the emulator, or for the server that deviates from it."""
    url = base_url or f"{emulator.url}/api/v2"
    return ClientSettings(base_url=url, access_key=SecretStr(emulator.access_key), timeout=60)


def test_every_assumption_has_a_deviation_and_an_unique_id() -> None:
    ids = [item.assumption_id for item in ASSUMPTIONS]
    assert sorted(ids) == sorted(DEVIATIONS)
    assert {f"model.{operation}" for operation in SAMPLES} == MODEL_DEVIATIONS.keys()


def test_every_operation_that_reads_records_is_compared_with_its_model() -> None:
    not_json = {"DownloadCertificate", "GetEmbedUrl", "GetEmbedUrlAllLessonTypes"}
    calls = {name for name in endpoints.__all__ if getattr(endpoints, name).method == "GET"}
    assert calls - not_json == SAMPLES.keys()


def test_emulator_confirms_every_assumption(damstra_emulator: DamstraEmulator) -> None:
    verification = verify(settings_of(damstra_emulator), **LIMITS)
    outcomes = {result.assumption_id: result.outcome for result in verification.results}
    # It has fewer users than a page may have rows.
    assert outcomes.pop("paging.cap") is Outcome.NOT_OBSERVABLE
    assert set(outcomes.values()) == {Outcome.CONFIRMED}
    assert verification.has_responded
    assert verification.deviations == []
    journal = damstra_emulator.journal()
    assert len(journal) == verification.request_count
    assert {entry["method"] for entry in journal} == {"GET"}
    assert [row for entry in journal for row in entry["rows"]] == []


def test_cap_of_pages_is_confirmed_on_a_larger_account(damstra_emulator: DamstraEmulator) -> None:
    damstra_emulator.reset(seed="large:150")
    (item,) = (item for item in ASSUMPTIONS if item.assumption_id == "paging.cap")
    with open_account(settings_of(damstra_emulator), **LIMITS) as account:
        assert check_assumption(item, account).outcome is Outcome.CONFIRMED


@pytest.mark.parametrize("assumption_id", sorted(DEVIATIONS))
def test_deviation_is_found(
    assumption_id: str, damstra_emulator: DamstraEmulator, server_and_url: tuple[DeviatingServer, str]
) -> None:
    server, base_url = server_and_url
    (item,) = (item for item in ASSUMPTIONS if item.assumption_id == assumption_id)
    server.deviation = DEVIATIONS[assumption_id]
    with open_account(settings_of(damstra_emulator, base_url), **LIMITS) as account:
        result = check_assumption(item, account)
    assert result.outcome is Outcome.DEVIATES
    assert "cannot be compared" not in str(result.details)
    if expected := MODEL_DEVIATIONS.get(assumption_id):
        assert any(detail.startswith(expected) for detail in result.details), result.details


def test_empty_account_is_not_observable(damstra_emulator: DamstraEmulator) -> None:
    damstra_emulator.reset(seed="empty")
    results = {
        result.assumption_id: result for result in verify(settings_of(damstra_emulator), **LIMITS).results
    }
    assert {result.outcome for result in results.values()} == {Outcome.CONFIRMED, Outcome.NOT_OBSERVABLE}
    assert results["model.GetIltSession"].details == ("the account has no such records",)


def test_number_of_requests_is_limited(damstra_emulator: DamstraEmulator) -> None:
    verification = verify(settings_of(damstra_emulator), max_requests=5, page_size=50)
    assert verification.request_count == len(damstra_emulator.journal()) == 5
    details = [detail for result in verification.results for detail in result.details]
    assert "the limit of 5 requests is reached" in details


def test_refused_calls_are_not_observable(damstra_emulator: DamstraEmulator) -> None:
    refused = {"internalCode": 831, "error": "Not authorised"}
    damstra_emulator.add_fault("status", path="/ilt_session/**", status=403, body=refused)
    damstra_emulator.add_fault("status", path="/ilt_session", status=403, body=refused)
    damstra_emulator.add_fault("drop_before", path="/group")
    results = {
        result.assumption_id: result for result in verify(settings_of(damstra_emulator), **LIMITS).results
    }
    assert results["errors.unknown-ilt-session"].details == ("GetIltSession was refused (HTTP 403)",)
    assert results["model.ListGroups"].details == ("ListGroups received no response",)
    assert results["users.search"].outcome is Outcome.CONFIRMED
    assert not [result for result in results.values() if result.outcome is Outcome.DEVIATES]


def test_invalid_ids_do_not_lose_the_report(
    damstra_emulator: DamstraEmulator, server_and_url: tuple[DeviatingServer, str]
) -> None:
    server, base_url = server_and_url
    ids = iter([True, 0, -1, "x", None])
    server.deviation = rows("/group", id=lambda row: next(ids, row["id"]))
    verification = verify(settings_of(damstra_emulator, base_url), **LIMITS)
    outcomes = {result.assumption_id: result.outcome for result in verification.results}
    assert outcomes["model.ListGroups"] is Outcome.DEVIATES
    assert "ListGroups" in verification.fields
    assert "ListUsers" in verification.fields
    assert "cannot be compared" not in render_markdown(verification)


def test_deviation_is_kept_if_another_part_has_no_records(
    damstra_emulator: DamstraEmulator, server_and_url: tuple[DeviatingServer, str]
) -> None:
    server, base_url = server_and_url
    (item,) = (item for item in ASSUMPTIONS if item.assumption_id == "schedules.by-id")
    # No schedule by id is one of the listing.
    server.deviation = members(r"/lesson_schedule/\d+", status="due", id=lambda row: row["id"] + 10**9)
    with open_account(settings_of(damstra_emulator, base_url), **LIMITS) as account:
        result = check_assumption(item, account)
    assert result.outcome is Outcome.DEVIATES
    assert "schedules have a status" in result.details[0]


def values_of_records(emulator: DamstraEmulator) -> set[str]:
    """Return names, addresses, numbers and ids of the account."""
    api = Api(emulator.url, emulator.access_key)
    try:
        users = api.results("/user", activeValue="all")
        records = [
            *users,
            *api.results("/group"),
            *api.results("/lesson"),
            *api.results("/ilt_session"),
            *(row for user in users[:30] for row in api.results(f"/user/{user['id']}/lesson_schedule")),
        ]
    finally:
        api.close()
    enumerations = {"status", "scheduleType", "timeZone", "type"}
    values = {
        str(value)
        for record in records
        for name, value in record.items()
        if name not in enumerations and (isinstance(value, str) or (name.lower().endswith("id") and value))
    }
    # Ids of few digits, such as those of statuses, also are counts.
    return {value for value in values if len(value) > 3}


def test_report_has_no_value_of_a_record(
    damstra_emulator: DamstraEmulator, server_and_url: tuple[DeviatingServer, str]
) -> None:
    server, base_url = server_and_url
    values = values_of_records(damstra_emulator)
    assert {"Kelly", "1011", "Pit Crew A", "Site Induction"} <= values
    leaks = {"Margaret Kelly": "secret", "status": "Margaret Kelly", "createdDate": "Margaret Kelly"}
    server.deviation = rows("/lesson", **leaks)
    verification = verify(settings_of(damstra_emulator, base_url), **LIMITS)
    for report in (render_markdown(verification), render_json(verification)):
        words = set(re.findall(r"[\w.@-]+", report))
        assert words & values == set()
        assert not [value for value in values if " " in value and value in report]
        assert damstra_emulator.access_key not in report
        assert damstra_emulator.url.removeprefix("http://") not in report
        assert "a name that is not an identifier" in report


def test_report_has_every_assumption_and_the_shapes(damstra_emulator: DamstraEmulator) -> None:
    verification = verify(settings_of(damstra_emulator), **LIMITS)
    report: dict[str, Any] = json.loads(render_json(verification))
    assert [item["id"] for item in report["assumptions"]] == [item.assumption_id for item in ASSUMPTIONS]
    assert report["summary"] == {"confirmed": len(ASSUMPTIONS) - 1, "deviates": 0, "not observable": 1}
    assert report["fields"]["ListGroups"]["fields"]["createdDate"] == {
        "missing": 0,
        "types": {"string": 7},
        "formats": {"YYYY-MM-DD HH:MM:SS": 7},
    }
    markdown = render_markdown(verification)
    assert "| createdDate | 0 | string 7 | YYYY-MM-DD HH:MM:SS 7 |" in markdown
    assert all(f"| `{item.assumption_id}`: " in markdown for item in ASSUMPTIONS)

"""Delivery of completions to an HTTP endpoint: what is sent, receipts, failures."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_damstra.transfers import completion_delivery
from tests.operators.task_runner import TaskInstance, run
from tests.transfers.completion_step import DUE, FAILED_TEST, LIAM, PASSED, completions, delivery

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.transfers.endpoint_server import EndpointServer, ReceivedRequest

UNKNOWN = 39999
PERSONAL = ("Liam", "Murphy", "liam.murphy@example.com", "E1011", "l.murphy")


def receipts(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted((folder / "receipts").iterdir())]


@pytest.mark.parametrize("body_format", ["json", "multipart"])
def test_completion_is_sent_with_certificate_and_idempotency_key(
    body_format: str, hr: EndpointServer, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    hr.respond = lambda _: (202, {"X-Request-Id": "r-1"}, b'{"accepted": true}')
    operator = delivery(tmp_path, http_conn_id="hr", endpoint="/v1/done?x=1", body_format=body_format)
    outcome = run(operator)
    counts = {"delivered": 1, "skipped": 0, "failed": 0}
    assert (outcome.value, outcome.xcoms) == (counts, counts)
    (request,) = hr.requests
    assert request.path == "/v1/done?x=1"
    assert request.headers["x-api-key"] == "key-of-hr"
    login = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
    assert login == "airflow:p\u00e4ssw\u00f6rd"
    completion = request.completion()
    pdf = api.request("GET", f"/lesson_schedule/{PASSED}/certificate").content
    if body_format == "json":
        certificate = completion.pop("certificate")
        assert (certificate["file_name"], base64.b64decode(certificate["content"])) == (
            "certificate-30013.pdf",
            pdf,
        )
    else:
        assert request.parts()["certificate"] == ("certificate-30013.pdf", "application/pdf", pdf)
    schedule, user = api.get_json(f"/lesson_schedule/{PASSED}"), api.get_json(f"/user/{LIAM}")
    assert completion == {
        "lesson_schedule_id": PASSED,
        "person": {
            "user_id": LIAM,
            "employee_number": user["employeeNumber"],
            "first_name": "Liam",
            "last_name": "Murphy",
            "email_address": user["emailAddress"],
        },
        "lesson": {
            "lesson_id": 201,
            "name": "Site Induction",
            "version": 2,
            "lesson_version_id": schedule["lessonVersionId"],
        },
        "completed_at": schedule["lessonCompletedDate"],
        "passed": True,
    }
    (receipt,) = receipts(tmp_path)
    assert receipt["idempotency_key"] == request.key
    assert (receipt["lesson_schedule_id"], receipt["status"], receipt["request_id"]) == (PASSED, 202, "r-1")
    assert receipt["target"] == f"http://127.0.0.1:{hr.port}/v1/done"
    assert not [value for value in (*PERSONAL, "key-of-hr") if value in json.dumps(receipt)]
    assert {entry["method"] for entry in damstra_emulator.journal()} == {"GET"}


@pytest.mark.parametrize(
    ("schedule_id", "includes", "is_sent"), [(FAILED_TEST, True, False), (PASSED, False, False)]
)
def test_certificate_is_left_out_if_not_passed_or_not_wanted(
    schedule_id: int,
    includes: bool,
    is_sent: bool,
    hr: EndpointServer,
    damstra_emulator: DamstraEmulator,
    tmp_path: Path,
) -> None:
    arguments: dict[str, Any] = {"http_conn_id": "hr", "include_certificate": includes}
    run(delivery(tmp_path, lesson_schedule_ids=schedule_id, **arguments))
    (request,) = hr.requests
    assert ("certificate" in request.parts()) == is_sent
    assert request.completion()["passed"] == (schedule_id == PASSED)


def test_completion_is_delivered_once_unless_redelivered(
    hr: EndpointServer, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    def deliver(run_id: str, **arguments: Any) -> Any:
        ids = [PASSED, str(PASSED), FAILED_TEST]
        operator = delivery(tmp_path, http_conn_id="hr", lesson_schedule_ids=ids, **arguments)
        return run(operator, run_id=run_id, try_number=2 if arguments.get("redeliver") else 1).value

    assert deliver("one") == {"delivered": 2, "skipped": 0, "failed": 0}
    damstra_emulator.clear_journal()
    assert deliver("two") == {"delivered": 0, "skipped": 2, "failed": 0}
    assert damstra_emulator.journal() == []
    assert deliver("three", redeliver="True") == {"delivered": 2, "skipped": 0, "failed": 0}
    # A retry of the redelivery continues it, and counts what its earlier tries delivered.
    assert deliver("three", redeliver=True) == {"delivered": 2, "skipped": 0, "failed": 0}
    assert sorted(hr.ids()) == [PASSED, PASSED, FAILED_TEST, FAILED_TEST]
    keys = {(one.completion()["lesson_schedule_id"], one.key) for one in hr.requests}
    assert len(keys) == 2
    # Another endpoint has receipts of its own in the same folder.
    assert deliver("four", endpoint="other") == {"delivered": 2, "skipped": 0, "failed": 0}


def test_ids_take_precedence_over_period(
    hr: EndpointServer, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    arguments: dict[str, Any] = {"http_conn_id": "hr", "completed_from": "2020-01-01T00:00:00Z"}
    run(delivery(tmp_path, lesson_schedule_ids=f"[{PASSED}]", **arguments))
    assert hr.ids() == [PASSED]


def test_incomplete_receipt_does_not_count(
    hr: EndpointServer, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    run(delivery(tmp_path, http_conn_id="hr"), run_id="one")
    (receipt,) = (tmp_path / "receipts").iterdir()
    receipt.write_bytes(receipt.read_bytes()[:20])
    assert run(delivery(tmp_path, http_conn_id="hr"), run_id="two").value["delivered"] == 1
    assert len({request.key for request in hr.requests}) == 1
    assert receipts(tmp_path)[0]["lesson_schedule_id"] == PASSED


def test_failed_completion_stops_no_other_and_is_retried_alone(
    hr: EndpointServer, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    rejected, broken = 30019, 30024

    def respond(request: ReceivedRequest) -> Any:
        schedule_id = request.completion()["lesson_schedule_id"]
        echo = f"no such person: &#77;urphy {PERSONAL[2]} {PERSONAL[3]} key-of-hr".encode()
        return {PASSED: (422, {}, echo), rejected: 409, broken: 503}.get(schedule_id, 200)

    hr.respond = respond
    ids = [UNKNOWN, DUE, PASSED, FAILED_TEST, rejected, broken, 30025]
    ti = TaskInstance(task_id="deliver")
    with pytest.raises(AirflowException) as caught:
        run(delivery(tmp_path, http_conn_id="hr", lesson_schedule_ids=ids), ti=ti)
    assert not isinstance(caught.value, AirflowFailException)
    message = str(caught.value)
    assert message.startswith("5 completions were not delivered, 2 were, 0 have been before.")
    assert f"lesson schedule {DUE}: it is not completed" in message
    assert f"Delivery of lesson schedule {PASSED} (POST /) was not accepted (HTTP 422)" in message
    assert "no such person: *** *** *** ***." in message
    assert all(f"lesson schedule {one}: " in message for one in (UNKNOWN, rejected, broken))
    assert ti.outcome.xcoms == {"delivered": 2, "skipped": 0, "failed": 5}
    sent = hr.ids()
    assert [sent.count(one) for one in (PASSED, rejected, FAILED_TEST, 30025, broken)] == [1, 1, 1, 1, 3]

    hr.requests.clear()
    hr.respond = lambda _: 200
    retry = delivery(tmp_path, http_conn_id="hr", lesson_schedule_ids=ids[2:])
    assert run(retry, ti=TaskInstance(task_id="deliver", try_number=2)).value == {
        "delivered": 5,
        "skipped": 0,
        "failed": 0,
    }
    assert sorted(hr.ids()) == [PASSED, rejected, broken]


def test_task_is_not_retried_if_completions_are_refused_for_good(
    hr: EndpointServer, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    hr.respond = lambda _: 400
    with pytest.raises(AirflowFailException, match="HTTP 400"):
        run(delivery(tmp_path, http_conn_id="hr", lesson_schedule_ids=[PASSED, DUE]))


def test_rest_is_not_tried_after_ten_failures_in_a_row(
    hr: EndpointServer, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    hr.respond = lambda _: 401
    ids = sorted(completions(api))
    with pytest.raises(AirflowException, match="not tried after 10 failures in a row") as caught:
        run(delivery(tmp_path, http_conn_id="hr", lesson_schedule_ids=ids, max_concurrency=1))
    assert hr.ids() == ids[:10]
    assert "Check login, password and headers of the HTTP connection." in str(caught.value)
    assert "and 12 more" in str(caught.value)


@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_refusals_of_single_completions_never_stop_the_rest(
    status: int, hr: EndpointServer, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    ids = sorted(completions(api))
    hr.respond = lambda request: 201 if request.completion()["lesson_schedule_id"] == ids[-1] else status
    open_ids = [one for one in range(DUE, DUE + 60) if one not in ids][:12]
    with pytest.raises(AirflowException, match=" completions were not delivered, 1 were, 0 have been before"):
        run(delivery(tmp_path, http_conn_id="hr", lesson_schedule_ids=[*open_ids, *ids], max_concurrency=1))
    assert hr.ids() == ids


def test_refused_access_key_fails_at_once(
    hr: EndpointServer, damstra_emulator: DamstraEmulator, tmp_path: Path, api: ApiClient
) -> None:
    damstra_emulator.add_fault("status", path="/user/1011", status=401, body={"internalCode": 806})
    with pytest.raises(AirflowFailException, match="806"):
        run(delivery(tmp_path, http_conn_id="hr", lesson_schedule_ids=sorted(completions(api))))


def test_receipts_are_checked_before_anything_is_sent(
    hr: EndpointServer, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    (tmp_path / "receipts").write_text("a file")
    with pytest.raises(AirflowFailException, match="receipt_path"):
        run(delivery(tmp_path, http_conn_id="hr"))
    assert (hr.requests, damstra_emulator.journal()) == ([], [])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lesson_schedule_ids": "[]", "completed_from": "None"}, "a DAG run that no event triggered needs"),
        ({"completed_from": "2026-01-01"}, "completed_from: .* has no time zone"),
        (
            {"completed_from": "2026-01-02T00:00:00Z", "completed_to": "2026-01-01T00:00:00Z"},
            "completed_to is not later",
        ),
        ({"lesson_schedule_ids": "x"}, "lesson_schedule_ids is 'x'; it is a list of ids"),
        ({"redeliver": "maybe"}, "redeliver is 'maybe'"),
        ({"receipt_path": "{{ '' }}"}, "receipt_path is ''; it is the path or URL of a folder"),
    ],
)
def test_rendered_argument_that_is_invalid_sends_nothing(
    arguments: dict[str, Any],
    message: str,
    hr: EndpointServer,
    damstra_emulator: DamstraEmulator,
    tmp_path: Path,
) -> None:
    with pytest.raises(AirflowFailException, match=message):
        run(delivery(tmp_path, http_conn_id="hr", **arguments))
    assert (hr.requests, damstra_emulator.journal()) == ([], [])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "exactly one of http_conn_id, target_path"),
        ({"http_conn_id": "hr", "target_path": "x"}, "exactly one of http_conn_id, target_path"),
        ({"http_conn_id": "hr", "lesson_schedule_ids": None}, "lesson_schedule_ids, completed_from"),
        ({"http_conn_id": "hr", "columns": {"a": "result"}}, "columns: only with target_path"),
        ({"target_path": "{{ run_id }}.csv", "endpoint": "x"}, "endpoint: only with http_conn_id"),
        ({"target_path": "all.csv"}, "add a template, such as {{ run_id }}"),
        ({"target_path": "{{ params.folder }}/all.csv"}, "add a template"),
        ({"target_path": "{{ run_id }}.csv", "columns": {"a": "name"}}, "'name' is no field.*lesson_name"),
        ({"target_path": "{{ run_id }}.csv", "time_zone": "Perth"}, "time_zone is 'Perth'"),
        ({"http_conn_id": "hr", "max_concurrency": 0}, "max_concurrency is 0"),
    ],
)
def test_invalid_argument_is_rejected_at_parse_time(
    arguments: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        delivery(tmp_path, **arguments)


def test_fields_of_columns_are_those_of_a_completion(
    damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    fields = completion_delivery.COMPLETION_FIELDS
    assert set(completion_delivery.DEFAULT_COLUMNS.values()) <= set(fields)
    target = tmp_path / "{{ run_id }}.csv"
    run(delivery(tmp_path, target_path=str(target), columns={one: one for one in fields}), run_id="a")
    header, row = (tmp_path / "a.csv").read_text().splitlines()
    assert header.split(",") == list(fields)
    completed = api.get_json(f"/lesson_schedule/{PASSED}")["lessonCompletedDate"]
    assert row.split(",") == [
        str(PASSED),
        str(LIAM),
        "E1011",
        "Liam",
        "Murphy",
        "liam.murphy@example.com",
        "201",
        "Site Induction",
        "2",
        row.split(",")[9],
        completed,
        "passed",
    ]

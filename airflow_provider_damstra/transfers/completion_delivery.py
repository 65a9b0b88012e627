"""The operator that delivers completed lessons to an HTTP endpoint or to a CSV file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Literal, Unpack, cast
from zoneinfo import ZoneInfo

from airflow_provider_damstra.operators.base import DamstraOperator
from airflow_provider_damstra.transfers.base import open_reader
from airflow_provider_damstra.transfers.lineage import varies_by_run
from airflow_provider_damstra.validation import (
    is_empty,
    parse_bool,
    parse_ids,
    parse_mapping,
    validate_at_least_one,
    validate_booleans,
    validate_choice,
    validate_exactly_one,
    validate_integer,
    validate_time_zone,
)

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_damstra.arguments import Fields, Ids, OperatorArguments, Text, Time
    from airflow_provider_damstra.exports.completions.completion import CompletedSchedule
    from airflow_provider_damstra.exports.completions.delivery import CompletionDelivery
    from airflow_provider_damstra.exports.completions.window import CompletionWindow
    from airflow_provider_damstra.exports.reader import ResourceReader
    from airflow_provider_damstra.transfers.receipts import ReceiptFolder

COMPLETION_FIELDS = (
    "lesson_schedule_id",
    "user_id",
    "employee_number",
    "first_name",
    "last_name",
    "email_address",
    "lesson_id",
    "lesson_name",
    "lesson_version",
    "completed_date",
    "completed_at",
    "result",
)
"""The keys of ``Completion.values``, which is not imported when a DAG file is parsed."""

DEFAULT_COLUMNS = {
    "course": "lesson_name",
    "employee_number": "employee_number",
    "date": "completed_date",
    "result": "result",
}
"""Columns of the CSV file, with the field in each."""


class DamstraDeliverCompletionsOperator(DamstraOperator):
    """Send completed lessons to an HTTP endpoint, one request each, or write them to a CSV file.

    A completion consists of the person (employee number, name, e-mail address), the lesson (id, name,
    version), the date, the result, and the certificate (PDF). The result is ``passed`` if Damstra has a
    certificate.

    **Which completions.** Those of ``lesson_schedule_ids``, such as the ids in the events that triggered the
    DAG run (``assets.TRIGGERING_LESSON_SCHEDULE_IDS``); or, where there are none, for a backfill all that are
    between ``completed_from`` and ``completed_to``. One task can serve both.

    **Receipts.** After each delivery a receipt is written to ``receipt_path``. A completion with a receipt is
    skipped by every later task and DAG run with the same target and folder. If the process dies between the
    response and the receipt, the next try sends the completion again, with the same ``Idempotency-Key``:
    delivery is at least once, and exactly once where the endpoint recognises the key. A CSV file is written
    as a whole, then its receipts; a retry writes it again, with all completions of the earlier tries.

    **Failures.** One completion that cannot be read or is not accepted does not stop the others; the task
    fails at the end and names each. It is not retried if all refusals are permanent. After ten failures in a
    row that are not about single completions the rest is not tried, because the endpoint does not work.

    Calls ``getLessonSchedule`` (with ``lesson_schedule_ids``), or ``listUsers`` and
    ``listUserLessonSchedules`` for each user; for each completion ``downloadCertificate``, and ``getUser``
    once for each person.

    :param receipt_path: path or URL of the folder of the receipts, on any object storage (templated).
    :param lesson_schedule_ids: ids of completed lesson schedules (templated).
    :param completed_from: if there are no ids, the earliest time of completion, with a time zone (templated).
    :param completed_to: the time before which the lesson was completed; default no limit (templated).
    :param parent_filters: of a backfill, mapping of arguments of the listing of users, such as
        ``{"active_value": "active"}``; default all users, active or not (templated).
    :param http_conn_id: id of an Airflow connection of type ``http``: host, schema, port, login and password;
        in the extra headers and the options ``timeout``, ``verify``, ``cert`` and ``allow_http`` (templated).
        Or
    :param target_path: path or URL of the CSV file, another one in each DAG run, such as
        ``s3://hr/{{ run_id }}.csv`` (templated).
    :param endpoint: path below the connection's address (templated).
    :param body_format: ``multipart`` sends ``multipart/form-data`` with the parts ``completion`` (JSON) and
        ``certificate`` (PDF); ``json`` one JSON object with the certificate in Base64.
    :param include_certificate: whether the certificate is sent to the endpoint.
    :param columns: of the CSV file, a mapping of columns to fields: ``lesson_schedule_id``, ``user_id``,
        ``employee_number``, ``first_name``, ``last_name``, ``email_address``, ``lesson_id``, ``lesson_name``,
        ``lesson_version``, ``completed_date`` (a day), ``completed_at`` (a time in UTC), ``result``. Default
        ``course``, ``employee_number``, ``date`` and ``result``.
    :param time_zone: IANA time zone of ``completed_date``; default each person's own, or else UTC.
    :param safe_for_spreadsheets: in CSV, put an apostrophe before each formula in a text, and begin with a
        byte order mark.
    :param redeliver: whether completions are delivered although they have a receipt. A boolean, or the string
        ``"true"`` or ``"false"`` (templated).
    :param max_concurrency: completions that are delivered concurrently.
    :return: ``{"delivered", "skipped", "failed"}``, numbers of completions, and for a CSV file ``uri`` and
        ``sha256``; all are XComs of their own, too, the numbers also if the task fails. Completions that an
        earlier try delivered count as delivered.
    """

    xcom_keys = ("delivered", "skipped", "failed", "uri", "sha256")
    template_fields = (
        "lesson_schedule_ids",
        "completed_from",
        "completed_to",
        "parent_filters",
        "http_conn_id",
        "endpoint",
        "target_path",
        "receipt_path",
        "redeliver",
        "damstra_conn_id",
    )

    def __init__(
        self,
        *,
        receipt_path: Text,
        lesson_schedule_ids: Ids | None = None,
        completed_from: Time | None = None,
        completed_to: Time | None = None,
        parent_filters: Fields | None = None,
        http_conn_id: Text | None = None,
        target_path: Text | None = None,
        endpoint: Text | None = None,
        body_format: Literal["json", "multipart"] = "multipart",
        include_certificate: bool = True,
        columns: Mapping[str, str] | None = None,
        time_zone: str | None = None,
        safe_for_spreadsheets: bool = False,
        redeliver: bool | Text = False,
        max_concurrency: int = 4,
        **kwargs: Unpack[OperatorArguments],
    ) -> None:
        super().__init__(**kwargs)
        validate_at_least_one(lesson_schedule_ids=lesson_schedule_ids, completed_from=completed_from)
        validate_exactly_one(http_conn_id=http_conn_id, target_path=target_path)
        validate_choice("body_format", body_format, "json", "multipart")
        validate_booleans(
            include_certificate=include_certificate, safe_for_spreadsheets=safe_for_spreadsheets
        )
        validate_integer("max_concurrency", max_concurrency, at_least=1)
        if target_path is None:
            file_options = {"columns": columns, "time_zone": time_zone}
            _validate_not_given("target_path", **file_options, safe_for_spreadsheets=safe_for_spreadsheets)
        else:
            _validate_not_given("http_conn_id", endpoint=endpoint)
            _validate_file(target_path, columns=columns, time_zone=time_zone)
        self.lesson_schedule_ids = lesson_schedule_ids
        self.completed_from = completed_from
        self.completed_to = completed_to
        self.parent_filters = parent_filters
        self.http_conn_id = cast("str | None", http_conn_id)
        self.target_path = cast("str | None", target_path)
        self.endpoint = cast("str | None", endpoint)
        self.receipt_path = cast("str", receipt_path)
        self.body_format = body_format
        self.include_certificate = include_certificate
        self.columns = columns
        self.time_zone = time_zone
        self.safe_for_spreadsheets = safe_for_spreadsheets
        self.redeliver = redeliver
        self.max_concurrency = max_concurrency

    def _execute(self, context: Context) -> dict[str, Any]:
        """Deliver the completions and return their counts."""
        ids = self._parse_ids()
        window = None if ids else self._parse_window()
        redeliver = parse_bool("redeliver", self.redeliver)
        with ExitStack() as stack:
            reader = stack.enter_context(self._open_reader()) if window else None
            deliver = self._send if self.target_path is None else self._write_file
            delivery, facts = deliver(_batches(ids, window, reader), redeliver)
        return self._report(delivery, facts, reader, context)

    def _report(
        self,
        delivery: CompletionDelivery,
        facts: dict[str, Any],
        reader: ResourceReader | None,
        context: Context,
    ) -> dict[str, Any]:
        """Return the counts, or raise if a completion was not delivered."""
        result = {**delivery.counts(), **facts}
        self.log.info("Completions: %s", result)
        if reader is not None and not reader.is_complete:
            self.log.warning("Lesson schedules changed while they were listed: one may have been missed.")
        failed_users = reader.failed if reader else {}
        if message := delivery.failure_message(failed_users):
            self._push_parts(result, context)
            raise _failure(message, is_permanent=delivery.is_retry_useless and not failed_users)
        return result

    def _parse_ids(self) -> list[int]:
        if not _is_given(self.lesson_schedule_ids) or is_empty(self.lesson_schedule_ids):
            return []
        return parse_ids("lesson_schedule_ids", self.lesson_schedule_ids)

    def _parse_window(self) -> CompletionWindow:
        from airflow_provider_damstra.exports.completions.window import CompletionWindow

        if not _is_given(self.completed_from):
            raise ValueError(
                "there is nothing to deliver, because lesson_schedule_ids and completed_from are empty: "
                "a DAG run that no event triggered needs completed_from"
            )
        completed_to = self.completed_to if _is_given(self.completed_to) else None
        return CompletionWindow.model_validate(
            {"completed_from": self.completed_from, "completed_to": completed_to}
        )

    def _open_reader(self) -> ResourceReader:
        return open_reader(
            self.hook,
            "lesson_schedules",
            filters={"status": "completed"},
            parent_filters=parse_mapping("parent_filters", self.parent_filters or {}),
            skip_failed_parents=True,
        )

    def _send(
        self, batches: Iterator[list[CompletedSchedule]], redeliver: bool
    ) -> tuple[CompletionDelivery, dict[str, Any]]:
        from airflow_provider_damstra.exports.completions.endpoint import HttpEndpoint
        from airflow_provider_damstra.hooks.http_connection import read_endpoint_settings
        from airflow_provider_damstra.transfers.completion_targets import send_completions

        settings = read_endpoint_settings(
            str(self.http_conn_id), self.endpoint, max_retries=self.hook.settings.max_retries
        )
        delivery, receipts = self._create_delivery(settings.address, redeliver)
        with HttpEndpoint(
            settings,
            body_format=self.body_format,
            include_certificate=self.include_certificate,
            pool_size=self.max_concurrency,
        ) as endpoint:
            send_completions(delivery, batches, endpoint=endpoint, receipts=receipts)
        return delivery, {}

    def _write_file(
        self, batches: Iterator[list[CompletedSchedule]], redeliver: bool
    ) -> tuple[CompletionDelivery, dict[str, Any]]:
        from airflow_provider_damstra.transfers.completion_targets import CsvOptions, write_completions

        self.validate_paths("target_path")
        delivery, receipts = self._create_delivery("csv", redeliver)
        options = CsvOptions(
            columns=self.columns or DEFAULT_COLUMNS,
            time_zone=ZoneInfo(self.time_zone) if self.time_zone else None,
            safe_for_spreadsheets=self.safe_for_spreadsheets,
        )
        facts = write_completions(
            delivery,
            batches,
            path=str(self.target_path),
            options=options,
            receipts=receipts,
            task_try=self.task_try,
        )
        return delivery, facts

    def _create_delivery(self, target: str, redeliver: bool) -> tuple[CompletionDelivery, ReceiptFolder]:
        from airflow_provider_damstra.exports.completions.delivery import CompletionDelivery
        from airflow_provider_damstra.transfers.receipts import ReceiptFolder

        base_url = self.hook.settings.base_url
        receipts = ReceiptFolder(self.receipt_path, base_url=base_url, target=target, task_try=self.task_try)
        delivery = CompletionDelivery(
            self.client,
            receipts,
            redeliver=redeliver,
            delivers_own_again=self.target_path is not None,
            max_concurrency=self.max_concurrency,
        )
        return delivery, receipts


def _batches(
    ids: list[int], window: CompletionWindow | None, reader: ResourceReader | None
) -> Iterator[list[CompletedSchedule]]:
    from airflow_provider_damstra.exports.completions.completion import CompletedSchedule
    from airflow_provider_damstra.exports.completions.window import completed_schedules

    if window and reader:
        yield from completed_schedules(reader, window)
    else:
        yield [CompletedSchedule(one) for one in ids]


def _is_given(value: Any) -> bool:
    """Return whether a rendered argument has a value; a template renders a missing parameter to ``None``."""
    return value is not None and not (isinstance(value, str) and value.strip() in ("", "None"))


def _validate_not_given(name: str, **arguments: Any) -> None:
    given = [argument for argument, value in arguments.items() if value]
    if given:
        raise ValueError(f"{', '.join(given)}: only with {name}")


def _validate_file(target_path: Text, *, columns: Any, time_zone: str | None) -> None:
    _validate_columns(columns)
    if time_zone is not None:
        validate_time_zone("time_zone", time_zone)
    if not varies_by_run(target_path):
        raise ValueError(
            f"target_path is {target_path!r} in every DAG run, so that a later one would replace the file "
            "and lose its completions: add a template, such as {{ run_id }}"
        )


def _validate_columns(columns: Any) -> None:
    if columns is None:
        return
    fields = columns.values() if isinstance(columns, Mapping) else [columns]
    unknown = [repr(field) for field in fields if field not in COMPLETION_FIELDS]
    if unknown or not columns:
        raise ValueError(
            f"columns maps names of columns to fields; {', '.join(unknown) or 'nothing'} is no field. "
            f"There are {', '.join(COMPLETION_FIELDS)}"
        )


def _failure(message: str, *, is_permanent: bool) -> Exception:
    from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

    return AirflowFailException(message) if is_permanent else AirflowException(message)

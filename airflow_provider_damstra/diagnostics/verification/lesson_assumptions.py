"""Assumptions about lessons and lesson schedules: versions, codes of statuses, filters, certificates."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from airflow_provider_damstra import endpoints
from airflow_provider_damstra.diagnostics.verification.account import ids_of, read_rows
from airflow_provider_damstra.diagnostics.verification.assumption import (
    NotObservableError,
    assumption,
    count_deviations,
)
from airflow_provider_damstra.diagnostics.verification.shapes import safe_code
from airflow_provider_damstra.emulator.handlers.lesson import PUBLISHED_CODES
from airflow_provider_damstra.emulator.lesson_schedule_repository import (
    COMPLETED_BY_TRAINEE,
    COMPLETED_MANUALLY,
    STATUS_IDS,
)
from airflow_provider_damstra.endpoints.lesson_schedule import LessonScheduleFilter
from airflow_provider_damstra.models.lesson import LessonStatus
from airflow_provider_damstra.models.lesson_schedule import LessonScheduleStatus, UserLessonSchedule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_damstra.diagnostics.verification.account import Account


@assumption("lessons.one-active-version", "A lesson has at most one active version.")
def check_one_active_version(account: Account) -> list[str]:
    """Count the active versions of each listed lesson."""
    rows = account.get_page(endpoints.ListLessons()).rows
    active = Counter(row.get("lessonId") for row in rows if row.get("status") == LessonStatus.ACTIVE)
    return count_deviations([count == 1 for count in active.values()], "lessons have several active versions")


@assumption("lessons.published-states", "Lessons of any status are listed unless publishedStates is given.")
def check_published_states(account: Account) -> list[str]:
    """Compare the listing with those of active and of all other lessons."""
    states = list(LessonStatus)
    active = account.get_page(endpoints.ListLessons(published_states=[LessonStatus.ACTIVE]))
    named = account.get_page(endpoints.ListLessons(published_states=states))
    deviations = []
    if named.total != account.get_page(endpoints.ListLessons()).total:
        deviations.append("the total of all documented statuses is not the total without publishedStates")
    if active.rows or not deviations:
        deviations += count_deviations(
            [row.get("status") == LessonStatus.ACTIVE for row in active.rows],
            "lessons listed as active have another status",
        )
    return deviations


@assumption("lessons.ids", "lessonIds finds the versions of these lessons only.")
def check_lesson_ids(account: Account) -> list[str]:
    """List the versions of the first lesson."""
    ids = ids_of(account.get_page(endpoints.ListLessons()).rows, "lessonId")
    if not ids:
        raise NotObservableError("the account has no lessons")
    rows = account.get_page(endpoints.ListLessons(lesson_ids=ids[:1])).rows
    if not rows:
        return ["the lesson is not found"]
    return count_deviations([row.get("lessonId") == ids[0] for row in rows], "rows are of another lesson")


@assumption(
    "lessons.published-codes",
    "published is the code of status: "
    + ", ".join(f"{code} {status}" for status, code in PUBLISHED_CODES.items())
    + ".",
)
def check_published_codes(account: Account) -> list[str]:
    """Compare published with status in the details of lessons."""
    rows = account.get_page(endpoints.ListLessonDetails()).rows
    pairs = [(row.get("status"), row.get("published")) for row in rows]
    return _code_deviations(pairs, PUBLISHED_CODES)


def _code_deviations(
    pairs: list[tuple[object, object]], codes: Mapping[LessonStatus, int] | Mapping[LessonScheduleStatus, int]
) -> list[str]:
    """Return each other code than the expected one, with its status."""
    expected = {str(status): code for status, code in codes.items()}
    known = [(status, code) for status, code in pairs if str(status) in expected]
    if not known:
        raise NotObservableError("the account has no such records")
    differing = Counter(pair for pair in known if expected[str(pair[0])] != pair[1])
    return [
        f"{safe_code(status)} has the code {safe_code(code)} in {count} of {len(known)} rows"
        for (status, code), count in differing.items()
    ]


@assumption(
    "schedules.status-codes",
    "statusId is the code of status: "
    + ", ".join(f"{code} {status}" for status, code in STATUS_IDS.items())
    + ".",
)
def check_status_codes(account: Account) -> list[str]:
    """Compare statusId with status."""
    return _code_deviations(
        [(row.get("status"), row.get("statusId")) for row in account.schedules], STATUS_IDS
    )


@assumption("schedules.any-status", "Schedules of any status are listed unless status is given.")
def check_any_status(account: Account) -> list[str]:
    """Compare a user's listing with those of all and of completed schedules."""
    for reply in account.schedule_pages:
        completed = [row for row in reply.rows if row.get("status") == LessonScheduleStatus.COMPLETED]
        if completed and len(reply.rows) > len(completed):
            break
    else:
        raise NotObservableError("no user has completed schedules and others")
    (user_id, *_) = ids_of(reply.rows, "userId")
    every = account.get_page(
        endpoints.ListUserLessonSchedules(user_id=user_id, status=LessonScheduleFilter.ALL)
    )
    filtered = account.get_page(
        endpoints.ListUserLessonSchedules(user_id=user_id, status=LessonScheduleFilter.COMPLETED)
    )
    deviations = []
    if ids_of(every.rows) != ids_of(reply.rows):
        deviations.append("status=all is another listing than without status")
    if ids_of(filtered.rows) != ids_of(completed):
        deviations.append("status=completed does not list the completed schedules")
    return deviations


def _schedules(account: Account) -> list[UserLessonSchedule]:
    return read_rows(UserLessonSchedule, account.schedules)


@assumption(
    "schedules.status-by-dates", "An open schedule is scheduled, then due, and overdue after its end."
)
def check_status_by_dates(account: Account) -> list[str]:
    """Compare the status of open schedules with their dates."""
    matching = []
    for row in _schedules(account):
        dates = (row.start_date, row.end_date)
        if row.is_open and None not in dates and all(account.is_far_from_now(date) for date in dates if date):
            matching.append(row.status == _status_by_dates(account, row))
    return count_deviations(matching, "open schedules have another status than by their dates")


def _status_by_dates(account: Account, row: UserLessonSchedule) -> LessonScheduleStatus:
    if row.start_date and account.now < row.start_date:
        return LessonScheduleStatus.SCHEDULED
    is_over = row.end_date is not None and account.now > row.end_date
    return LessonScheduleStatus.OVERDUE if is_over else LessonScheduleStatus.DUE


@assumption("schedules.one-open", "A user has at most one open schedule of a lesson version.")
def check_one_open(account: Account) -> list[str]:
    """Count the open schedules of each user and lesson version."""
    open_schedules = Counter(
        (row.user_id, row.lesson_version_id) for row in _schedules(account) if row.is_open
    )
    return count_deviations(
        [count == 1 for count in open_schedules.values()], "users and versions have several open schedules"
    )


@assumption("schedules.completed-date", "Exactly the completed schedules have a lessonCompletedDate.")
def check_completed_date(account: Account) -> list[str]:
    """Compare the status with the date of completion."""
    matching = [
        (row.status == LessonScheduleStatus.COMPLETED) == (row.lesson_completed_date is not None)
        for row in _schedules(account)
    ]
    return count_deviations(matching, "schedules have one without the other")


@assumption("schedules.type", "scheduleType is always automatic.")
def check_type(account: Account) -> list[str]:
    """Look at the types of schedules."""
    types = Counter(safe_code(row.get("scheduleType")) for row in account.schedules)
    if not types:
        raise NotObservableError("the account has no lesson schedules")
    return [f"{kind} in {count} rows" for kind, count in types.items() if kind != "automatic"]


@assumption("schedules.progress", "Progress is 0 until the lesson is completed, and then its duration.")
def check_progress(account: Account) -> list[str]:
    """Compare progress with the duration of the lesson."""
    matching = [
        row.progress == (row.lesson_duration if row.is_completed else 0) for row in _schedules(account)
    ]
    return count_deviations(matching, "schedules have another progress")


@assumption(
    "schedules.completion-type",
    f"completionTypeId is {COMPLETED_BY_TRAINEE} by the trainee, {COMPLETED_MANUALLY} by another user.",
)
def check_completion_type(account: Account) -> list[str]:
    """Compare completionTypeId with who completed a schedule."""
    completed = [row for row in _schedules(account) if row.is_completed and row.lesson_completed_by]
    if not completed:
        raise NotObservableError("the account has no completed schedules")
    found = Counter(
        ("the trainee" if row.lesson_completed_by == row.user_id else "another user", row.completion_type_id)
        for row in completed
    )
    expected = {"the trainee": COMPLETED_BY_TRAINEE, "another user": COMPLETED_MANUALLY}
    return [
        f"{safe_code(code)} by {by} in {count} rows"
        for (by, code), count in found.items()
        if code != expected[by]
    ]


@assumption("schedules.by-id", "A schedule that is read by its id has no status, and active means open.")
def check_by_id(account: Account) -> list[str]:
    """Compare schedules by id with those of the listing."""
    details = account.schedule_details
    deviations = count_deviations(
        [not {"status", "statusId"} & row.keys() for row in details], "schedules have a status"
    )
    listed = {row.id: row for row in _schedules(account)}
    matching = [row.get("active") == listed[row["id"]].is_open for row in details if row.get("id") in listed]
    if matching or not deviations:
        deviations += count_deviations(matching, "schedules have another value of active")
    return deviations


@assumption("schedules.certificate", "A schedule that is not completed has no certificate: HTTP 404.")
def check_missing_certificate(account: Account) -> list[str]:
    """Request the certificate of an open schedule."""
    schedule = next((row for row in _schedules(account) if row.is_open), None)
    if schedule is None:
        raise NotObservableError("the account has no open schedules")
    reply = account.get(endpoints.DownloadCertificate(lesson_schedule_id=schedule.id))
    return [] if reply.status == 404 else [f"HTTP {reply.status}"]

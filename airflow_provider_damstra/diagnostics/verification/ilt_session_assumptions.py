"""Assumptions about ILT sessions and their attendees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_damstra import endpoints
from airflow_provider_damstra.diagnostics.verification.account import ids_of, read_rows
from airflow_provider_damstra.diagnostics.verification.assumption import (
    NotObservableError,
    assumption,
    count_deviations,
)
from airflow_provider_damstra.models.ilt_session import (
    IltSession,
    IltSessionAttendee,
    IltSessionState,
    IltSessionStateName,
    IltSessionStatus,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_damstra.diagnostics.verification.account import Account

_RATE_TOLERANCE = 0.1
_STATES = dict(zip(IltSessionState, IltSessionStateName, strict=True))


def _state_by_clock(account: Account, session: IltSession) -> IltSessionStateName | None:
    if session.start_datetime is None or session.end_datetime is None:
        return None
    if account.now < session.start_datetime:
        return IltSessionStateName.UPCOMING
    is_over = account.now >= session.end_datetime
    return IltSessionStateName.PAST if is_over else IltSessionStateName.IN_PROGRESS


def _has_clear_state(account: Account, session: IltSession) -> bool:
    """Return whether a session neither starts nor ends about now, so that the clocks decide its state."""
    dates = (session.start_datetime, session.end_datetime)
    return all(account.is_far_from_now(date) for date in dates if date)


@assumption("ilt.state", "state follows the clock: in progress from the start of the session until its end.")
def check_state(account: Account) -> list[str]:
    """Compare the state of sessions with their times."""
    sessions = read_rows(IltSession, account.session_details)
    return count_deviations(
        [
            session.state == _state_by_clock(account, session)
            for session in sessions
            if _has_clear_state(account, session)
        ],
        "sessions have another state",
    )


@assumption("ilt.state-filter", "The filter state lists the sessions in that state only, and all of them.")
def check_state_filter(account: Account) -> list[str]:
    """List the sessions of each state."""
    deviations, total = [], 0
    for state, name in _STATES.items():
        reply = account.get_page(endpoints.ListIltSessions(state=state))
        total += reply.total
        sessions = read_rows(IltSession, reply.rows)
        if any(
            _state_by_clock(account, session) != name
            for session in sessions
            if _has_clear_state(account, session)
        ):
            deviations.append(f"state={state.value} lists sessions in another state")
    if not account.sessions:
        raise NotObservableError("the account has no ILT sessions")
    if total != account.get_page(endpoints.ListIltSessions()).total:
        deviations.append("the totals of the states do not add up to that of all sessions")
    return deviations


@assumption("ilt.status-filter", "The filter status lists the sessions with that status only.")
def check_status_filter(account: Account) -> list[str]:
    """List the sessions of each status that occurs."""
    occurring = {row.get("statusId") for row in account.sessions}
    statuses = [status for status in IltSessionStatus if status in occurring]
    rows = [
        (status, row)
        for status in statuses
        for row in account.get_page(endpoints.ListIltSessions(status=status)).rows
    ]
    return count_deviations(
        [row.get("statusId") == status for status, row in rows], "listed sessions have another status"
    )


@assumption(
    "ilt.fields", "Only listings have the instructor's name; only a session by its id has state and rates."
)
def check_fields(account: Account) -> list[str]:
    """Compare the fields of listed sessions with those of sessions by id."""
    if not account.session_details:
        raise NotObservableError("the account has no ILT sessions")
    deviations = []
    by_id = {"state", "attendanceRate", "passRate"}
    if any(by_id & row.keys() for row in account.sessions):
        deviations.append("listed sessions have a state or rates")
    if any(not by_id <= row.keys() for row in account.session_details):
        deviations.append("sessions by id lack the state or rates")
    if any("instructorFirstName" in row for row in account.session_details):
        deviations.append("sessions by id have the instructor's name")
    return deviations


def _attended(account: Account) -> Iterator[tuple[IltSession, int, list[IltSessionAttendee]]]:
    """Yield sessions with the total and the rows of their attendees."""
    sessions = {session.id: session for session in read_rows(IltSession, account.session_details)}
    for session_id, reply in account.attendee_pages.items():
        if session_id in sessions:
            yield sessions[session_id], reply.total, read_rows(IltSessionAttendee, reply.rows)


@assumption("ilt.attendee-count", "numberOfAttendees is the total of the attendees.")
def check_attendee_count(account: Account) -> list[str]:
    """Compare numberOfAttendees with the listing of attendees."""
    matching = [session.number_of_attendees == total for session, total, _ in _attended(account)]
    return count_deviations(matching, "sessions have another number")


@assumption("ilt.rates", "Rates are percentages of the attendees.")
def check_rates(account: Account) -> list[str]:
    """Compute the rates of sessions whose attendees are all in the response."""
    matching = []
    for session, total, attendees in _attended(account):
        if total and total == len(attendees):
            shares = (
                (session.attendance_rate, sum(bool(attendee.attended) for attendee in attendees)),
                (session.pass_rate, sum(bool(attendee.passed) for attendee in attendees)),
            )
            matching += [
                rate is not None and abs(rate - 100 * count / total) <= _RATE_TOLERANCE
                for rate, count in shares
            ]
    return count_deviations(matching, "rates are not the percentage")


@assumption("ilt.places", "A session has at most as many attendees as places.")
def check_places(account: Account) -> list[str]:
    """Compare the number of attendees with that of places."""
    matching = [
        total <= session.number_of_places
        for session, total, _ in _attended(account)
        if session.number_of_places is not None
    ]
    return count_deviations(matching, "sessions have more attendees")


@assumption("ilt.schedule-filter", "lessonScheduleId finds the sessions that its trainee is registered for.")
def check_schedule_filter(account: Account) -> list[str]:
    """Search a session by the lesson schedule of an attendee."""
    for session, _, attendees in _attended(account):
        for attendee in attendees:
            if attendee.lesson_schedule_id is not None:
                call = endpoints.ListIltSessions(lesson_schedule_id=attendee.lesson_schedule_id)
                is_found = session.id in ids_of(account.get_page(call).rows)
                return [] if is_found else ["the session is not found"]
    raise NotObservableError("no attendee has a lesson schedule")

"""The training status of one person for one requirement, from lesson schedules: pure and without I/O.

Days are those of the person's time zone. A completion counts through the whole day on which its validity
ends: completed on 15 March 2026 at any time and valid for 12 months, it counts through 15 March 2027, and
``expires_at`` is the midnight after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

import pendulum

from airflow_provider_damstra.models.timestamps import to_time_zone, to_utc
from airflow_provider_damstra.requirements.status import ScheduleRecord, TrainingState, TrainingStatus

if TYPE_CHECKING:
    from datetime import tzinfo

    from airflow_provider_damstra.requirements.status import Requirement

_EARLIEST = datetime.min.replace(tzinfo=UTC)
_URGENCY = {state: number for number, state in enumerate(TrainingState)}


@dataclass(frozen=True, slots=True)
class _Validity:
    """The days, in the person's time zone, of a completion: completed, last valid, first to warn."""

    completed_on: date
    last_day: date | None
    warn_from: date | None


def evaluate(
    requirement: Requirement,
    records: Iterable[ScheduleRecord],
    *,
    at: datetime,
    time_zone: tzinfo,
    passed: Mapping[int, bool],
) -> TrainingStatus:
    """Return the status of a person for a requirement.

    :param records: the person's schedules, of any lesson.
    :param at: time of the status; what was created or completed after it does not count.
    :param time_zone: the person's time zone.
    :param passed: by schedule id, whether its test was passed, as far as ``next_certificate`` names them.
    """
    known = _known_records(requirement, records, at=at)
    completion = _counting_completion(requirement, known, passed)
    open_record = _open_record(requirement, known)
    today = to_time_zone(at, time_zone).date()
    validity = _validity(requirement, completion, time_zone) if completion else None
    is_valid = validity is not None and (validity.last_day is None or today <= validity.last_day)
    if is_valid and validity is not None:
        is_warned = validity.warn_from is not None and today >= validity.warn_from
        state = TrainingState.EXPIRING if is_warned else TrainingState.CURRENT
    elif open_record is not None:
        state = TrainingState.OVERDUE if _is_overdue(open_record, at=at) else TrainingState.ASSIGNED
    else:
        state = TrainingState.EXPIRED if completion else TrainingState.MISSING
    decisive = completion if completion and (is_valid or open_record is None) else open_record
    last_day = validity.last_day if validity else None
    return TrainingStatus(
        requirement=requirement,
        state=state,
        reason=_reason(requirement, state, validity, open_record, known, time_zone),
        completed_at=completion.completed_at if completion else None,
        expires_at=None if last_day is None else end_of_day(last_day, time_zone),
        valid_through=last_day,
        completed_schedule_id=completion.id if completion else None,
        lesson_schedule_id=decisive.id if decisive else None,
        open_schedule_id=open_record.id if open_record else None,
        due_at=open_record.due_at if open_record else None,
    )


def next_certificate(
    requirement: Requirement,
    records: Iterable[ScheduleRecord],
    *,
    at: datetime,
    passed: Mapping[int, bool],
) -> int | None:
    """Return the schedule whose certificate ``evaluate`` needs next, or None if it needs no further one.

    The latest completion comes first, and an earlier one only if all later ones were not passed. One whose
    validity has ended is needed, too: without a passed test it never counted, and cannot have expired.
    """
    if not requirement.require_passed:
        return None
    for record in _completions(requirement, _known_records(requirement, records, at=at)):
        if passed.get(record.id, True):
            return None if record.id in passed else record.id
    return None


def most_urgent_by_lesson(statuses: Iterable[TrainingStatus]) -> dict[int, TrainingStatus]:
    """Return by lesson id which of a person's statuses decides: of several rules the most urgent."""
    decisive: dict[int, TrainingStatus] = {}
    for status in statuses:
        other = decisive.setdefault(status.requirement.lesson_id, status)
        if _URGENCY[status.state] > _URGENCY[other.state]:
            decisive[status.requirement.lesson_id] = status
    return decisive


def _known_records(
    requirement: Requirement, records: Iterable[ScheduleRecord], *, at: datetime
) -> list[ScheduleRecord]:
    """Return the schedules of the lesson as they were at a time."""
    known = []
    for record in records:
        if record.lesson_id != requirement.lesson_id or (record.created_at and record.created_at > at):
            continue
        is_later = record.completed_at is not None and record.completed_at > at
        known.append(replace(record, state="open", completed_at=None) if is_later else record)
    return known


def _open_record(requirement: Requirement, known: Iterable[ScheduleRecord]) -> ScheduleRecord | None:
    """Return the schedule of a version that counts that the person can complete, of several the last due."""
    return max(
        (record for record in known if record.state in ("open", "overdue") and _counts(requirement, record)),
        key=lambda record: (record.due_at or _EARLIEST, record.id),
        default=None,
    )


def _counts(requirement: Requirement, record: ScheduleRecord) -> bool:
    """Return whether a completion of a schedule's version meets the requirement."""
    return not requirement.current_version_only or record.lesson_version_id == requirement.lesson_version_id


def _completions(requirement: Requirement, known: Iterable[ScheduleRecord]) -> list[ScheduleRecord]:
    """Return the completions of versions that count, the latest first; one without a time is the earliest."""
    completions = [one for one in known if one.state == "completed" and _counts(requirement, one)]
    return sorted(completions, key=lambda one: (one.completed_at or _EARLIEST, one.id), reverse=True)


def _counting_completion(
    requirement: Requirement, known: Iterable[ScheduleRecord], passed: Mapping[int, bool]
) -> ScheduleRecord | None:
    """Return the latest completion that counts, or counted before its validity ended."""
    completions = _completions(requirement, known)
    return next(
        (one for one in completions if not requirement.require_passed or passed.get(one.id, True)), None
    )


def _validity(requirement: Requirement, record: ScheduleRecord, time_zone: tzinfo) -> _Validity:
    completed_on = to_time_zone(record.completed_at or _EARLIEST, time_zone).date()
    if requirement.valid_for is None:
        return _Validity(completed_on, None, None)
    last_day = _shift(completed_on, requirement.valid_for)
    if requirement.warn_before is None:
        return _Validity(completed_on, last_day, None)
    return _Validity(completed_on, last_day, _shift(last_day, -requirement.warn_before))


def _shift(day: date, duration: pendulum.Duration) -> date:
    """Return a day some calendar units later: a month after 31 January is the last day of February."""
    try:
        shifted = pendulum.date(day.year, day.month, day.day) + duration
    except (OverflowError, ValueError):
        return date.max
    return date(shifted.year, shifted.month, shifted.day)


def end_of_day(day: date, time_zone: tzinfo) -> datetime:
    """Return the midnight after a day in UTC, or the first instant of the next day if clocks skip it."""
    if day >= date.max - timedelta(days=1):
        return datetime.max.replace(tzinfo=UTC)
    return to_utc(datetime.combine(day + timedelta(days=1), time.min, tzinfo=time_zone))


def _is_overdue(record: ScheduleRecord, *, at: datetime) -> bool:
    return record.state == "overdue" if record.due_at is None else record.due_at <= at


def _reason(
    requirement: Requirement,
    state: TrainingState,
    validity: _Validity | None,
    open_record: ScheduleRecord | None,
    known: Iterable[ScheduleRecord],
    time_zone: tzinfo,
) -> str:
    parts = []
    if validity is not None:
        through = "" if validity.last_day is None else f", valid through {validity.last_day}"
        is_known = validity.completed_on.year > 1
        parts.append(f"completed on {f'{validity.completed_on}{through}' if is_known else 'an unknown date'}")
    elif any(record.state == "completed" for record in known):
        parts.append("completed, but " + _why_not_counting(requirement))
    else:
        parts.append("not completed")
    if open_record is not None:
        due = open_record.due_at and to_time_zone(open_record.due_at, time_zone).date()
        verb = "overdue since" if state is TrainingState.OVERDUE else "scheduled, due"
        parts.append(f"{verb} {due or 'at an unknown date'}")
    elif state is not TrainingState.CURRENT:
        parts.append("not scheduled")
    return "; ".join(parts)


def _why_not_counting(requirement: Requirement) -> str:
    reasons = []
    if requirement.require_passed:
        reasons.append("with a failed test")
    if requirement.current_version_only:
        reasons.append("in an earlier version")
    return " or ".join(reasons)

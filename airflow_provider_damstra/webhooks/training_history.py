"""Registration of the events of trainings, each once, however often a training is evaluated.

The history of a training and the asset events that follow from it change in one transaction. The transactions
of a lesson follow each other: each begins with an update of the row that holds the lesson's first evaluation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from airflow_provider_damstra.assets import event_uri
from airflow_provider_damstra.requirements.status import TrainingState
from airflow_provider_damstra.requirements.training_events import Period, TrainingHistory, advance
from airflow_provider_damstra.webhooks.asset_events import register_asset_events
from airflow_provider_damstra.webhooks.database import InboxUnavailableError, transaction
from airflow_provider_damstra.webhooks.database import training_history_table as table

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from airflow_provider_damstra.assets import TrainingEvent
    from airflow_provider_damstra.webhooks.evaluated_trainings import EvaluatedTraining, EvaluatedTrainings

ATTEMPTS = 3
SOURCE = "evaluation"
"""Source of the events, beside ``webhook`` and ``polling``."""

_FIRST_EVALUATION = 0
"""In place of a user id: the row that holds when the lesson was evaluated first."""

_Key = tuple[int, int]
_DueEvent = tuple["TrainingEvent", "EvaluatedTraining"]


def record_evaluation(evaluation: EvaluatedTrainings, *, conn_id: str) -> Counter[TrainingEvent]:
    """Register the events that are due by an evaluation, and return their number by name.

    :raises InboxUnavailableError: if the database failed; then nothing was changed.
    :raises UnstorableEventError: if the database rejects a value.
    """
    for _ in range(ATTEMPTS):
        listeners: list[Callable[[], None]] = []
        try:
            with transaction() as connection:
                events = _advance_all(evaluation, conn_id, connection)
                # A rollback of this session makes the commit of the transaction fail.
                with Session(connection, autoflush=False) as session:
                    for name, training in events:
                        listeners += register_asset_events(
                            [event_uri(name, conn_id=conn_id)],
                            extra=_extra(name, training, at=evaluation.at),
                            user_id=training.user_id,
                            session=session,
                        )
                    session.flush()
        except IntegrityError:
            # Another process inserted the first row of a lesson.
            continue
        for notify in listeners:
            notify()
        return Counter(name for name, _ in events)
    raise InboxUnavailableError("Airflow's metadata database rejects rows, although it has no such rows.")


def _extra(name: TrainingEvent, training: EvaluatedTraining, *, at: datetime) -> dict[str, Any]:
    return {
        "payload": {"name": name, **training.payload(), "evaluated_at": at.isoformat()},
        "unverified": {},
        "verified": True,
        "source": SOURCE,
        "received_at": datetime.now(UTC).isoformat(),
    }


def _advance_all(evaluation: EvaluatedTrainings, conn_id: str, connection: Connection) -> list[_DueEvent]:
    """Store the histories with an evaluation, and return the events that are due."""
    lesson_ids = sorted({training.lesson_id for training in evaluation.trainings})
    _lock_lessons(lesson_ids, conn_id, connection, at=evaluation.at)
    user_ids = {training.user_id for training in evaluation.trainings}
    stored = _read(lesson_ids, user_ids, conn_id, connection)
    histories = dict(stored)
    events: list[_DueEvent] = []
    for training in evaluation.trainings:
        key = (training.lesson_id, training.user_id)
        names, history = advance(
            histories.get(key),
            training.period(),
            at=evaluation.at,
            tracked_since=stored[training.lesson_id, _FIRST_EVALUATION].changed_at,
        )
        events += [(name, training) for name in names]
        histories[key] = history
    _write(histories, stored, conn_id, connection)
    return events


def _lock_lessons(lesson_ids: Iterable[int], conn_id: str, connection: Connection, *, at: datetime) -> None:
    """Lock the lessons until the end of the transaction; ``at`` is kept for those evaluated first."""
    for lesson_id in lesson_ids:
        first = {"conn_id": conn_id, "lesson_id": lesson_id, "user_id": _FIRST_EVALUATION}
        is_first = [table.c[name] == value for name, value in first.items()]
        # An update, and before any select: SQLite has no other lock, and its reads see one point in time.
        lock = table.update().where(*is_first).values(changed_at=table.c.changed_at)
        if not connection.execute(lock).rowcount:
            connection.execute(table.insert().values(**first, changed_at=at, periods=[]))


def _read(
    lesson_ids: Iterable[int], user_ids: Iterable[int], conn_id: str, connection: Connection
) -> dict[_Key, TrainingHistory]:
    query = select(table).where(
        table.c.conn_id == conn_id,
        table.c.lesson_id.in_(lesson_ids),
        table.c.user_id.in_([_FIRST_EVALUATION, *user_ids]),
    )
    return {
        (row["lesson_id"], row["user_id"]): TrainingHistory(
            changed_at=row["changed_at"], periods=tuple(map(_period, row["periods"]))
        )
        for row in connection.execute(query).mappings()
    }


def _write(
    histories: Mapping[_Key, TrainingHistory],
    stored: Mapping[_Key, TrainingHistory],
    conn_id: str,
    connection: Connection,
) -> None:
    """Insert new histories, and update those that have changed."""
    changed = {key: history for key, history in histories.items() if history is not stored.get(key)}
    new = [_row(key, history, conn_id) for key, history in changed.items() if key not in stored]
    if new:
        connection.execute(table.insert(), new)
    updated = [
        {f"old_{name}" if name in table.primary_key.columns else name: value for name, value in row.items()}
        for row in (_row(key, history, conn_id) for key, history in changed.items() if key in stored)
    ]
    if updated:
        is_row = [column == bindparam(f"old_{column.name}") for column in table.primary_key.columns]
        connection.execute(table.update().where(*is_row), updated)


def _row(key: _Key, history: TrainingHistory, conn_id: str) -> dict[str, Any]:
    periods = [
        {
            "lesson_schedule_id": one.lesson_schedule_id,
            "completed_at": one.completed_at and one.completed_at.isoformat(),
            "valid_through": one.valid_through and one.valid_through.isoformat(),
            "state": one.state.value,
        }
        for one in history.periods
    ]
    lesson_id, user_id = key
    return {
        "conn_id": conn_id,
        "lesson_id": lesson_id,
        "user_id": user_id,
        "changed_at": history.changed_at,
        "periods": periods,
    }


def _period(stored: Mapping[str, Any]) -> Period:
    completed_at, valid_through = stored["completed_at"], stored["valid_through"]
    return Period(
        lesson_schedule_id=stored["lesson_schedule_id"],
        completed_at=completed_at and datetime.fromisoformat(completed_at),
        valid_through=valid_through and date.fromisoformat(valid_through),
        state=TrainingState(stored["state"]),
    )

"""Events: their names, and their Airflow assets, ``damstra://<connection>/<event>``.

Damstra reports the events of schedules and users by webhooks. The events of trainings result from rules, when
``DamstraTrainingStatusOperator`` evaluates them.

Importing it is cheap and loads no Airflow: conditions, the receiver and Airflow's asset machinery use it.

::

    with DAG("congratulate", schedule=[damstra_event("lesson.schedule.completed")]):
        ...  # triggering_asset_events has extra["payload"], extra["unverified"] and extra["verified"]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args
from urllib.parse import quote, unquote, urlsplit

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from airflow.providers.common.compat.openlineage.facet import Dataset as OpenLineageDataset
    from airflow.sdk import Asset

SCHEDULE_CREATED: Final = "lesson.schedule.created"
SCHEDULE_CHANGED: Final = "lesson.schedule.changed"
SCHEDULE_COMPLETED: Final = "lesson.schedule.completed"
SCHEDULE_CANCELLED: Final = "lesson.schedule.cancelled"
USER_CREATED: Final = "user.account.created"
USER_UPDATED: Final = "user.settings.updated"
USER_INACTIVATED: Final = "user.account.inactivate"
TRAINING_CURRENT: Final = "training.current"
TRAINING_EXPIRING: Final = "training.expiring"
TRAINING_EXPIRED: Final = "training.expired"

ScheduleEvent: TypeAlias = Literal[
    "lesson.schedule.created",
    "lesson.schedule.changed",
    "lesson.schedule.completed",
    "lesson.schedule.cancelled",
]
UserEvent: TypeAlias = Literal["user.account.created", "user.settings.updated", "user.account.inactivate"]
EventName: TypeAlias = ScheduleEvent | UserEvent
TrainingEvent: TypeAlias = Literal["training.current", "training.expiring", "training.expired"]

SCHEDULE_EVENTS: tuple[ScheduleEvent, ...] = get_args(ScheduleEvent)
"""The events of a lesson schedule, in the order of its life."""

EVENT_NAMES: tuple[EventName, ...] = (*SCHEDULE_EVENTS, *get_args(UserEvent))
"""The events that Damstra reports."""

TRAINING_EVENTS: tuple[TrainingEvent, ...] = get_args(TrainingEvent)
"""The events of a person's training in a lesson, in the order in which they occur."""

ALL_EVENTS: Final = "all"
"""Every event that Damstra reports to a connection, with ``[damstra] allow_unknown_events`` of any name."""

TRIGGERING_LESSON_SCHEDULE_IDS: Final = (
    "{{ triggering_asset_events.values() | sum(start=[])"
    " | selectattr('extra.payload', 'defined') | map(attribute='extra.payload')"
    " | selectattr('lesson_schedule_id', 'defined') | map(attribute='lesson_schedule_id') | unique | list }}"
)
"""Template of the lesson schedule ids in the events that triggered a DAG run; other events are left out."""

SCHEME = "damstra"
DEFAULT_CONNECTION = "damstra_default"


def damstra_event(
    name: EventName | TrainingEvent | Literal["all"] = ALL_EVENTS,
    *,
    conn_id: str = DEFAULT_CONNECTION,
    extra: dict[str, Any] | None = None,
) -> Asset:
    """Return the asset that is updated whenever an event occurs.

    :param name: Damstra's name of the event, such as ``lesson.schedule.completed``; ``all`` for every event
        that Damstra reports. Events whose name this provider does not know need ``[damstra]
        allow_unknown_events``. Or an event of training rules, such as ``training.expired``.
    :param conn_id: id of the Airflow connection whose webhook receives the event, or with which the rules are
        evaluated.
    :param extra: the ``extra`` of the asset.
    :raises ValueError: if there is no such event, or ``conn_id`` is empty.
    """
    from airflow.sdk import Asset

    return Asset(uri=event_uri(name, conn_id=conn_id), extra=extra or {})


def event_uri(name: str, *, conn_id: str) -> str:
    """Return the URI of an event's asset.

    :raises ValueError: if there is no such event, or no connection is named.
    """
    _validate(conn_id, name)
    return f"{SCHEME}://{quote(conn_id, safe='')}/{name}"


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """Return the normalized form of a ``damstra://`` URI. Airflow calls it for each asset of this scheme.

    :raises ValueError: if it names no connection, or an event that does not exist.
    """
    conn_id, name = unquote(uri.netloc), uri.path.strip("/").lower()
    if uri.query:
        raise ValueError(f"A {SCHEME}:// URI has no query, but this one has {uri.query!r}.")
    _validate(conn_id, name)
    return uri._replace(netloc=quote(conn_id, safe=""), path=f"/{name}")


def convert_asset_to_openlineage(asset: Asset, lineage_context: object) -> OpenLineageDataset:
    """Return the OpenLineage dataset of an event's asset: namespace is the connection, name the event."""
    from airflow.providers.common.compat.openlineage.facet import Dataset

    parts = urlsplit(asset.uri)
    return Dataset(namespace=f"{SCHEME}://{parts.netloc}", name=parts.path.strip("/"))


def _validate(conn_id: str, name: str) -> None:
    if not conn_id:
        raise ValueError(f"A {SCHEME}:// asset names its connection: {SCHEME}://<connection>/<event>.")
    names = (*EVENT_NAMES, ALL_EVENTS, *TRAINING_EVENTS)
    if name not in names:
        raise ValueError(f"There is no event {name!r}. There are: {', '.join(names)}.")

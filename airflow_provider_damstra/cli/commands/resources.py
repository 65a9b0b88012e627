"""The commands ``list`` and ``get`` of users, groups, lessons, lesson schedules and ILT sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.cli.execution import CommandError, airflow_command, usage_errors
from airflow_provider_damstra.cli.output import choose_columns, print_item, print_items
from airflow_provider_damstra.endpoints.group import GetGroup, ListGroups
from airflow_provider_damstra.endpoints.ilt_session import GetIltSession, ListIltSessions
from airflow_provider_damstra.endpoints.lesson import ListLessons
from airflow_provider_damstra.endpoints.lesson_schedule import GetLessonSchedule, ListUserLessonSchedules
from airflow_provider_damstra.endpoints.user import GetUser, ListUsers
from airflow_provider_damstra.hooks.damstra import DamstraHook

if TYPE_CHECKING:
    from argparse import Namespace

    from airflow_provider_damstra.cli.output import Item
    from airflow_provider_damstra.endpoints.base import Endpoint, ListEndpoint
    from airflow_provider_damstra.models.base import Model

    CommandFunction = Callable[[Namespace], None]


@dataclass(frozen=True)
class Listing:
    """A listing of the API and the columns that are printed by default."""

    endpoint: type[ListEndpoint[Any]]
    columns: tuple[str, ...]

    @property
    def available_columns(self) -> tuple[str, ...]:
        """Return the columns of a row: the fields of its model."""
        return tuple(self.endpoint.row_type().model_fields)


LISTINGS = {
    "users": Listing(ListUsers, ("id", "user_name", "first_name", "last_name", "employee_number")),
    "groups": Listing(ListGroups, ("id", "name", "parent_id", "member_count", "description")),
    "lessons": Listing(ListLessons, ("lesson_id", "lesson_version_id", "name", "version", "status")),
    "schedules": Listing(
        ListUserLessonSchedules,
        ("id", "lesson_id", "lesson_name", "status", "start_date", "end_date", "lesson_completed_date"),
    ),
    "sessions": Listing(
        ListIltSessions,
        ("id", "lesson_name", "start_datetime", "end_datetime", "location", "instructor_id", "status_id"),
    ),
}


def create_call(endpoint: type[Endpoint[Any]], arguments: dict[str, Any]) -> Any:
    """Return the call of an operation with the arguments that were given.

    :raises UsageError: naming the options with invalid values.
    """
    with usage_errors():
        return endpoint.model_validate(arguments)


@contextmanager
def open_rows(hook: DamstraHook, call: ListEndpoint[Any]) -> Iterator[Iterator[Any]]:
    """Yield the rows of a listing; no further page is requested when the block ends."""
    # A generator, which the hook's annotation does not say.
    rows: Any = hook.iterate(call)
    with closing(rows):
        yield rows


def _to_item(model: Model) -> Item:
    """Return the fields of a row by their names, without members that the model has no field for."""
    return model.model_dump(include=set(type(model).model_fields))


def _print_listing(rows: Iterable[Model], listing: Listing, args: Namespace, *, limit: int = 0) -> None:
    columns = choose_columns(args.columns, available=listing.available_columns, default=listing.columns)
    print_items(map(_to_item, rows), columns=columns, output=args.output, limit=limit)


def _list_command(resource: str) -> CommandFunction:
    listing = LISTINGS[resource]

    @airflow_command(needs_database=False)
    def list_rows(args: Namespace) -> None:
        filters = {name: getattr(args, name) for name in listing.endpoint.model_fields}
        call = create_call(
            listing.endpoint, {name: value for name, value in filters.items() if value is not None}
        )
        with open_rows(DamstraHook(damstra_conn_id=args.conn_id), call) as rows:
            _print_listing(rows, listing, args, limit=args.limit)

    return list_rows


def _get_command(endpoint: type[Endpoint[Any]], argument: str) -> CommandFunction:
    @airflow_command(needs_database=False)
    def get(args: Namespace) -> None:
        call = create_call(endpoint, {argument: args.id})
        print_item(_to_item(DamstraHook(damstra_conn_id=args.conn_id).call(call)), output=args.output)

    return get


@airflow_command(needs_database=False)
def get_lessons(args: Namespace) -> None:
    """Print the versions of a lesson: the API has no call for one lesson.

    :raises CommandError: if there is no such lesson.
    """
    call = create_call(ListLessons, {"lesson_ids": [args.id]})
    rows = list(DamstraHook(damstra_conn_id=args.conn_id).iterate(call))
    if not rows:
        raise CommandError(f"There is no lesson {args.id}: airflow damstra lessons list shows the ids.")
    _print_listing(rows, LISTINGS["lessons"], args)


list_users = _list_command("users")
list_groups = _list_command("groups")
list_lessons = _list_command("lessons")
list_schedules = _list_command("schedules")
list_sessions = _list_command("sessions")
get_users = _get_command(GetUser, "user_id")
get_groups = _get_command(GetGroup, "group_id")
get_schedules = _get_command(GetLessonSchedule, "lesson_schedule_id")
get_sessions = _get_command(GetIltSession, "ilt_session_id")

"""Definitions of the commands that list users, groups, lessons, lesson schedules and ILT sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_damstra.cli.definitions.base import CONN_ID, LIMIT, OUTPUT, command, group, option

if TYPE_CHECKING:
    from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand

COLUMNS = option(
    "--columns",
    metavar="NAME,...",
    help="columns instead of the default ones, separated by commas; all for every column",
)
PUBLISHED_STATES = ("active", "inactive", "never", "rendering", "error")
SCHEDULE_STATUSES = ("all", "scheduled", "due", "overdue", "completed", "cancelled")


def _list(resource: str, noun: str, *filters: Arg, examples: tuple[str, ...]) -> ActionCommand:
    return command(
        "list",
        f"List {noun}",
        "Rows are requested page by page. JSON, YAML and CSV are printed while they are received.",
        function=f"resources.list_{resource}",
        examples=examples,
        arguments=(*filters, LIMIT, COLUMNS, OUTPUT, CONN_ID),
    )


def _get(resource: str, noun: str, example_id: int) -> ActionCommand:
    return command(
        "get",
        f"Print one {noun}",
        function=f"resources.get_{resource}",
        examples=(
            f"airflow damstra {resource} get {example_id}",
            f"airflow damstra {resource} get {example_id} -o json",
        ),
        arguments=(option("id", metavar="ID", help=f"id of the {noun}"), OUTPUT, CONN_ID),
    )


_USERS = group(
    "users",
    "Users of the account",
    _list(
        "users",
        "users",
        option("--q", metavar="TEXT", help="text in user, first or last name"),
        option("--emp-id", metavar="TEXT", help="employee number"),
        option("--email-address", metavar="TEXT", help="e-mail address"),
        option(
            "--role-id",
            metavar="N",
            help="3 admin, 4 editor, 5 supervisor, 6 trainee, 7 owner, 8 instructor",
        ),
        option(
            "--active-value",
            metavar="STATUS",
            choices=("active", "inactive", "all"),
            help="active, inactive or all (default: active)",
        ),
        examples=(
            "airflow damstra users list",
            "airflow damstra users list --q murphy --active-value all -o json",
            "airflow damstra users list --limit 0 --columns id,user_name,modified_date -o csv",
        ),
    ),
    _get("users", "user", 1011),
)

_GROUPS = group(
    "groups",
    "Groups of users",
    _list(
        "groups",
        "groups",
        option("--q", metavar="TEXT", help="text in the name"),
        examples=("airflow damstra groups list", 'airflow damstra groups list --q "pit crew" -o yaml'),
    ),
    _get("groups", "group", 102),
)

_LESSONS = group(
    "lessons",
    "Lessons, one row for each version",
    _list(
        "lessons",
        "versions of lessons",
        option("--q", metavar="TEXT", help="text in the name"),
        option("--lesson-ids", metavar="ID,...", help="ids of lessons, separated by commas"),
        option(
            "--published-states",
            metavar="STATE,...",
            help=f"publishing statuses, separated by commas: {', '.join(PUBLISHED_STATES)}",
        ),
        examples=(
            "airflow damstra lessons list --published-states active",
            "airflow damstra lessons list --lesson-ids 201,202 -o json",
        ),
    ),
    command(
        "get",
        "Print the versions of one lesson",
        function="resources.get_lessons",
        examples=("airflow damstra lessons get 201", "airflow damstra lessons get 201 -o json"),
        arguments=(option("id", metavar="ID", help="id of the lesson"), COLUMNS, OUTPUT, CONN_ID),
    ),
)

_SCHEDULES = group(
    "schedules",
    "Lesson schedules of users",
    _list(
        "schedules",
        "lesson schedules of a user",
        option("--user-id", metavar="ID", help="id of the user", required=True),
        option(
            "--status",
            metavar="STATUS",
            choices=SCHEDULE_STATUSES,
            help=f"one of {', '.join(SCHEDULE_STATUSES)}",
        ),
        examples=(
            "airflow damstra schedules list --user-id 1011",
            "airflow damstra schedules list --user-id 1011 --status overdue -o json",
        ),
    ),
    _get("schedules", "lesson schedule", 30001),
)

_SESSIONS = group(
    "sessions",
    "ILT (instructor-led training) sessions",
    _list(
        "sessions",
        "ILT sessions",
        option("--lesson-schedule-id", metavar="ID", help="id of a lesson schedule of a registered trainee"),
        option("--state", metavar="N", help="time relative to now: 1 upcoming, 2 in progress, 3 past"),
        option("--status", metavar="N", help="1 active, 2 completed, 3 cancelled"),
        option("--instructor-id", metavar="ID", help="user id of the instructor"),
        examples=(
            "airflow damstra sessions list --state 1",
            "airflow damstra sessions list --status 2 -o csv",
        ),
    ),
    _get("sessions", "ILT session", 401),
)

COMMANDS: tuple[GroupCommand, ...] = (_USERS, _GROUPS, _LESSONS, _SCHEDULES, _SESSIONS)

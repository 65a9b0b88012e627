"""Definitions of the commands ``matrix`` and ``status``."""

from __future__ import annotations

from airflow_provider_damstra.cli.definitions.base import CONN_ID, OUTPUT, command, file_format, option
from airflow_provider_damstra.cli.definitions.resources import COLUMNS

STATES = ("current", "expiring", "assigned", "missing", "expired", "overdue")

_AT = option("--at", metavar="TIME", help="time of the statuses, ISO 8601 with a time zone (default: now)")
_TIME_ZONE = option(
    "--time-zone", metavar="NAME", help="IANA time zone of dates (default: %(default)s)", default="UTC"
)

_MATRIX = command(
    "matrix",
    "Write the training matrix of a group to a file, as DamstraTrainingMatrixOperator does",
    "Its rows are the members, its columns the lessons. With --requirements-path a status is by the training "
    "rules, else by the lesson schedules.",
    function="training.matrix",
    examples=(
        "airflow damstra matrix 102 matrix.html",
        "airflow damstra matrix 101 matrix.csv --include-child-groups --lesson-ids 201,202",
    ),
    arguments=(
        option("group_id", metavar="GROUP_ID", help="id of the group"),
        option("target_path", metavar="TARGET", help="path or URL of the file on any object storage"),
        file_format("html", "csv", "parquet"),
        option("--lesson-ids", metavar="ID,...", help="ids of the lessons (default: all)"),
        option("--requirements-path", metavar="FILE", help="YAML or JSON file of training rules"),
        option("--title", metavar="TEXT", help="heading of the HTML file (default: the group's name)"),
        option("--include-child-groups", action="store_true", help="include members of all groups below"),
        option("--include-inactive", action="store_true", help="include inactive users"),
        option("--include-supervisors", action="store_true", help="include the supervisors of each user"),
        option("--require-passed", action="store_true", help="count only completions with a passed test"),
        option("--valid-for", metavar="DURATION", help='age of completions that count, such as "12 months"'),
        _AT,
        _TIME_ZONE,
        OUTPUT,
        CONN_ID,
    ),
)

_STATUS = command(
    "status",
    "Evaluate training rules for people, and print a row for each status",
    "Rules and states are those of DamstraTrainingStatusOperator. Nothing is scheduled.",
    function="training.status",
    examples=(
        "airflow damstra status rules.yaml",
        "airflow damstra status rules.yaml --user-ids 1011,1012 --output json",
        "airflow damstra status rules.yaml --state missing,expired,overdue --fail-on-rows",
    ),
    arguments=(
        option("requirements_path", metavar="RULES", help="path or URL of a YAML or JSON file of rules"),
        option("--user-ids", metavar="ID,...", help="ids of the users (default: all active users)"),
        option("--state", metavar="STATE,...", help=f"only these states: {', '.join(STATES)}"),
        option("--fail-on-rows", action="store_true", help="exit code 1 if a row is printed"),
        _AT,
        _TIME_ZONE,
        COLUMNS,
        OUTPUT,
        CONN_ID,
    ),
)

COMMANDS = (_MATRIX, _STATUS)

"""Definition of the command ``export``."""

from __future__ import annotations

from airflow_provider_damstra.cli.definitions.base import CONN_ID, OUTPUT, command, file_format, option

RESOURCES = (
    *("users", "groups", "group_members", "group_supervisors", "lessons", "lesson_details"),
    *("lesson_schedules", "ilt_sessions", "ilt_attendees"),
)
"""As ``transfers.base.RESOURCE_NAMES``, which takes too long to import for every ``airflow`` command."""

COMMANDS = (
    command(
        "export",
        "Write all rows of a resource to a file, as DamstraExportOperator does",
        "The file appears under its name when it is complete; memory use does not grow with the number of "
        "rows. A terminal shows the progress.",
        function="exports.export",
        examples=(
            "airflow damstra export users users.jsonl",
            "airflow damstra export lesson_schedules overdue.csv --filter status=overdue "
            "--safe-for-spreadsheets",
            "airflow damstra export group_members members.csv --parent-ids 102,103",
        ),
        arguments=(
            option("resource", metavar="RESOURCE", choices=RESOURCES, help=f"one of {', '.join(RESOURCES)}"),
            option("target_path", metavar="TARGET", help="path or URL of the file on any object storage"),
            file_format("jsonl", "csv", "parquet"),
            option(
                "--compression",
                metavar="NAME",
                choices=("gzip", "zstd"),
                help="gzip or zstd (default: by the suffix .gz or .zst of the file, else none)",
            ),
            option(
                "--safe-for-spreadsheets",
                action="store_true",
                help="escape formulas in CSV, for files that are opened in a spreadsheet",
            ),
            option(
                "--filter",
                metavar="NAME=VALUE",
                action="append",
                default=[],
                help="argument of the listing, such as status=overdue; can be repeated",
            ),
            option(
                "--parent-ids",
                metavar="ID,...",
                help="ids of the groups, users or sessions whose rows are read (default: all)",
            ),
            option(
                "--skip-failed-parents",
                action="store_true",
                help="leave out a group, user or session that cannot be read; the exit code is then 1",
            ),
            option(
                "--exclude-columns",
                metavar="NAME,...",
                help="columns that are left out, such as email_address",
            ),
            OUTPUT,
            CONN_ID,
        ),
    ),
)

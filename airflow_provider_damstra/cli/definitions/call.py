"""Definition of the command ``call``."""

from __future__ import annotations

import argparse

from airflow_provider_damstra.cli.definitions.base import command, option

OPERATIONS = (
    *("ActivateUser", "AddGroupMembers", "AddGroupSupervisors", "BulkDeregisterIltSession"),
    *("BulkRegisterIltSession", "BulkUserImport", "CancelIltSession", "CompleteIltSession"),
    *("CompleteLesson", "CreateGroup", "CreateIltSession", "CreateUser", "DownloadCertificate"),
    *("GenerateLoginUrl", "GetEmbedUrl", "GetEmbedUrlAllLessonTypes", "GetGroup", "GetIltSession"),
    *("GetLessonSchedule", "GetUser", "InactivateGroup", "InactivateUser", "ListGroupMembers"),
    *("ListGroupSupervisors", "ListGroups", "ListIltSessionAttendees", "ListIltSessions"),
    *("ListLessonDetails", "ListLessons", "ListUserLessonSchedules", "ListUsers"),
    *("RemoveGroupMembers", "RemoveGroupSupervisors", "SaveIltSessionProgress", "ScheduleUser"),
    *("UpdateGroup", "UpdateIltSession", "UpdateUser"),
)
"""The names in ``endpoints.__all__``, which takes too long to import for every ``airflow`` command."""

COMMANDS = (
    command(
        "call",
        "Call one operation of the API",
        "An operation has options for its arguments, which airflow damstra call OPERATION --help lists. The "
        "result is printed as JSON with the API's own names; a file or a secret is written to --file. An "
        "operation that changes data asks for confirmation, and is not sent again if its response is lost.",
        function="call.call",
        examples=(
            "airflow damstra call GetUser --help",
            "airflow damstra call GetUser --user-id 1011",
            "airflow damstra call ListUsers --q murphy --output csv",
            "airflow damstra call DownloadCertificate --lesson-schedule-id 30001 --file certificate.pdf",
            'airflow damstra call CreateGroup --name "Pit Crew C" --description "Relief shift" --yes',
        ),
        arguments=(
            option(
                "operation",
                metavar="OPERATION",
                choices=OPERATIONS,
                help=f"name of the operation: {', '.join(OPERATIONS)}",
            ),
            option("arguments", metavar="...", nargs=argparse.REMAINDER, help="options of the operation"),
        ),
    ),
)

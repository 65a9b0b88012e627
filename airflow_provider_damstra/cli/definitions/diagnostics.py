"""Definitions of the commands that check an installation and an account."""

from __future__ import annotations

from airflow_provider_damstra.cli.definitions.base import (
    CONN_ID,
    MAX_COUNT,
    OUTPUT,
    command,
    option,
    whole_number,
)

COMMANDS = (
    command(
        "doctor",
        "Check the connection, its account and this installation",
        "It only sends GET requests. Each finding has advice. The exit code is 1 if one is an error; a "
        "warning does not change it.",
        function="diagnostics.doctor",
        examples=("airflow damstra doctor", "airflow damstra doctor --output json"),
        arguments=(CONN_ID, OUTPUT),
    ),
    command(
        "verify",
        "Compare an account with the models and with the emulator's assumptions",
        "It only sends GET requests, two of them with an access key that does not exist. The report has "
        "shapes, codes and counts, and no value of a record. The exit code is 1 if the account deviates, and "
        "3 if it did not respond to any request, so that nothing could be compared.",
        function="diagnostics.verify_account",
        examples=(
            "airflow damstra verify --report verification.md",
            "airflow damstra verify --max-requests 50 --output json",
        ),
        arguments=(
            CONN_ID,
            option(
                "--report",
                help="file to write the report to: Markdown if its name ends with .md, JSON if with .json",
                metavar="FILE",
            ),
            option(
                "--max-requests",
                help="maximum number of requests (default: %(default)s)",
                metavar="N",
                type=whole_number(1, MAX_COUNT),
                default=150,
            ),
            option(
                "--page-size",
                help="rows that are read of each listing (default: %(default)s)",
                metavar="N",
                type=whole_number(1, MAX_COUNT),
                default=50,
            ),
            OUTPUT,
        ),
    ),
)

"""Definitions of the commands for the webhook receiver."""

from __future__ import annotations

from airflow_provider_damstra.cli.definitions.base import (
    CONN_ID,
    MAX_ID,
    command,
    number,
    option,
    whole_number,
)

MAX_TIMEOUT = 86_400
"""Seconds."""

TEST_EVENT = "airflow.test"
"""Name of the event that ``send-test-event`` sends by default; Damstra has no event of this name."""

COMMANDS = (
    command(
        "webhook-url",
        "Print the webhook URL to paste into Damstra, and create its token if it does not exist",
        "The URL contains a secret that authorizes events. Only the URL is written to standard output; "
        "further steps are written to standard error.",
        function="webhooks.webhook_url",
        examples=(
            "airflow damstra webhook-url",
            "airflow damstra webhook-url --conn-id damstra_default --rotate",
        ),
        arguments=(
            CONN_ID,
            option(
                "--rotate",
                help="create a new token; the previous one is accepted for one more day",
                action="store_true",
            ),
        ),
    ),
    command(
        "send-test-event",
        "Send an event to the receiver, and wait until it is an asset event",
        "The name of the default event does not exist in Damstra: it starts no DAG, or with [damstra] "
        "allow_unknown_events those that are scheduled on all events of the connection. With --name and ids, "
        "the event is verified like any other.",
        function="webhooks.send_test_event",
        examples=(
            "airflow damstra send-test-event",
            "airflow damstra send-test-event --name lesson.schedule.completed --lesson-schedule-id 30001 "
            "--user-id 1011",
        ),
        arguments=(
            CONN_ID,
            option("--name", help="name of the event (default: %(default)s)", default=TEST_EVENT),
            option(
                "--lesson-schedule-id",
                help="id of the lesson schedule in the event",
                type=whole_number(1, MAX_ID),
            ),
            option("--user-id", help="id of the user in the event", type=whole_number(1, MAX_ID)),
            option(
                "--timeout",
                help="seconds to wait (default: %(default)s)",
                type=number(0, MAX_TIMEOUT),
                default=60.0,
            ),
        ),
    ),
)

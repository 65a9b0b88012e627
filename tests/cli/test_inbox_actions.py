"""airflow damstra inbox retry|refuse|purge; tests/webhooks/test_inbox_actions.py tests the transitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.utils.platform import getuser

from airflow_provider_damstra.webhooks import inbox
from airflow_provider_damstra.webhooks.inbox_actions import refuse_events
from tests.cli.test_inbox import insert

if TYPE_CHECKING:
    from tests.cli.conftest import FailCommand, RunCommand


def states() -> dict[int, str]:
    return {row["id"]: row["state"] for row in inbox.list_events()}


def test_events_are_refused_retried_and_purged(run_command: RunCommand) -> None:
    for number in (1, 2, 3):
        insert(number)
    refused = run_command("inbox", "refuse", "1", "2", "--reason", "leaked\x1b[2J", "--yes")
    assert refused == ("Refused: 2.\n", "")
    assert states() == {1: "refused", 2: "refused", 3: "waiting"}
    reasons = {row["reason"] for row in inbox.list_events() if row["state"] == "refused"}
    assert reasons == {f"refused by {getuser()}: leaked\x1b[2J"}
    assert run_command("inbox", "retry", "2", "--yes")[0] == "Retried: 1.\n"
    assert run_command("inbox", "purge", "--all", "--yes")[0] == "Deleted: 1.\n"
    assert states() == {2: "waiting", 3: "waiting"}


def test_all_is_limited_by_filters(run_command: RunCommand) -> None:
    insert(1)
    insert(2, "another")
    insert(3, name="group.created")
    run_command("inbox", "refuse", "--all", "--conn-id", "another", "--yes")
    run_command("inbox", "refuse", "--all", "--name", "group.created", "--yes")
    assert states() == {1: "waiting", 2: "refused", 3: "refused"}
    arguments = ("inbox", "purge", "--all", "--older-than-days")
    assert run_command(*arguments, "1", "--yes")[0] == "There are no such events.\n"
    run_command(*arguments, "0", "--yes")
    assert states() == {1: "waiting"}


def test_event_in_another_state_is_a_finding(fail_command: FailCommand) -> None:
    insert(1)
    insert(2)
    refuse_events([1], reason="a test")
    message = fail_command("inbox", "refuse", "1", "2", "9", "--yes")
    assert message == "Not changed: 1 (refused), 9 (no such event). Refuse is for waiting events."
    assert states() == {1: "refused", 2: "refused"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("inbox", "purge", "--all", "--older-than-days", "nan"),
        ("inbox", "purge", "--all", "--older-than-days", "1e12"),
        ("inbox", "purge", "--all", "--older-than-days=-1"),
        ("inbox", "purge", str(2**63)),
        ("inbox", "retry", "0"),
        ("inbox", "list", "--limit", str(2**63)),
        ("send-test-event", "--timeout", "nan"),
        ("send-test-event", "--timeout", "inf"),
        ("send-test-event", "--timeout=-1"),
        ("send-test-event", "--user-id", str(2**63)),
        ("verify", "--max-requests", "0"),
    ],
    ids=" ".join,
)
def test_number_out_of_range_is_rejected_by_the_parser(
    arguments: tuple[str, ...], fail_command: FailCommand
) -> None:
    insert(1)
    refuse_events([1], reason="a test")
    message = fail_command(*arguments, exit_code=2)
    assert "is not a number from 0 to" in message or "is not a whole number from" in message
    assert states() == {1: "refused"}


@pytest.mark.parametrize("command", ["retry", "refuse", "purge"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Give ids of events, or --all."),
        (("1", "--all"), "Give ids of events, or --all."),
        (("1", "--name", "x"), "--name selects events with --all only."),
    ],
    ids=["nothing", "both", "filter"],
)
def test_wrong_selection_has_exit_code_2(
    arguments: tuple[str, ...], message: str, command: str, fail_command: FailCommand
) -> None:
    assert fail_command("inbox", command, *arguments, exit_code=2) == message


@pytest.mark.parametrize("command", ["retry", "refuse"])
def test_change_without_terminal_needs_yes(command: str, fail_command: FailCommand) -> None:
    insert(1)
    before: list[dict[str, Any]] = inbox.list_events()
    assert "(1)? Nothing was changed: give --yes" in fail_command("inbox", command, "1", exit_code=2)
    assert inbox.list_events() == before

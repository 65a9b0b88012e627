"""Each example of a command's help runs on an emulator."""

from __future__ import annotations

import shlex
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.webhooks.inbox_actions import refuse_events
from tests.cli.test_commands import EXAMPLES
from tests.cli.test_inbox import insert

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import RunCommand

OWN_TESTS = ("emulator", "webhook-url", "send-test-event")
"""Commands whose examples need a server or a stored connection; test_webhook_url.py and others run them."""

RULES = "requirements: [{lessons: [Site Induction], groups: [Pit Crew A], grace_period: 14 days}]"


@pytest.mark.parametrize(
    ("name", "example"), [pair for pair in EXAMPLES if pair[0] not in OWN_TESTS and "--help" not in pair[1]]
)
@pytest.mark.usefixtures("damstra_emulator")
def test_example_runs(
    name: str, example: str, run_command: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    monkeypatch.chdir(tmp_path)
    for number in range(1, 19):
        insert(number)
    if name == "inbox purge":
        refuse_events(range(1, 19), reason="a test")
    has_finding = "--fail-on-rows" in example
    with pytest.raises(SystemExit, match="1") if has_finding else nullcontext():
        run_command(*shlex.split(example))

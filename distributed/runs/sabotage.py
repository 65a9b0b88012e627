"""Damage that is done on purpose, to show that the checks find it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from distributed.judge.crew import judge_crew
from distributed.judge.events import judge_events
from distributed.judge.secrets import Arguments
from distributed.judge.store import copied_store
from distributed.runs import audit
from distributed.runs.result import RunResult
from tests.emulator.api_client import SITE_INDUCTION, ApiClient

if TYPE_CHECKING:
    from distributed.load.crew import Crew
    from distributed.stack.stack import Stack


class Sabotage:
    """Damages to a stack whose results were found to be right.

    :param crew: a crew that is trained.
    """

    def __init__(self, stack: Stack, crew: Crew) -> None:
        self._stack = stack
        self._crew = crew
        self._client = ApiClient(stack.emulator.url, stack.emulator.access_key)
        with copied_store(stack.store_file) as store:
            query = "SELECT id FROM users WHERE employee_number = :number"
            (self._user_id,) = store.values(query, number=crew.people[0].employee_number)
            (self._group_id,) = store.values("SELECT id FROM groups WHERE name = :name", name=crew.group)

    def run(self) -> RunResult:
        """Do each damage, and return a finding for each that is not found."""
        group = self._crew.group
        result = RunResult(title="Sabotage: damage that the checks have to find")
        for name, damage, judge, expected in (
            ("a duplicated lesson schedule", self._duplicate_schedule, self._judge_crew, "doubled"),
            ("a removed member", self._remove_member, self._judge_crew, f"members of {group}: lost"),
            ("a deleted asset event", self._delete_event, self._judge_events, "lost"),
            ("the access key in a log", self._write_key, self._audit, "access key is in"),
        ):
            if any(expected in finding for finding in judge()):
                result.findings.append(f"{name} was found before it was there")
            damage()
            found = [finding for finding in judge() if expected in finding]
            result.facts[name] = found[0] if found else "not found"
            if not found:
                result.findings.append(f"{name} was not found")
        self._client.close()
        return result

    def _duplicate_schedule(self) -> None:
        self._stack.emulator.api.complete(self._client.schedule(self._user_id, SITE_INDUCTION))

    def _remove_member(self) -> None:
        self._client.send(f"/group/{self._group_id}/remove_members", userIds=[self._user_id])

    def _delete_event(self) -> None:
        with self._stack.postgresql.connected() as server:
            query = "SELECT id FROM asset_event WHERE extra #>> '{payload,lesson_schedule_id}' = %s"
            (event_id,) = server.execute(query, [str(self._stack.watched.completed[0])]).fetchall()[0]
            server.execute("DELETE FROM dagrun_asset_event WHERE event_id = %s", [event_id])
            server.execute("DELETE FROM asset_event WHERE id = %s", [event_id])

    def _write_key(self) -> None:
        """Write the key as base64, as in the header of a message."""
        key = base64.b64encode(f"AccessKey: {self._stack.emulator.access_key}".encode()).decode()
        with self._stack.airflow.processes["worker-1"].log.open("a") as log:
            log.write(f"{key}\n")

    def _judge_crew(self) -> list[str]:
        with copied_store(self._stack.store_file) as store:
            return judge_crew(store, self._crew)

    def _judge_events(self) -> list[str]:
        return judge_events(self._stack.metadata.asset_events(), watched=self._stack.watched.completed)

    def _audit(self) -> list[str]:
        return audit.run(self._stack, report="", arguments=Arguments(), crews=0).findings

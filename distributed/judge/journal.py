"""Comparison of the emulator's journal with the results of the onboarding DAG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distributed.judge.differences import compare

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from demo.emulator_instance import Row

CREATED = "insert"


def created_rows(journal: Iterable[Row], table: str) -> list[Any]:
    """Return the ids of the rows that requests have created in a table."""
    return [
        row["id"]
        for entry in journal
        for row in entry["rows"]
        if row["table"] == table and row["action"] == CREATED
    ]


def judge_journal(journal: Iterable[Row], *, reported: Mapping[str, Iterable[int]]) -> list[str]:
    """Return what requests have created and no task reports, and the other way round.

    :param reported: ids that the tasks returned, by the emulator's table.
    """
    journal = list(journal)
    return [
        finding
        for table, ids in reported.items()
        for finding in compare(
            f"{table} that tasks report, of those created", ids, created_rows(journal, table)
        )
    ]

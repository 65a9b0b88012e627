"""Crews are trained until each process fault has occurred."""

from __future__ import annotations

import pytest

from distributed.load.batches import MAX_MORE_CREWS, batches


@pytest.mark.parametrize(
    ("faults_of_a_batch", "expected"),
    [(4, [[1, 2, 3], [4]]), (3, [[1, 2, 3], [4], [5]]), (2, [[1, 2, 3], [4], [5], [6]])],
)
def test_more_crews_follow_until_each_fault_has_occurred(
    faults_of_a_batch: int, expected: list[list[int]]
) -> None:
    missing = [f"fault {number}" for number in range(8)]
    found = []
    for seeds in batches(4, missing_faults=lambda: missing):
        found.append(seeds)
        del missing[:faults_of_a_batch]
    assert found == expected


def test_number_of_further_crews_is_limited() -> None:
    found = list(batches(6, missing_faults=lambda: ["SIGKILL of a triggerer"]))
    assert found == [[1, 2, 3], [4, 5, 6], *([7 + number] for number in range(MAX_MORE_CREWS))]

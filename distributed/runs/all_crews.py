"""All crews are checked once more, when no process of a killed component can be left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distributed.runs.chaos import judge
from distributed.runs.result import RunResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distributed.load.crew import Crew
    from distributed.stack.stack import Stack


def run(stack: Stack, crews: Sequence[Crew]) -> RunResult:
    """Check what was checked after each part of the chaos."""
    return RunResult(
        title=f"All {len(crews)} crews again, after the end of the faults", findings=judge(stack, crews)
    )

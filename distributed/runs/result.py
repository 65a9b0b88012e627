"""The result of a run."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(kw_only=True)
class RunResult:
    """Measured facts of a run, and what its check has found.

    :param title: heading in the report.
    :param facts: measurements by their names.
    :param findings: what is wrong; empty if all is as expected.
    """

    title: str
    facts: dict[str, str] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)

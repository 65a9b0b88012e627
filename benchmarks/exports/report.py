"""What rounds come to: medians, and whether each target is met."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

Measured = dict[str, float]
Results = dict[tuple[str, str], list[Measured]]
"""What each round measured, by scenario and contender."""

MODELS, LINES = "models, 0 ms, 1000", "lines, 0 ms, 1000"
LATENCY, FAN_OUT = "lines, 50 ms, 1000", "schedules, 50 ms"
BIG = "lines, 0 ms, 1000, a million"


@dataclass(frozen=True, kw_only=True)
class Target:
    """A ratio of seconds: ``slow`` takes at least, or at most, so many times as long as ``fast``."""

    scenario: str
    slow: str
    fast: str
    least: float | None = None
    most: float | None = None

    def line(self, results: Results) -> str:
        """Return the measured ratio and whether it is met."""
        if (self.scenario, self.slow) not in results or (self.scenario, self.fast) not in results:
            return f"| {self.scenario} | {self.slow} / {self.fast} | {self._wanted} | - | not measured |"
        slow = median(results[self.scenario, self.slow])["seconds"]
        ratio = slow / median(results[self.scenario, self.fast])["seconds"]
        is_met = ratio >= self.least if self.least else ratio <= (self.most or 0)
        verdict = "met" if is_met else "NOT MET"
        return f"| {self.scenario} | {self.slow} / {self.fast} | {self._wanted} | {ratio:.2f} | {verdict} |"

    @property
    def _wanted(self) -> str:
        return f"at least {self.least:g}" if self.least else f"at most {self.most:g}"


def _targets() -> list[Target]:
    targets = []
    for ours, floor, least, most in (
        ("damstra x16", "floor x16", 14, 2.0),
        ("damstra x32", "floor x32", 20, 1.6),
    ):
        for slow in ("HttpOperator", "dlt"):
            targets.append(Target(scenario=LATENCY, slow=slow, fast=ours, least=least))
        targets.append(Target(scenario=LATENCY, slow=ours, fast=floor, most=most))
    for slow, least in (("aiohttp x16", 12), ("HttpOperator", 20), ("dlt", 20)):
        targets.append(Target(scenario=LINES, slow=slow, fast="damstra x16", least=least))
    for slow in ("requests", "aiohttp x16", "HttpOperator", "dlt"):
        targets.append(Target(scenario=MODELS, slow=slow, fast="damstra x16", least=4))
    for ours, least in (("damstra x16", 14), ("damstra x32", 25)):
        targets.append(Target(scenario=FAN_OUT, slow="requests", fast=ours, least=least))
    return targets


TARGETS = _targets()
MOST_MEMORY = 15.0
"""MB over the import baseline."""


def median(rounds: list[Measured]) -> Measured:
    """Return the median of each measure."""
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


def row(scenario: str, contender: str, rounds: list[Measured], rows: int) -> str:
    """Return one line of the table."""
    of = median(rounds)
    rate = f"{rows / of['seconds']:,.0f}"
    figures = f"{of['seconds']:.2f} | {rate} | {of['cpu']:.2f} | {of['memory']:.0f} | {of['requests']:.0f}"
    return f"| {scenario} | {rows} | {contender} | {figures} |"


def memory_lines(results: Results) -> list[str]:
    """Return the peak of 100,000 and 1,000,000 users, each against the most that is allowed."""
    lines = []
    for scenario in (LATENCY, BIG):
        rounds = results.get((scenario, "damstra x16"))
        if rounds:
            peak = median(rounds)["memory"]
            verdict = "met" if peak <= MOST_MEMORY else "NOT MET"
            lines.append(
                f"| {scenario} | damstra x16, peak MB | at most {MOST_MEMORY:g} | {peak:.0f} | {verdict} |"
            )
    return lines

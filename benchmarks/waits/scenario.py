"""The schedules and their times of completion, derived from a seed in the server and the contenders."""

from __future__ import annotations

import math
import random
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Lesson schedules, spread evenly over users; each is completed at a random time.

    :param waits: number of schedules, one for each trigger.
    :param interval: poll interval in seconds.
    :param start: earliest time of completion, in seconds since the epoch.
    :param seconds: time between the first and the last completion.
    :param completed_share: share of the schedules that are completed at all.
    """

    waits: int
    users: int
    interval: float
    seconds: float
    start: float
    completed_share: float = 1.0
    completed_at: list[float] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        generator = random.Random(2026)  # noqa: S311 - repeatable on purpose
        times = [self.start + generator.random() * self.seconds for _ in range(self.waits)]
        if self.completed_share < 1:
            times = [at if generator.random() < self.completed_share else math.inf for at in times]
        object.__setattr__(self, "completed_at", times)

    def arguments(self) -> dict[str, float]:
        """Return the arguments to build the same scenario in another process."""
        return {name: value for name, value in asdict(self).items() if name != "completed_at"}

    def user_of(self, schedule: int) -> int:
        """Return the id of a schedule's user. Ids start at 1."""
        return (schedule - 1) % self.users + 1

    def schedules_of(self, user: int) -> range:
        """Return the ids of a user's schedules."""
        return range(user, self.waits + 1, self.users)

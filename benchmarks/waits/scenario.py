"""What is waited for, the same for server and contenders: it follows from a seed."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Waits on lesson schedules, spread evenly over users; each schedule is completed at a random moment.

    :param interval: seconds between two looks of a wait.
    :param seconds: how long schedules go on being completed.
    :param begin: seconds since the epoch when the first can be completed.
    """

    waits: int
    users: int
    interval: float
    seconds: float
    begin: float
    completed_at: list[float] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        dice = random.Random(2026)  # noqa: S311 - repeatable on purpose
        moments = [self.begin + dice.random() * self.seconds for _ in range(self.waits)]
        object.__setattr__(self, "completed_at", moments)

    def arguments(self) -> dict[str, float]:
        """Return what another process needs to build the same scenario."""
        return {name: value for name, value in asdict(self).items() if name != "completed_at"}

    def user_of(self, schedule: int) -> int:
        """Return the id of the user whose schedule it is. Ids begin at 1."""
        return (schedule - 1) % self.users + 1

    def schedules_of(self, user: int) -> range:
        """Return the ids of a user's schedules."""
        return range(user, self.waits + 1, self.users)

"""How an emulator is set up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

# Where the API is, and where the control plane.
API = "/api/v2"
CONTROL = "/_emulator"
DEFAULT_ACCESS_KEY = "emulator-access-key"
DEFAULT_SEED = "demo"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What an emulator is started with.

    :param access_key: the key that the header ``AccessKey`` must carry.
    :param seed: what the store holds at first: ``demo``, ``empty`` or ``large:N``.
    :param db: a file that keeps the store; without one it lives in memory.
    :param page_cap: the most rows that one page of a listing holds.
    :param clock: the time at which the emulator's clock starts; without one it follows the real time.
    :param webhook_timeout: seconds that a webhook's receiver has to answer.
    :param webhook_pause: seconds before a failed webhook is tried again; doubled for the third try.
    """

    access_key: str = DEFAULT_ACCESS_KEY
    seed: str = DEFAULT_SEED
    db: Path | None = None
    page_cap: int = 100
    clock: datetime | None = None
    webhook_timeout: float = 5.0
    webhook_pause: float = 0.2

"""Settings of an emulator, and constants of the emulated account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

API_PREFIX = "/api/v2"
CONTROL_PREFIX = "/_emulator"
DEFAULT_ACCESS_KEY = "emulator-access-key"
ACCESS_KEY_VARIABLE = "DAMSTRA_EMULATOR_ACCESS_KEY"
DEFAULT_SEED = "demo"

CLIENT_ID = 1
CLIENT_NAME = "Emulated Mining & Construction Pty Ltd"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Configuration of one emulator.

    :param access_key: the accepted value of the request header ``AccessKey``.
    :param seed: the initial data: ``demo``, ``empty``, ``large:N`` or the path of a seed file.
    :param db: SQLite file that keeps the data; None keeps it in memory.
    :param scenario: file with steps that are carried out at times of the clock.
    :param rate_limit: requests per second that the API handles; None is unlimited.
    :param page_cap: the most rows of one page of a listing.
    :param allowed_hosts: host names that requests may have besides those of this machine; ``*`` for all.
    :param allow_remote_control: whether other machines may use the control plane and the page.
    :param clock: the emulated time at the start and after a reset; None follows the real time.
    :param webhook_timeout: seconds until a delivery to a webhook times out.
    :param webhook_backoff: seconds before the second try of a delivery; doubled before the third.
    """

    access_key: str = DEFAULT_ACCESS_KEY
    seed: str = DEFAULT_SEED
    db: Path | None = None
    scenario: Path | None = None
    rate_limit: float | None = None
    page_cap: int = 100
    allowed_hosts: tuple[str, ...] = ()
    allow_remote_control: bool = False
    clock: datetime | None = None
    webhook_timeout: float = 5.0
    webhook_backoff: float = 0.2

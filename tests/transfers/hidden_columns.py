"""The key of hashes, and the people in the emulator."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.emulator.api_client import ApiClient

KEY = "0123456789abcdef0123456789abcdef"
LIAM, AROHA, CREW = 1012, 1014, 102
NAMES = {
    "users": ["first_name", "lastName", "user_name", "email_address"],
    "lesson_schedules": ["user_first_name", "user_last_name", "lesson_completed_by_name"],
}


def hashed(value: object) -> str:
    return hmac.new(KEY.encode(), str(value).encode(), hashlib.sha256).hexdigest()


def people(api: ApiClient) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = api.get_json("/user", startIndex=0, maxResults=100, activeValue="all")[
        "results"
    ]
    return rows

"""Valid arguments of UpdateUser."""

from __future__ import annotations

from typing import Any

USER: dict[str, Any] = {
    "first_name": "John",
    "last_name": "Smith",
    "email_address": "john@smith.com",
    "phone_number": "08",
    "mobile_number": "04",
    "employee_number": None,
    "roles": [6],
    "time_zone": "Australia/Perth",
}

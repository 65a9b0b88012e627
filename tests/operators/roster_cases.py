"""Cases of the operator that makes users and groups equal to an HR extract."""

from __future__ import annotations

from typing import Any

from airflow_provider_damstra.operators.roster import DamstraSyncUsersOperator
from tests.operators.operator_case import OperatorCase
from tests.operators.user_group_cases import ADA, MEMBERS_OF_102, NEW_USER, WAYNE, WAYNES_ID

CREW: dict[str, Any] = {"crew": "Pit Crew A"}
ROWS: list[dict[str, Any]] = [
    {**ADA, **CREW},
    {**WAYNE, **CREW},
    {"employee_number": "E1011", "first_name": "Leo", "last_name": "Murphy", "manager": "E1006", **CREW},
    {"employee_number": "E1016", "first_name": "Amelia", "last_name": "Singh", **CREW},
]
LEAVERS = [user_id for user_id in MEMBERS_OF_102 if user_id not in (1011, 1016)]
IDS: dict[str, list[int]] = {
    "created": [NEW_USER],
    "updated": [1011],
    "reactivated": [WAYNES_ID],
    "inactivated": LEAVERS,
    "moved": [WAYNES_ID],
    "supervisors_changed": [1006],
    "duplicate": [],
    "ambiguous": [],
    "unmatched": [],
    "protected": [],
    "unknown_manager": [],
}

SYNC_USERS = OperatorCase(
    operator=DamstraSyncUsersOperator,
    arguments={
        "users": ROWS,
        "group_id": 102,
        "group_column": "crew",
        "manager_column": "manager",
        "max_inactivations": 4,
        "batch_size": 1,
    },
    result={
        "counts": {"groups_created": 0, **{name: len(ids) for name, ids in IDS.items()}},
        "plan_digest": "9de3e5f609e4fb044decec8f377ad6c7ce3b3664df2c0c056fd61ec670ac241e",
    },
    xcoms=IDS,
    changes=(
        "insert users",
        "insert user_roles",
        *["update users"] * 6,
        *["insert group_members"] * 2,
        "insert group_supervisors",
        *["delete group_members"] * 4,
    ),
    affected_paths=("/user?activeValue=all&maxResults=100", "/group/102/member", "/group/102/supervisor"),
)

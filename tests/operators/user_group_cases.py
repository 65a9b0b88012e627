"""Cases of the operators for users and groups."""

from __future__ import annotations

from airflow_provider_damstra.operators.group import (
    DamstraAddGroupMembersOperator,
    DamstraAddGroupSupervisorsOperator,
    DamstraCreateGroupOperator,
    DamstraInactivateGroupOperator,
    DamstraRemoveGroupMembersOperator,
    DamstraRemoveGroupSupervisorsOperator,
    DamstraSyncGroupMembersOperator,
    DamstraUpdateGroupOperator,
)
from airflow_provider_damstra.operators.user import (
    DamstraActivateUserOperator,
    DamstraCreateUserOperator,
    DamstraGenerateLoginUrlOperator,
    DamstraInactivateUserOperator,
    DamstraUpdateUserOperator,
    DamstraUpsertUsersOperator,
)
from tests.operators.operator_case import CREATED, EXISTING, FOLDER, OperatorCase

NEW_USER, NEW_GROUP = 1041, 109
ADA = {"firstName": "Ada", "lastName": "Byron", "employeeNumber": "E9001", "emailAddress": "ada@example.com"}
MEMBERS_OF_102 = [1011, 1016, 1021, 1026, 1031, 1036]

CREATE_USER = OperatorCase(
    operator=DamstraCreateUserOperator,
    arguments={"user": ADA},
    result=NEW_USER,
    xcoms={**CREATED, "reactivated": False, "inactive": False},
    changes=("insert users", "insert user_roles"),
    affected_paths=("/user?activeValue=all&empId=E9001",),
)
UPSERT_USERS = OperatorCase(
    operator=DamstraUpsertUsersOperator,
    arguments={
        "users": [
            ADA,
            {"employee_number": "E1012", "first_name": "Olivia", "last_name": "Tran"},
            {"employee_number": "E1011", "first_name": "Leo", "last_name": "Murphy"},
        ],
        "batch_size": 1,
    },
    result=[NEW_USER, 1012, 1011],
    xcoms={
        "created": [NEW_USER],
        "updated": [1011],
        "unchanged": [1012],
        "reactivated": [],
        "inactive": [],
    },
    changes=("insert users", "insert user_roles", "update users"),
    affected_paths=("/user?activeValue=all&maxResults=100",),
)
ADD_MEMBERS = OperatorCase(
    operator=DamstraAddGroupMembersOperator,
    arguments={"group_id": 102, "user_ids": [1011, 1012, 1013]},
    result=[1012, 1013],
    xcoms={"added": [1012, 1013], "existing": [1011]},
    changes=("insert group_members",) * 2,
    affected_paths=("/group/102/member",),
)
CREATE_GROUP = OperatorCase(
    operator=DamstraCreateGroupOperator,
    arguments={"name": "Welders", "description": "All of them", "parent_id": 101},
    result=NEW_GROUP,
    xcoms=CREATED,
    changes=("insert groups",),
    affected_paths=("/group?q=Welders",),
)

WAYNE, WAYNES_ID = {"employee_number": "E1038", "first_name": "Wayne", "last_name": "Birch"}, 1038
"""An inactive user."""

REACTIVATE_USER = OperatorCase(
    operator=DamstraCreateUserOperator,
    name="of one who returns",
    arguments={"user": WAYNE, "reactivate": True},
    result=WAYNES_ID,
    xcoms={**EXISTING, "reactivated": True, "inactive": False},
    changes=("update users",),
    affected_paths=(f"/user/{WAYNES_ID}",),
)
REACTIVATE_USERS = OperatorCase(
    operator=DamstraUpsertUsersOperator,
    name="of one who returns",
    arguments={"users": [{**WAYNE, "first_name": "Wes"}, ADA], "reactivate": True},
    result=[WAYNES_ID, NEW_USER],
    xcoms={
        "created": [NEW_USER],
        "updated": [WAYNES_ID],
        "unchanged": [],
        "reactivated": [WAYNES_ID],
        "inactive": [],
    },
    changes=("insert users", "insert user_roles", *["update users"] * 2),
    affected_paths=("/user?activeValue=all&maxResults=100",),
)

LOGIN_URL = OperatorCase(
    operator=DamstraGenerateLoginUrlOperator,
    arguments={"user_id": 1011, "path": f"{FOLDER}url.txt", "expires_in": "day"},
    result=f"{FOLDER}url.txt",
)

USERS = (
    UPSERT_USERS,
    REACTIVATE_USERS,
    CREATE_USER,
    REACTIVATE_USER,
    OperatorCase(
        operator=DamstraCreateUserOperator,
        name="of one that is to be updated",
        arguments={"user": {"employeeNumber": "E1011", "firstName": "Leo"}, "if_exists": "update"},
        result=1011,
        xcoms={**EXISTING, "reactivated": False, "inactive": False},
        changes=("update users",),
        affected_paths=("/user/1011",),
    ),
    OperatorCase(
        operator=DamstraUpdateUserOperator,
        arguments={"user_id": 1011, "changes": {"mobile_number": "0400 000 000", "roles": [5, 6]}},
        result=True,
        changes=("update users", "insert user_roles"),
        affected_paths=("/user/1011",),
    ),
    OperatorCase(
        operator=DamstraActivateUserOperator,
        arguments={"user_id": 1038},
        result=True,
        changes=("update users",),
        affected_paths=("/user/1038",),
    ),
    OperatorCase(
        operator=DamstraInactivateUserOperator,
        arguments={"user_id": 1011},
        result=True,
        changes=("update users",),
        affected_paths=("/user/1011",),
    ),
    LOGIN_URL,
)

GROUPS = (
    CREATE_GROUP,
    OperatorCase(
        operator=DamstraCreateGroupOperator,
        name="of one that is to be updated",
        arguments={"name": "Pit Crew A", "description": "Day shift", "if_exists": "update"},
        result=102,
        xcoms=EXISTING,
        changes=("update groups",),
        affected_paths=("/group/102",),
    ),
    OperatorCase(
        operator=DamstraUpdateGroupOperator,
        arguments={"group_id": 103, "name": "Pit Crew N", "description": "By night", "parent_id": 105},
        result=True,
        changes=("update groups",),
        affected_paths=("/group/103",),
    ),
    OperatorCase(
        operator=DamstraInactivateGroupOperator,
        arguments={"group_id": 107},
        result=True,
        changes=("update groups",),
        affected_paths=("/group",),
    ),
    ADD_MEMBERS,
    OperatorCase(
        operator=DamstraRemoveGroupMembersOperator,
        arguments={"group_id": 102, "user_ids": [1011, 1012, 1016]},
        result=[1011, 1016],
        changes=("delete group_members",) * 2,
        affected_paths=("/group/102/member",),
    ),
    OperatorCase(
        operator=DamstraAddGroupSupervisorsOperator,
        arguments={"group_id": 102, "user_ids": [1005, 1006]},
        result=[1006],
        xcoms={"added": [1006], "existing": [1005]},
        changes=("insert group_supervisors",),
        affected_paths=("/group/102/supervisor",),
    ),
    OperatorCase(
        operator=DamstraRemoveGroupSupervisorsOperator,
        arguments={"group_id": 102, "user_ids": [1005, 1006]},
        result=[1005],
        changes=("delete group_supervisors",),
        affected_paths=("/group/102/supervisor",),
    ),
    OperatorCase(
        operator=DamstraSyncGroupMembersOperator,
        arguments={"group_id": 102, "user_ids": [1011, 1012, 1016]},
        result={"added": [1012], "removed": MEMBERS_OF_102[2:]},
        xcoms={"added": [1012], "removed": MEMBERS_OF_102[2:]},
        changes=("insert group_members", *["delete group_members"] * 4),
        affected_paths=("/group/102/member",),
    ),
    OperatorCase(
        operator=DamstraSyncGroupMembersOperator,
        name="for supervisors",
        arguments={"group_id": 102, "user_ids": [1006, 1007], "who": "supervisors"},
        result={"added": [1006, 1007], "removed": [1005]},
        xcoms={"added": [1006, 1007], "removed": [1005]},
        changes=(*["insert group_supervisors"] * 2, "delete group_supervisors"),
        affected_paths=("/group/102/supervisor",),
    ),
)

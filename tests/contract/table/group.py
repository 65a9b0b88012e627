"""Group."""

from __future__ import annotations

from typing import Any

from tests.contract.table.errors import (
    GROUP_NOT_FOUND,
    INVALID_KEY,
    NO_GROUP,
    NOT_AUTHORISED,
    SERVER_ERROR,
    TOKEN_NOT_VALID,
)
from tests.contract.table.row import Kind, Query, Row, json_response
from tests.contract.table.shared import NO_BODY, STATUS_LINE, USER, page_of

GROUP: dict[str, Any] = {
    "id": 1,
    "name": "Dev Group",
    "parentId": 1,
    "description": "The Development Team",
    "memberCount": 15,
    "createdDate": "2015-10-29 15:28:59",
    "clientId": 1,
}
WRITTEN = {"name": "Dev Group", "description": "The Development Team", "parentId": 1}


def users_of_group(operation_id: str, path: str) -> Row:
    """Return the row of a listing of a group's users."""
    return Row(
        operation_id=operation_id,
        method="GET",
        path=path,
        path_parameters={"groupId": 1234},
        paging=True,
        kind=Kind.PAGE,
        success=page_of(USER),
        errors=(INVALID_KEY,),
    )


def change_of_users(operation_id: str, path: str) -> Row:
    """Return the row of a change of a group's users; the page marks no field as required."""
    return Row(
        operation_id=operation_id,
        method="POST",
        path=path,
        path_parameters={"groupId": 1234},
        body={"userIds": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]},
        kind=Kind.NOTHING,
        success=STATUS_LINE,
        errors=(INVALID_KEY, GROUP_NOT_FOUND),
    )


ROWS = (
    Row(
        operation_id="listGroups",
        method="GET",
        path="/group",
        query={"q": Query("myGroup", "myGroup")},
        paging=True,
        kind=Kind.PAGE,
        success=page_of(GROUP),
        errors=(TOKEN_NOT_VALID,),
    ),
    Row(
        operation_id="getGroup",
        method="GET",
        path="/group/{groupId}",
        path_parameters={"groupId": 1234},
        kind=Kind.OBJECT,
        success=json_response(GROUP),
        errors=(TOKEN_NOT_VALID, NO_GROUP),
    ),
    Row(
        operation_id="createGroup",
        method="POST",
        path="/group",
        body=WRITTEN,
        required=("name", "description"),
        kind=Kind.OBJECT,
        success=json_response(GROUP),
        errors=(INVALID_KEY,),
    ),
    Row(
        operation_id="updateGroup",
        method="POST",
        path="/group/{groupId}",
        path_parameters={"groupId": 1234},
        body=WRITTEN,
        required=("name", "description"),
        kind=Kind.OBJECT,
        success=json_response(GROUP),
        errors=(INVALID_KEY,),
    ),
    users_of_group("listGroupMembers", "/group/{groupId}/member"),
    change_of_users("addGroupMembers", "/group/{groupId}/add_members"),
    change_of_users("removeGroupMembers", "/group/{groupId}/remove_members"),
    users_of_group("listGroupSupervisors", "/group/{groupId}/supervisor"),
    change_of_users("addGroupSupervisors", "/group/{groupId}/add_supervisors"),
    change_of_users("removeGroupSupervisors", "/group/{groupId}/remove_supervisors"),
    Row(
        operation_id="inactivateGroup",
        method="POST",
        path="/group/{groupId}/inactivate",
        path_parameters={"groupId": 1},
        kind=Kind.NOTHING,
        success=NO_BODY,
        errors=(INVALID_KEY, NOT_AUTHORISED, SERVER_ERROR),
    ),
)

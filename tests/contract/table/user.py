"""User."""

from __future__ import annotations

from tests.contract.table.errors import INVALID_KEY, NOT_AUTHORISED, SERVER_ERROR
from tests.contract.table.row import Kind, Query, Row, StubResponse, json_response
from tests.contract.table.shared import NO_BODY, USER, page_of

ERRORS = (INVALID_KEY, NOT_AUTHORISED, SERVER_ERROR)

# The examples write the role 1, which the table of roles does not have: a TRAINEE (6) is written instead.
# The page has no action line for creating and updating a user: their methods and paths are assumed.
ROWS = (
    Row(
        operation_id="listUsers",
        method="GET",
        path="/user",
        query={
            "q": Query("abc", "abc"),
            "empId": Query("af09c", "af09c"),
            "emailAddress": Query("john@smith.com", "john@smith.com"),
            "roleId": Query(3, "3"),
            "activeValue": Query("active", "active"),
        },
        paging=True,
        kind=Kind.PAGE,
        success=page_of(USER),
        errors=ERRORS,
    ),
    Row(
        operation_id="getUser",
        method="GET",
        path="/user/{userId}",
        path_parameters={"userId": 1},
        kind=Kind.OBJECT,
        success=json_response(USER),
        errors=ERRORS,
    ),
    Row(
        operation_id="createUser",
        method="POST",
        path="/user",
        body={
            "userName": "j.smith",
            "firstName": "John",
            "lastName": "Smith",
            "emailAddress": "john.smith@gmail.com",
            "phoneNumber": "0811112222",
            "mobileNumber": "0411222333",
            "employeeNumber": "E123",
            "sendWelcomeEmail": True,
            "password": "xsr113sdgas53",
            "roles": [6],
            "groups": [{"id": 1}],
            "groupsSupervised": [{"id": 1}],
            "timeZone": "Australia/Perth",
        },
        kind=Kind.OBJECT,
        success=json_response(
            {
                "id": 327027,
                "createdDate": "2018-04-19T01:24:40.632Z",
                "modifiedDate": "2018-04-19T01:24:40.637Z",
            }
        ),
        errors=ERRORS,
    ),
    Row(
        operation_id="updateUser",
        method="PUT",
        path="/user/{userId}",
        path_parameters={"userId": 1},
        body={
            "id": 1,
            "userName": "Username",
            "firstName": "John",
            "lastName": "Smith",
            "emailAddress": "john.smith@gmail.com",
            "phoneNumber": "0811112222",
            "mobileNumber": "0411222333",
            "employeeNumber": "E123",
            "groups": [{"id": 1}],
            "groupsSupervised": [{"id": 1}],
            "password": "xsr113sdgas53",
            "roles": [6],
            "timeZone": "Australia/Perth",
        },
        required=(
            "id",
            "firstName",
            "lastName",
            "emailAddress",
            "phoneNumber",
            "mobileNumber",
            "employeeNumber",
            "roles",
            "timeZone",
        ),
        kind=Kind.OBJECT,
        success=json_response(USER),
        errors=ERRORS,
    ),
    Row(
        operation_id="bulkUserImport",
        method="POST",
        path="/bulkUserImport",
        body={
            "users": [
                {
                    "userName": "j.smith",
                    "firstName": "John",
                    "lastName": "Smith",
                    "emailAddress": "john.smith@gmail.com",
                    "phoneNumber": "0811112222",
                    "mobileNumber": "0411222333",
                    "employeeNumber": "E123",
                    "roles": [6],
                    "timeZone": "Australia/Perth",
                }
            ],
            "mergeType": "none",
        },
        required=("users",),
        kind=Kind.ARRAY,
        success=json_response([USER]),
        errors=(INVALID_KEY,),
    ),
    Row(
        operation_id="activateUser",
        method="POST",
        path="/user/{userId}/activate",
        path_parameters={"userId": 1},
        kind=Kind.NOTHING,
        success=NO_BODY,
        errors=ERRORS,
    ),
    Row(
        operation_id="inactivateUser",
        method="POST",
        path="/user/{userId}/inactivate",
        path_parameters={"userId": 1},
        kind=Kind.NOTHING,
        success=NO_BODY,
        errors=ERRORS,
    ),
    Row(
        operation_id="generateLoginUrl",
        method="POST",
        path="/user/{userId}/generate_login_url",
        path_parameters={"userId": 1},
        query={"expiresIn": Query("day", "day")},
        kind=Kind.URL,
        success=StubResponse(b"touch_token_url"),
        errors=ERRORS,
    ),
)

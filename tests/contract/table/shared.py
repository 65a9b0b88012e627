"""Responses that several operations share."""

from __future__ import annotations

from typing import Any

from tests.contract.table.row import StubResponse, json_response

META = {"totalResultCount": 20, "startIndex": 0, "endIndex": 20}

USER: dict[str, Any] = {
    "id": 1,
    "userName": "Username",
    "firstName": "John",
    "lastName": "Smith",
    "emailAddress": "john.smith@gmail.com",
    "phoneNumber": "0811112222",
    "mobileNumber": "0411222333",
    "employeeNumber": "E123",
    "clientStatusId": 56,
    "groups": [{"id": 1}],
    "groupsSupervised": [{"id": 1}],
    "roles": [1],
    "timeZone": "Australia/Perth",
    "createdDate": "2015-10-29T15:28:59+0000",
    "modifiedDate": "2015-10-29T15:28:59+0000",
}

NO_BODY = StubResponse(b"")
STATUS_LINE = StubResponse(b"HTTP/1.1 200 OK")


def page_of(result: dict[str, Any]) -> StubResponse:
    """Return the page of one result, with the meta of the examples."""
    return json_response({"results": [result], "meta": META})

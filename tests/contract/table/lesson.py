"""Lesson."""

from __future__ import annotations

from typing import Any

from tests.contract.table.errors import TOKEN_NOT_VALID
from tests.contract.table.row import Kind, Query, Row, json_response
from tests.contract.table.shared import META, page_of

DATES = {"createdDate": "2015-10-29T15:28:59+0000", "modifiedDate": "2015-10-29T15:28:59+0000"}
LESSON: dict[str, Any] = {
    "lessonVersionId": 1,
    "lessonId": 1234,
    "name": "Lesson One",
    "duration": 133000,
    "status": "active",
    "inLibrary": False,
    "version": 1,
    "questionnaireType": 18,
    "clientId": 1,
    "lessonVersionCustomFields": [
        {
            "lessonVersionId": 22,
            "customFieldId": 111,
            "customFieldDescription": "Description of field",
            "fieldId": "customField1",
            "type": "string",
            "value": "Field Value",
            "id": 98765,
            **DATES,
        }
    ],
    **DATES,
}
DETAILS: dict[str, Any] = {
    "lessonVersionId": 1,
    "lessonId": 1234,
    "name": "Lesson One",
    "published": 65,
    "duration": 133000,
    "status": "active",
    "inLibrary": False,
    "version": 1,
    "clientId": 1,
}
QUERY = {
    "q": Query("myGroup", "myGroup"),
    "lessonIds": Query([1234, 1235], "1234,1235"),
    "publishedStates": Query("active", "active"),
}

ROWS = (
    Row(
        operation_id="listLessons",
        method="GET",
        path="/lesson",
        query=QUERY,
        paging=True,
        kind=Kind.PAGE,
        success=page_of(LESSON),
        errors=(TOKEN_NOT_VALID,),
    ),
    Row(
        operation_id="listLessonDetails",
        method="GET",
        path="/lessondetails",
        query=QUERY,
        paging=True,
        kind=Kind.PAGE,
        success=json_response(
            {"results": [DETAILS], "meta": {**META, "id": "null", **DATES}, **DATES, "id": "null"}
        ),
        errors=(TOKEN_NOT_VALID,),
    ),
)

"""Lessons and their versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.emulator.api_client import ApiClient

both_listings = pytest.mark.parametrize("path", ["/lesson", "/lessondetails"])


@both_listings
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, list(range(2001, 2009))),
        ({"q": "induction"}, [2001, 2002]),
        ({"lessonIds": "201,205"}, [2001, 2002, 2007]),
        ({"lessonIds": "201, 205", "publishedStates": "active"}, [2002, 2007]),
        ({"publishedStates": "inactive,never"}, [2001, 2004, 2008]),
        ({"publishedStates": "rendering,error"}, []),
        ({"lessonIds": "999"}, []),
        ({"startIndex": 2, "maxResults": 2}, [2003, 2004]),
    ],
)
def test_listing_has_row_per_lesson_version(
    api: ApiClient, path: str, query: dict[str, Any], found: list[int]
) -> None:
    assert [row["lessonVersionId"] for row in api.get_json(path, **query)["results"]] == found


def test_active_version_has_published_code_65(api: ApiClient) -> None:
    rows = api.get_json("/lessondetails", lessonIds="201")["results"]
    assert [(row["status"], row["published"], row["version"]) for row in rows] == [
        ("inactive", 66, 1),
        ("active", 65, 2),
    ]


def test_version_contains_its_custom_fields(api: ApiClient) -> None:
    old, new = api.get_json("/lesson", lessonIds="201")["results"]
    assert old["lessonVersionCustomFields"] == []
    [field] = new["lessonVersionCustomFields"]
    assert (field["lessonVersionId"], field["fieldId"], field["value"]) == (2002, "customField1", "RIIWHS201")

"""The types of the contract table."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

API = "/api/v2"
JSON = "application/json"


class Kind(StrEnum):
    """The kinds of successful responses."""

    OBJECT = "object"
    PAGE = "page"
    PAGE_WITHOUT_META = "page without meta"
    ARRAY = "array"
    IDS = "ids"
    BYTES = "bytes"
    URL = "url text"
    NOTHING = "nothing"


PAGES = {Kind.PAGE, Kind.PAGE_WITHOUT_META}


@dataclass(frozen=True)
class StubResponse:
    """One raw response."""

    raw: bytes
    content_type: str = JSON
    status: int = 200

    def parsed(self) -> Any:
        """Return the body as a JSON value."""
        return json.loads(self.raw)


def json_response(value: Any, status: int = 200) -> StubResponse:
    """Return a response with a JSON body."""
    return StubResponse(json.dumps(value).encode(), status=status)


@dataclass(frozen=True)
class Query:
    """A query parameter: the Python value and the text that is sent."""

    value: Any
    text: str


@dataclass(frozen=True)
class ErrorBody:
    """An error body of the page; its status is documented, in the body, or assumed."""

    name: str
    status: int
    raw: str
    internal_code: int | None = None

    def response(self, status: int | None = None) -> StubResponse:
        """Return a response with this body, with its own status or another."""
        return StubResponse(self.raw.encode(), status=status or self.status)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One operation, as the page describes it."""

    operation_id: str
    method: str
    path: str
    kind: Kind
    success: StubResponse
    path_parameters: Mapping[str, int] = field(default_factory=dict)
    query: Mapping[str, Query] = field(default_factory=dict)
    paging: bool = False
    body: Mapping[str, Any] | None = None
    required: Sequence[str] = ()
    errors: Sequence[ErrorBody]

    @property
    def class_name(self) -> str:
        """The operation's name in PascalCase."""
        return self.operation_id[0].upper() + self.operation_id[1:]

    @property
    def arguments(self) -> dict[str, Any]:
        """All arguments of the example call, by the API's own names."""
        query = {name: given.value for name, given in self.query.items()}
        return {**self.path_parameters, **query, **(self.body or {})}

    @property
    def wire_path(self) -> str:
        """The path of the example call."""
        return API + self.path.format_map(self.path_parameters)

    @property
    def wire_query(self) -> dict[str, str]:
        """The query of the example call, without paging."""
        return {name: given.text for name, given in self.query.items()}

    @property
    def examples(self) -> list[dict[str, Any]]:
        """The objects in the example response: a page's results, an array's items, or the one object."""
        value = self.success.parsed()
        found = value["results"] if self.kind in PAGES else value
        return found if isinstance(found, list) else [found]

    def empty_page(self) -> StubResponse:
        """Return the response of a listing past its end."""
        value = {**self.success.parsed(), "results": []}
        return json_response(value)

"""Pages whose rows are left as they came: nothing is decoded that nobody asks for, and nothing is lost."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from airflow_provider_damstra.errors import invalid_response
from airflow_provider_damstra.validation_errors import format_validation_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_damstra.endpoints.base import ListEndpoint
    from airflow_provider_damstra.http import Request, Response

RawRow = bytes | msgspec.Raw
"""The JSON text of an object."""

Key = int | str
"""What tells rows of one listing apart."""

NO_PAGE = (msgspec.MsgspecError, UnicodeDecodeError)
"""What is raised for a text that is no page."""


class _Meta(msgspec.Struct, rename="camel"):
    total_result_count: Any = None


class _Page(msgspec.Struct):
    results: list[msgspec.Raw] | None
    meta: _Meta | None = None


_DECODER = msgspec.json.Decoder(_Page)


@dataclass(frozen=True, slots=True)
class RawPage:
    """One page of a listing.

    :param total: how many rows the server says there are in all, or None where it does not say.
    :param fingerprint: what tells this page from others of its listing: its ends do.
    """

    rows: list[RawRow]
    total: int | None
    fingerprint: int

    @property
    def row_count(self) -> int:
        """Return how many rows there are."""
        return len(self.rows)


def raw_page(endpoint: ListEndpoint[Any], body: bytes) -> RawPage:
    """Return the page in the body of a success.

    :raises msgspec.MsgspecError: if it is none.
    """
    page = _DECODER.decode(body)
    rows: list[RawRow] = list(page.results or ())
    total: Any = page.meta.total_result_count if page.meta else None
    keys = [(row, key_of(row, endpoint)) for row in (*rows[:1], *rows[-1:])]
    ends = [bytes(row) if key is None else key for row, key in keys]
    return RawPage(rows, int(total) if str(total).isdigit() else None, hash((len(rows), *ends)))


def key_of(row: RawRow, listing: ListEndpoint[Any]) -> Key | None:
    """Return what tells a row from the others of its listing, or None if it has no such thing."""
    try:
        keyed: Any = _key_decoder(listing.row_type().row_key_field).decode(row)
    except NO_PAGE:
        return None
    key: Key = keyed.key
    return key


@cache
def _key_decoder(member: str) -> msgspec.json.Decoder[Any]:
    keyed = msgspec.defstruct("Keyed", [("key", Key)], rename={"key": to_camel(member)})
    return msgspec.json.Decoder(keyed)


class StreamedPage:
    """A page whose rows are read one by one, as they are taken, and not kept.

    Whole pages of models are slow in a big process: the more objects stay, the longer Python's collector
    walks.
    """

    def __init__(self, endpoint: ListEndpoint[Any], request: Request, response: Response) -> None:
        self._endpoint = endpoint
        self._request = request
        self._response = response
        self._raw = raw_page(endpoint, response.body)
        self.row_count = self._raw.row_count
        self.total = self._raw.total
        self.fingerprint = self._raw.fingerprint

    @property
    def rows(self) -> Iterator[Any]:
        """Yield the rows as the declared models.

        :raises DamstraResponseError: at a row that does not fit.
        """
        # For each row, model_validate_json would add almost a tenth only to pass the text on to this.
        read = self._endpoint.row_type().__pydantic_validator__.validate_json
        for row in self._raw.rows:
            try:
                model = read(bytes(row))
            except ValidationError as error:
                why = format_validation_error(error)
                break
            yield model
        else:
            return
        # The whole page says which row it is. Out here, so that the error does not carry pydantic's.
        self._endpoint.read(self._request, self._response)
        raise invalid_response(self._request, self._response, why)


class StreamReader:
    """Reads the pages of a listing row by row."""

    def read(self, endpoint: ListEndpoint[Any], request: Request, response: Response) -> Any:
        """Return the page.

        :raises DamstraError: if the answer is an error, or no page.
        """
        if response.is_success:
            # What has results is no error, and to look for one costs more than to read the page.
            with suppress(*NO_PAGE):
                return StreamedPage(endpoint, request, response)
        return endpoint.read(request, response)

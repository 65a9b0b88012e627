"""Pages whose rows are slices of the response's JSON, decoded late or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from airflow_provider_damstra.errors import error_from_response, invalid_response
from airflow_provider_damstra.json_repair import decode_leniently, normalize_json, replace_lone_surrogates
from airflow_provider_damstra.models.base import parse_count
from airflow_provider_damstra.validation_errors import format_validation_error

if TYPE_CHECKING:
    from airflow_provider_damstra.endpoints.base import ListEndpoint
    from airflow_provider_damstra.http import Request, Response

RawRow = bytes | msgspec.Raw
"""The JSON text of an object."""

RowKey = int | str
"""The key of a row, unique within its listing."""

DECODE_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""Raised for a body that is not a page."""


class _Page(msgspec.Struct):
    results: list[msgspec.Raw] | None
    meta: msgspec.Raw = msgspec.Raw(b"null")


_DECODER = msgspec.json.Decoder(_Page)


@dataclass(frozen=True, slots=True)
class RawPage:
    """One page of a listing, as a ``PageReader`` returns it.

    :param total: number of rows of the listing as the server reports it, or None if it does not.
    :param fingerprint: hash of the keys of the first and last row; differs from that of other pages.
    """

    rows: list[RawRow]
    total: int | None
    fingerprint: int

    @property
    def row_count(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def row_keys(self, listing: ListEndpoint[Any]) -> list[RowKey | None]:
        """Return the key of each row, None for a row without one."""
        return [row_key(row, listing) for row in self.rows]


def parse_raw_page(endpoint: ListEndpoint[Any], body: bytes, *, on_one_line: bool = False) -> RawPage:
    """Split the body of a successful response into rows.

    :param on_one_line: whether each row must be without line breaks.
    :raises DECODE_ERRORS: if the body is not a page.
    """
    rows, meta = _split(body, on_one_line=on_one_line)
    keys = [(row, row_key(row, endpoint)) for row in (*rows[:1], *rows[-1:])]
    ends = [bytes(row) if key is None else key for row, key in keys]
    return RawPage(rows, _parse_total(meta), hash((len(rows), *ends)))


def _split(body: bytes, *, on_one_line: bool) -> tuple[list[RawRow], RawRow]:
    """Return the rows and the ``meta`` of a page."""
    try:
        page = _decode(body, on_one_line=on_one_line)
    except DECODE_ERRORS:
        # Decoders reject the whole page because of one lone surrogate, which the rows shall keep.
        marker = secrets.token_hex(8).encode()
        repaired = replace_lone_surrogates(normalize_json(body), lambda digits: marker + digits)
        if repaired == body:
            raise
    else:
        return list(page.results or ()), page.meta
    page = _decode(repaired, on_one_line=on_one_line)
    return [bytes(row).replace(marker, rb"\u") for row in page.results or ()], page.meta


def _decode(body: bytes, *, on_one_line: bool) -> _Page:
    if on_one_line and (b"\n" in body or b"\r" in body):
        # Line breaks in strings are escaped, so others are only white space.
        body = msgspec.json.format(body, indent=-1)
    return _DECODER.decode(body)


def _parse_total(meta: RawRow) -> int | None:
    try:
        members = msgspec.json.decode(meta)
    except DECODE_ERRORS:
        return None
    return parse_count(members.get("totalResultCount")) if isinstance(members, dict) else None


def row_key(row: RawRow, listing: ListEndpoint[Any]) -> RowKey | None:
    """Return the row's key, or None if it has none."""
    try:
        keyed: Any = decode_leniently(_key_decoder(listing.row_type().row_key_field).decode, bytes(row))
    except DECODE_ERRORS:
        return None
    key: RowKey = keyed.key
    return key


@cache
def _key_decoder(field: str) -> msgspec.json.Decoder[Any]:
    keyed = msgspec.defstruct("Keyed", [("key", RowKey)], rename={"key": to_camel(field)})
    return msgspec.json.Decoder(keyed)


class RawReader:
    """Read the pages of one listing without parsing their rows.

    ``total`` is the number of rows that the server sent last, or None if it does not send it.
    """

    total: int | None = None

    def read(self, endpoint: ListEndpoint[Any], request: Request, response: Response) -> RawPage:
        """Return the page. Each of its rows is on one line.

        :raises DamstraError: if the response is an error or no page.
        """
        why = ""
        if response.is_success:
            try:
                page = parse_raw_page(endpoint, response.body, on_one_line=True)
            except DECODE_ERRORS as problem:
                why = str(problem)
            else:
                self.total = page.total
                return page
        # A body with results is not an error, so this is checked last. Not raised in the except block: the
        # decoder's error, which may show the body, would be its context.
        raise error_from_response(request, response) or invalid_response(request, response, why)


class StreamingPage:
    """A page whose rows are parsed lazily, one by one, and not kept.

    Whole pages of models are slow in a big process: the more objects are alive, the longer a garbage
    collection takes.
    """

    def __init__(self, endpoint: ListEndpoint[Any], request: Request, response: Response) -> None:
        self._endpoint = endpoint
        self._request = request
        self._response = response
        self._raw = parse_raw_page(endpoint, response.body)
        self.row_count = self._raw.row_count
        self.total = self._raw.total
        self.fingerprint = self._raw.fingerprint

    def row_keys(self, listing: ListEndpoint[Any]) -> list[RowKey | None]:
        """Return the key of each row, None for a row without one."""
        return self._raw.row_keys(listing)

    @property
    def rows(self) -> Iterator[Any]:
        """Yield the rows as the declared models.

        :raises DamstraResponseError: at a row that is not valid.
        """
        # For each row, model_validate_json would add almost a tenth only to pass the text on to this.
        read = self._endpoint.row_type().__pydantic_validator__.validate_json
        for row in self._raw.rows:
            try:
                model = decode_leniently(read, bytes(row))
            except ValidationError as error:
                why = format_validation_error(error)
                break
            yield model
        else:
            return
        # Reading the whole page names the row in the error. Not in the except block, so that the error's
        # context does not show the row.
        self._endpoint.read(self._request, self._response)
        raise invalid_response(self._request, self._response, why)


class StreamingReader:
    """Read the pages of a listing row by row."""

    def read(self, endpoint: ListEndpoint[Any], request: Request, response: Response) -> Any:
        """Return the page.

        :raises DamstraError: if the response is an error, or not a page.
        """
        if response.is_success:
            # A body with results is not an error; checking for one first would cost more than reading the
            # page.
            with suppress(*DECODE_ERRORS):
                return StreamingPage(endpoint, request, response)
        return endpoint.read(request, response)

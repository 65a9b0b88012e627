"""Pages whose rows are left as they came: nothing is decoded that nobody asks for, and nothing is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_damstra.endpoints.base import unreadable
from airflow_provider_damstra.errors import error_from

if TYPE_CHECKING:
    from airflow_provider_damstra.endpoints.base import Paged
    from airflow_provider_damstra.wire import Request, Response


RawRow = bytes | msgspec.Raw
"""The JSON text of an object, on one line."""


class _Meta(msgspec.Struct, rename="camel"):
    total_result_count: Any = None


class RawPage(msgspec.Struct):
    """One page of a listing; each row is the JSON text of an object."""

    results: list[msgspec.Raw] | None
    meta: _Meta | None = None

    @property
    def rows(self) -> list[RawRow]:
        """Return the rows."""
        return list(self.results or ())

    @property
    def row_count(self) -> int:
        """Return how many rows there are."""
        return len(self.results or ())

    @property
    def total(self) -> int | None:
        """Return how many rows the server says there are in all, or None where it does not say."""
        total: Any = self.meta.total_result_count if self.meta else None
        return int(total) if str(total).isdigit() else None

    @property
    def fingerprint(self) -> int:
        """Return what tells this page from others of its listing: its ends do."""
        rows = self.results or [msgspec.Raw()]
        return hash((len(rows), bytes(rows[0]), bytes(rows[-1])))


_DECODER = msgspec.json.Decoder(RawPage)


class RawReader:
    """Reads the pages of a listing without reading its rows.

    ``total`` is how many rows the server last said there are, or None where it does not say.
    """

    total: int | None = None

    def read(self, endpoint: Paged[Any], request: Request, response: Response) -> RawPage:
        """Return the page.

        :raises DamstraError: if the answer is an error, or no page.
        """
        error = error_from(request, response)
        if error:
            raise error
        try:
            page = _DECODER.decode(_on_one_line(response.body))
        except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
            why = str(problem)
        else:
            self.total = page.total
            return page
        # Out here, so that the error does not carry the other, which shows what came.
        raise unreadable(request, response, why)


def _on_one_line(body: bytes) -> bytes:
    """Return JSON without line breaks: a text holds none, so one that is there stands between members."""
    return msgspec.json.format(body, indent=-1) if b"\n" in body or b"\r" in body else body

"""Pages for exports: each row as it came, on one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_damstra.clients.raw_pages import DECODE_ERRORS, RawPage, RawRow, parse_raw_page
from airflow_provider_damstra.errors import error_from_response, invalid_response

if TYPE_CHECKING:
    from airflow_provider_damstra.endpoints.base import ListEndpoint
    from airflow_provider_damstra.http import Request, Response

__all__ = ["RawPage", "RawReader", "RawRow"]


class RawReader:
    """Reads the pages of one listing without reading its rows.

    ``total`` is how many rows the server last said there are, or None where it does not say.
    """

    total: int | None = None

    def read(self, endpoint: ListEndpoint[Any], request: Request, response: Response) -> RawPage:
        """Return the page.

        :raises DamstraError: if the answer is an error, or no page.
        """
        why = ""
        if response.is_success:
            try:
                page = parse_raw_page(endpoint, _on_one_line(response.body))
            except DECODE_ERRORS as problem:
                why = str(problem)
            else:
                self.total = page.total
                return page
        # Only now, for what has results is no error. Out here, so that none carries the other, which shows
        # what came.
        raise error_from_response(request, response) or invalid_response(request, response, why)


def _on_one_line(body: bytes) -> bytes:
    """Return JSON without line breaks: a text holds none, so one that is there stands between members."""
    return msgspec.json.format(body, indent=-1) if b"\n" in body or b"\r" in body else body

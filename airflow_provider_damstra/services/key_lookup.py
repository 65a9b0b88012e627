"""Look up rows by a text that identifies them, regardless of case and surrounding blanks."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from airflow_provider_damstra.models.base import Model
from airflow_provider_damstra.models.keys import MatchKey, match_key
from airflow_provider_damstra.services.concurrency import map_concurrently

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.base import SupportsCalls
    from airflow_provider_damstra.endpoints.base import ListEndpoint

Row = TypeVar("Row", bound=Model)

MAX_SEARCHES = 200
"""Values that are searched one by one; for more, the whole listing is read."""

log = logging.getLogger(__name__)


class KeyLookup(Generic[Row]):
    """Look up rows by a text. A subclass names the text, the search and the listing.

    Damstra's searches may compare the exact text. Values that they do not find are looked for in the listing
    of all rows, which is read once for all of them.

    :ivar field: the field of a row that contains the text.
    """

    kind: ClassVar[str]
    """Name of the rows, in the plural."""

    def __init__(self, client: SupportsCalls, *, field: str) -> None:
        self._client = client
        self.field = field

    def search(self, value: str) -> ListEndpoint[Row]:
        """Return the search for one value."""
        raise NotImplementedError

    def listing(self) -> ListEndpoint[Row]:
        """Return the listing of all rows."""
        raise NotImplementedError

    def key(self, row: Any) -> MatchKey:
        """Return the key of a row, or of a request with the same field; empty if it has none."""
        return match_key(getattr(row, self.field))

    def on_other_row(self, row: Row) -> None:
        """Handle a row of the listing that is none of those that are looked up."""

    def candidates(self, values: Iterable[str], *, consult_listing: bool = True) -> dict[MatchKey, list[Row]]:
        """Return the rows of each value that exists, by key: those of exactly its spelling, if there are any.

        :param values: none is blank.
        :param consult_listing: look for another spelling of what the searches do not find.
        """
        wanted = {match_key(value): value.strip() for value in values}
        if "" in wanted:
            raise ValueError(f"{self.field} is blank, so it identifies none of the {self.kind}")
        rows: list[Row] = []
        missing = set(wanted)
        if len(wanted) <= MAX_SEARCHES:
            found = map_concurrently(
                self._search, list(wanted.values()), description=f"{self.kind} looked up"
            )
            rows = [row for result in found for row in result if self.key(row) in wanted]
            missing -= set(map(self.key, rows))
            if not consult_listing:
                missing.clear()
        if missing:
            counts = (self.kind, len(missing), len(wanted), self.kind, self.field)
            log.info("The listing of all %s is read to find %d of %d %s by %s", *counts)
            # Not in a function of its own: the stack of a failed request stays short.
            for row in self._client.iterate(self.listing()):
                if self.key(row) in missing:
                    rows.append(row)
                else:
                    self.on_other_row(row)
        by_key: dict[MatchKey, dict[int | None, Row]] = {}
        for row in rows:
            # By id, because a row that moves between two pages is read twice.
            by_key.setdefault(self.key(row), {})[row.row_key] = row
        return {
            key: prefer_exact(list(same.values()), self.field, wanted[key]) for key, same in by_key.items()
        }

    def _search(self, value: str) -> list[Row]:
        return list(self._client.iterate(self.search(value)))


def prefer_exact(rows: list[Row], field: str, value: str | None) -> list[Row]:
    """Return those of rows with equal keys that have exactly this spelling, or all if there are none."""
    return [row for row in rows if getattr(row, field) == value] or rows

"""Reading the rows of a resource: many requests at once, in little memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec
from pydantic import ValidationError

from airflow_provider_damstra.endpoints.base import RequestModel
from airflow_provider_damstra.endpoints.types import IdentifierList
from airflow_provider_damstra.errors import (
    DamstraError,
    DamstraNotFoundError,
    DamstraRequestError,
    DamstraResponseError,
    DamstraServerError,
)
from airflow_provider_damstra.exports.consistent_pagination import WholeListing
from airflow_provider_damstra.exports.many_listings import pages_as_they_come
from airflow_provider_damstra.exports.raw_pages import RawRow
from airflow_provider_damstra.exports.resources import RESOURCES, Listing, Resource
from airflow_provider_damstra.validation_errors import format_validation_error

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from airflow_provider_damstra.exports.consistent_pagination import OverlappingRows, Pages, Place

Rows = list[RawRow]


class _Parent(msgspec.Struct):
    id: int


_PARENT = msgspec.json.Decoder(_Parent, strict=False)


class _Parents(RequestModel):
    parent_ids: IdentifierList


def ids_of_parents(given: Any) -> tuple[int, ...] | None:
    """Return ids that may be given as a list, a text or one number; None for None.

    :raises ValueError: if there is none, one is no id, or one is named twice.
    """
    if given is None:
        return None
    try:
        return _Parents(parent_ids=given).parent_ids
    except ValidationError as error:
        why = format_validation_error(error)
    raise ValueError(why)


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of one listing.

    :param parent_id: whose they are, or None in a resource that is one listing.
    :param is_last_of_parent: whether these are all rows that this parent still had. Each parent that did not
        fail has one such batch, which may have no rows.
    :param next: where the next page of this parent begins, as far as that is known.
    :param continues: whether what comes follows on what was ``begun``. Such a batch has no rows.
    """

    parent_id: int | None = None
    rows: Rows = field(default_factory=list)
    is_last_of_parent: bool = False
    next: Place | None = None
    continues: bool = False


@dataclass(kw_only=True)
class Export:
    """What is read, and whose.

    :param filters: arguments of the listing.
    :param parent_ids: whose listings are read; None is for all that the parent resource lists.
    :param parent_filters: arguments of the parent resource's listing.
    :param max_concurrency: requests in flight at once.
    :param knows_what_comes_again: whether a row may come twice if its listing changes while it is read.
    :param is_certain: whether nobody can have been missed, as far as that is known by now.
    :param skips_failed_parents: whether a parent whose listing fails is noted in ``failed``, and left out
        from where it failed.
    """

    resource: Resource
    filters: Mapping[str, Any] = field(default_factory=dict)
    parent_ids: Iterable[int] | None = None
    parent_filters: Mapping[str, Any] = field(default_factory=dict)
    max_concurrency: int
    knows_what_comes_again: bool = False
    skips_failed_parents: bool = False
    failed: dict[int, str] = field(default_factory=dict)
    is_certain: bool = True
    _last_failure: DamstraError | None = None
    _single_listing: WholeListing | None = None

    def check(self) -> None:
        """Refuse what no request can be made of.

        :raises ValueError: naming the arguments that do not fit.
        """
        if self.resource.parent is None and (self.parent_ids is not None or self.parent_filters):
            raise ValueError(
                f"{self.resource.name} is one listing: it takes no parent_ids, no parent_filters"
            )
        if self.parent_ids is not None and self.parent_filters:
            raise ValueError("give parent_ids or parent_filters, not both")
        if self.resource.parent is None:
            self._listing()
            return
        self._listing(1)
        self._parents_listing()

    def batches(
        self,
        client: Pages,
        *,
        done: Collection[int] = frozenset(),
        begun: Mapping[int, Place] = MappingProxyType({}),
        ahead: int | None = None,
    ) -> Iterator[Batch]:
        """Yield the rows as they came: a single listing's in order, those of many as soon as they come.

        :param done: parents that are not asked.
        :param begun: where the listings of some go on, if those places are as they were.
        :param ahead: how many pages may be in memory beside those in flight; default as many as these.
        :raises DamstraError: if a listing failed.
        """
        if self.resource.parent is None:
            self._single_listing = self._whole(client, self._listing(), concurrency=self.max_concurrency)
            yield from (Batch(rows=rows) for rows in self._read_to_the_end(self._single_listing))
            return
        parents = (one for one in self.parents(client) if one not in done)
        succeeded = False
        for page in pages_as_they_come(
            lambda one: self._pages_of(client, one, after=begun.get(one)),
            parents,
            concurrency=self.max_concurrency,
            ahead=self.max_concurrency if ahead is None else ahead,
        ):
            if page.failure:
                self._note(page.key, page.failure)
            else:
                succeeded = succeeded or page.rows is None
                yield _batch(page.key, page.rows)
        if self._last_failure and not (succeeded or done):
            # Nobody is left: that is no export with a gap, but none.
            raise self._last_failure

    def pages(self, client: Pages) -> Iterator[Rows]:
        """Yield the rows of all batches.

        :raises DamstraError: if a listing failed.
        """
        return (batch.rows for batch in self.batches(client) if batch.rows)

    def _listing(self, parent_id: int | None = None) -> Listing:
        arguments = dict(self.filters)
        if parent_id is not None:
            arguments[self.resource.parent_argument] = parent_id
        return self.resource.listing.model_validate(arguments)

    def _parents_listing(self) -> Listing:
        parent = RESOURCES[self.resource.parent or ""]
        return parent.listing.model_validate(dict(self.parent_filters))

    @property
    def total(self) -> int | None:
        """Return how many rows a single listing has, once the server has said it."""
        return self._single_listing.total if self._single_listing else None

    def parents(self, client: Pages, *, concurrency: int = 1) -> Iterator[int]:
        """Yield the id of each parent once: pages may shift while they are read.

        :raises DamstraError: if they are not given, and cannot be listed.
        """
        seen = set()
        given = self.parent_ids
        for one in self._listed_parents(client, concurrency=concurrency) if given is None else given:
            if one not in seen:
                seen.add(one)
                yield one

    def _listed_parents(self, client: Pages, *, concurrency: int) -> Iterator[int]:
        listing = WholeListing(client, self._parents_listing(), concurrency=concurrency, reads_again=True)
        for rows in self._read_to_the_end(listing):
            yield from (self._id_of_parent(row) for row in rows)

    def _id_of_parent(self, row: RawRow) -> int:
        try:
            return _PARENT.decode(row).id
        except msgspec.MsgspecError as error:
            why = str(error)
        # Out here, so that the error does not carry the other.
        raise DamstraResponseError(f"a row of {self.resource.parent} has no id: {why}")

    def _pages_of(self, client: Pages, parent_id: int, *, after: Place | None) -> Iterator[OverlappingRows]:
        pages = self._read_to_the_end(
            self._whole(client, self._listing(parent_id), concurrency=1), after=after
        )
        if not self.resource.adds_parent:
            return pages
        return (rows.replaced(self._with_parent(row, parent_id) for row in rows) for rows in pages)

    def _whole(self, client: Pages, listing: Listing, *, concurrency: int) -> WholeListing:
        return WholeListing(client, listing, concurrency=concurrency, reads_again=self.knows_what_comes_again)

    def _read_to_the_end(
        self, listing: WholeListing, *, after: Place | None = None
    ) -> Iterator[OverlappingRows]:
        yield from listing.pages(after=after)
        if not listing.is_certain:
            self.is_certain = False

    def _with_parent(self, row: RawRow, parent_id: int) -> RawRow:
        text = bytes(row).lstrip()
        if not text.startswith(b"{"):
            raise DamstraResponseError(
                f"a row of {self.resource.name} of {self.resource.parent_argument} {parent_id} is no object: "
                f"{text[:50].decode(errors='replace')}"
            )
        rest = text[1:].lstrip()
        comma = b"" if rest.startswith(b"}") else b","
        return b'{"%s":%d%s%s' % (self.resource.parent_member.encode(), parent_id, comma, rest)

    def _note(self, parent_id: int, error: DamstraError) -> None:
        if not (self.skips_failed_parents and _is_about_one(error)):
            raise error
        self.failed[parent_id] = str(error)
        self._last_failure = error


def _batch(parent_id: int, rows: OverlappingRows | None) -> Batch:
    if rows is None:
        return Batch(parent_id, is_last_of_parent=True)
    return Batch(parent_id, rows=rows, next=rows.next, continues=rows.continues)


def _is_about_one(error: DamstraError) -> bool:
    """Return whether the trouble is with this one parent, and not that Damstra cannot be reached or used."""
    if isinstance(error, DamstraServerError):
        return error.status == 500
    if isinstance(error, DamstraNotFoundError):
        return not error.is_from_proxy
    return isinstance(error, (DamstraRequestError, DamstraResponseError))

"""Read the rows of a resource with many concurrent requests, in bounded memory.

Requests run in the event loop of a background thread, so that the calling thread parses, hashes and writes
meanwhile. A single listing is read in order, with pages requested ahead. The listings of many parents are
read by one task each, a page of one at a time, as many tasks as pages may be in memory.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, aclosing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from airflow_provider_damstra.clients.raw_pages import DECODE_ERRORS, RawRow
from airflow_provider_damstra.errors import (
    DamstraNotFoundError,
    DamstraRequestError,
    DamstraResponseError,
    DamstraServerError,
)
from airflow_provider_damstra.exports.background_loop import background_loop
from airflow_provider_damstra.exports.consistent_pagination import ConsistentPaginator
from airflow_provider_damstra.json_repair import decode_leniently
from airflow_provider_damstra.services.concurrency import PROGRESS_INTERVAL

if TYPE_CHECKING:
    from airflow_provider_damstra.exports.background_loop import ItemQueue
    from airflow_provider_damstra.exports.consistent_pagination import PageCursor, SupportsPages
    from airflow_provider_damstra.exports.resources import Listing, ResourceQuery

Rows = list[RawRow]

QUEUED_PAGES = 2
"""Pages of a single listing that are queued or in use; the client prefetches others."""

log = logging.getLogger(__name__)


class _RowWithId(msgspec.Struct):
    id: int


_ROW_WITH_ID = msgspec.json.Decoder(_RowWithId, strict=False)


@dataclass(frozen=True, slots=True)
class RowPage:
    """Rows of one listing.

    :param parent_id: the parent they belong to, or None in a resource that is a single listing.
    :param is_last: whether this is the last page of the parent. Each parent that did not fail has one such
        page, which has no rows.
    :param next_cursor: where the parent's next page begins, if that is known.
    :param is_resumed: whether the rows follow those that an earlier try read.
    """

    parent_id: int | None = None
    rows: Rows = field(default_factory=list)
    is_last: bool = False
    next_cursor: PageCursor | None = None
    is_resumed: bool = False


@dataclass(frozen=True, slots=True)
class _ListingFailure:
    parent_id: int
    error: Exception


class ResourceReader:
    """Read the rows of a resource page by page, within a ``with`` block.

    When the block ends, also because a signal handler raises in it, requests in flight are dropped and the
    background thread ends.

    :param query: which rows are read.
    :param open_client: returns an ``AsyncClient`` as an asynchronous context manager; called in the event
        loop.
    :ivar failed: error messages by id of the parents that were left out.
    :ivar is_complete: False if a row may have been missed because its listing changed too fast.
    """

    def __init__(
        self, query: ResourceQuery, open_client: Callable[[], AbstractAsyncContextManager[SupportsPages]]
    ) -> None:
        self.query = query
        self.failed: dict[int, str] = {}
        self.is_complete = True
        self._open_client = open_client
        self._exit_stack = ExitStack()
        self._single_listing: ConsistentPaginator | None = None

    def __enter__(self) -> Self:
        self._loop = self._exit_stack.enter_context(background_loop(self._open_client))
        return self

    def __exit__(self, *error: Any) -> None:
        self._exit_stack.__exit__(*error)

    @property
    def total(self) -> int | None:
        """Return the number of rows of a single listing, once the server has sent it."""
        return self._single_listing.total if self._single_listing else None

    def parent_ids(self) -> list[int]:
        """Return the id of each parent once: the given ones, or those in the parents' listing.

        :raises DamstraError: if the parents cannot be listed.
        """
        if self.query.parent_ids is not None:
            return list(dict.fromkeys(self.query.parent_ids))
        read = partial(self._read_single_listing, self.query.parent_listing(), True)
        pages = self._loop.iterate(read, size=QUEUED_PAGES)
        return list(dict.fromkeys(self._parent_id(row) for page in pages for row in page.rows))

    def pages(
        self,
        parent_ids: Sequence[int] | None = None,
        *,
        skip: Collection[int] = frozenset(),
        resume_from: Mapping[int, PageCursor] = MappingProxyType({}),
        prefetch: int | None = None,
    ) -> Iterator[RowPage]:
        """Yield the rows: those of a single listing in order, those of many listings in the order of receipt.

        The progress is logged.

        :param parent_ids: the parents whose listings are read; default those of ``parent_ids()``.
        :param skip: parents that are left out because their rows are known.
        :param resume_from: where listings are continued, by parent.
        :param prefetch: pages of many listings in memory in addition to those in flight; default
            ``max_concurrency``.
        :raises DamstraError: if a listing failed.
        """
        if self.query.resource.parent is None:
            yield from self._single_listing_pages()
            return
        ids = self.parent_ids() if parent_ids is None else parent_ids
        remaining_ids = [parent_id for parent_id in ids if parent_id not in skip]
        progress = Progress(
            self.query.resource.name,
            self.query.resource.parent,
            total=lambda: len(ids),
            done_before=len(ids) - len(remaining_ids),
        )
        concurrency = self.query.max_concurrency
        size = concurrency + (concurrency if prefetch is None else prefetch)
        last_failure, has_success = None, bool(skip)
        for item in self._many_listings_items(remaining_ids, resume_from, size=size):
            if isinstance(item, _ListingFailure):
                last_failure = self._tolerate(item)
            else:
                has_success = has_success or item.is_last
                yield self._hide_columns(item)
                progress.add(int(item.is_last), rows=len(item.rows))
        if last_failure and not has_success:
            # No parent is left: an export without any row would hide the failure.
            raise last_failure

    def _single_listing_pages(self) -> Iterator[RowPage]:
        progress = Progress(self.query.resource.name, "rows", total=lambda: self.total)
        read = partial(self._read_single_listing, self.query.listing(), self.query.deduplicates)
        for page in self._loop.iterate(read, size=QUEUED_PAGES):
            yield self._hide_columns(page)
            progress.add(len(page.rows))

    def _hide_columns(self, page: RowPage) -> RowPage:
        hidden = self.query.hidden
        return page if hidden is None else replace(page, rows=hidden.reduce(page.rows))

    def _many_listings_items(
        self, parent_ids: Sequence[int], resume_from: Mapping[int, PageCursor], *, size: int
    ) -> Iterator[RowPage | _ListingFailure]:
        """Yield the pages of the parents' listings, and the failure of each listing that failed.

        :param size: pages in memory, and listings that are read concurrently.
        """

        async def produce(queue: ItemQueue[RowPage | _ListingFailure]) -> None:
            remaining = iter(parent_ids)
            async with asyncio.TaskGroup() as tasks:
                for _ in range(min(size, len(parent_ids))):
                    tasks.create_task(self._read_listings(remaining, queue, resume_from))

        yield from self._loop.iterate(produce, size=size)

    async def _read_single_listing(self, listing: Listing, rereads: bool, queue: ItemQueue[RowPage]) -> None:
        concurrency = self.query.max_concurrency
        paginator = ConsistentPaginator(self._loop.client, listing, concurrency=concurrency, rereads=rereads)
        self._single_listing = paginator
        async with aclosing(paginator.pages()) as pages:
            async for page in pages:
                await queue.acquire_slot()
                queue.put(RowPage(rows=page.rows))
        self.is_complete = self.is_complete and paginator.is_complete

    async def _read_listings(
        self,
        parent_ids: Iterator[int],
        queue: ItemQueue[RowPage | _ListingFailure],
        resume_from: Mapping[int, PageCursor],
    ) -> None:
        """Read one listing after the other, while other tasks take parents from the same iterator."""
        for parent_id in parent_ids:
            is_last = False
            try:
                async with aclosing(self._listing_pages(parent_id, resume_from)) as pages:
                    while not is_last:
                        await queue.acquire_slot()
                        page = await anext(pages)
                        queue.put(page)
                        is_last = page.is_last
            except Exception as error:
                # Raised by the consumer: the task group would wrap it in an ExceptionGroup.
                queue.put(_ListingFailure(parent_id, error))

    async def _listing_pages(
        self, parent_id: int, resume_from: Mapping[int, PageCursor]
    ) -> AsyncGenerator[RowPage, None]:
        listing, rereads = self.query.listing(parent_id), self.query.deduplicates
        paginator = ConsistentPaginator(self._loop.client, listing, concurrency=1, rereads=rereads)
        async with aclosing(paginator.pages(resume_from=resume_from.get(parent_id))) as pages:
            async for page in pages:
                rows = page.rows
                if self.query.resource.adds_parent:
                    rows = [self._with_parent(row, parent_id) for row in rows]
                yield RowPage(parent_id, rows, next_cursor=page.next_cursor, is_resumed=page.is_resumed)
        self.is_complete = self.is_complete and paginator.is_complete
        yield RowPage(parent_id, is_last=True)

    def _parent_id(self, row: RawRow) -> int:
        try:
            return decode_leniently(_ROW_WITH_ID.decode, bytes(row)).id
        except DECODE_ERRORS as error:
            why = str(error)
        # Not raised in the except block: the decoder's error would be its context.
        raise DamstraResponseError(f"a row of {self.query.resource.parent} has no id: {why}")

    def _with_parent(self, row: RawRow, parent_id: int) -> RawRow:
        resource = self.query.resource
        text = bytes(row).strip()
        if not text.startswith(b"{"):
            raise DamstraResponseError(
                f"a row of {resource.name} of {resource.parent_argument} {parent_id} is not an object."
            )
        # At the end: of two members with the same name, readers take the last one.
        members = text[:-1].rstrip()
        comma = b"" if members == b"{" else b","
        return b'%s%s"%s":%d}' % (members, comma, resource.parent_member.encode(), parent_id)

    def _tolerate(self, failure: _ListingFailure) -> Exception:
        """Record a parent that is left out and return the error.

        :raises Exception: the error, if it fails the export.
        """
        if not (self.query.skip_failed_parents and concerns_one_parent(failure.error)):
            raise failure.error
        self.failed[failure.parent_id] = str(failure.error)
        return failure.error


def concerns_one_parent(error: Exception) -> bool:
    """Return whether the parent is the problem, and not that Damstra cannot be reached or used."""
    if isinstance(error, DamstraServerError):
        return error.status == 500
    if isinstance(error, DamstraNotFoundError):
        return not error.is_from_proxy
    return isinstance(error, (DamstraRequestError, DamstraResponseError))


class Progress:
    """Count, and log the progress every few seconds.

    :param name: what is read.
    :param units: what is counted, such as ``rows``.
    :param total: returns the number of units in all, or None while it is unknown.
    :param done_before: units that earlier tries read; they do not count for the rate.
    """

    def __init__(
        self,
        name: str,
        units: str,
        *,
        total: Callable[[], int | None] = lambda: None,
        done_before: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._units = units
        self._total = total
        self._done_before = done_before
        self._clock = clock
        self._started_at = self._logged_at = clock()
        self._done = 0
        self._rows = 0

    def add(self, done: int, *, rows: int = 0) -> None:
        """Count, and log the progress if the last line is old enough.

        :param rows: rows that were read, if rows are not the unit.
        """
        self._done += done
        self._rows += rows
        now = self._clock()
        if now - self._logged_at >= PROGRESS_INTERVAL:
            self._logged_at = now
            log.info("%s: %s", self._name, self._describe(now - self._started_at))

    def _describe(self, seconds: float) -> str:
        total, done = self._total(), self._done_before + self._done
        rate = self._done / seconds
        parts = [f"{done} {self._units}" if total is None else f"{done} of {total} {self._units}"]
        if self._rows:
            parts.append(f"{self._rows} rows")
        parts.append(f"{rate:.0f} {self._units} a second")
        if total is not None and rate:
            left = timedelta(seconds=round(max(total - done, 0) / rate))
            parts.append(f"{left} left")
        return ", ".join(parts)

"""Checkpoint of an export of many listings: a retry continues where a killed try stopped.

A checkpoint is a folder with ``manifest.json`` (what is read, by which task, since when), ``parents.json``
(the parents whose listings are read), a ``.writer`` file for each task try, and segments: the rows of pages
(``.rows``) with an index (``.index``) of one line for each page. On a local disk both are appended page by
page, so a killed process loses only the pages that were in flight. Object storage cannot append: there, a
segment is written every ten seconds, its index last.

A retry takes over the listings that one earlier try read to their end, and continues those that it read in
part, if the next page still begins with the expected row. If it does not, rows have moved,
and the listing is read from its beginning. The chunks of a continued listing are copied into the new try's
segments, so that all chunks of a listing belong to one try.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import groupby
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_damstra.errors import DamstraError
from airflow_provider_damstra.exports.segments import (
    BufferedSegment,
    Chunk,
    IndexEntry,
    ListingIndex,
    PartialListing,
    Segment,
)

if TYPE_CHECKING:
    from airflow_provider_damstra.exports.consistent_pagination import PageCursor
    from airflow_provider_damstra.exports.reader import ResourceReader, RowPage, Rows

CHECKPOINT_MAX_AGE = timedelta(days=1)
"""Time after its start during which an export can be continued; older rows may have changed too much."""

_CACHED_SEGMENTS = 4
_MANIFEST = "manifest.json"
_PARENTS = "parents.json"
_WRITER_SUFFIX = ".writer"


class Checkpoint:
    """Pages of an export, kept in a folder from one task try to the next.

    :param folder: a ``StoragePath`` that only the tries of one task instance use.
    :param fingerprint: identifies what is read; a folder with another fingerprint is emptied, and so is one
        whose export began more than a day ago.
    :param owner: the task instance, as JSON.
    """

    def __init__(self, folder: Any, *, fingerprint: str, owner: Mapping[str, Any] | None = None) -> None:
        self.parent_ids: list[int] | None = None
        self._folder = folder
        # Unique for each process: a try that Airflow takes for dead may still be writing.
        self._writer = token_hex(8)
        self._writer_file = folder / f"{self._writer}{_WRITER_SUFFIX}"
        # On a local disk, bytes written to an open file survive the end of this process.
        self._segment_type = Segment if folder.is_local else BufferedSegment
        self._segment: Segment | None = None
        self._segment_count = 0
        self._index = ListingIndex()
        self._partial: dict[int, PartialListing] = {}
        self._read_segment = lru_cache(_CACHED_SEGMENTS)(lambda name: (folder / f"{name}.rows").read_bytes())
        self._open(fingerprint, owner or {})

    @property
    def completed(self) -> Set[int]:
        """Return the parents whose listings were read to their end."""
        return self._index.completed

    @property
    def cursors(self) -> Mapping[int, PageCursor]:
        """Return where the listings that earlier tries read in part are continued."""
        return {parent_id: partial.next_cursor for parent_id, partial in self._partial.items()}

    def save_parent_ids(self, parent_ids: Sequence[int]) -> None:
        """Save the parents whose listings are read, so that a retry does not list them again."""
        self.parent_ids = list(parent_ids)
        (self._folder / _PARENTS).write_bytes(json.dumps(self.parent_ids).encode())

    def save_value(self, name: str, value: Any) -> None:
        """Save a JSON value besides the pages, under a name of its own."""
        (self._folder / f"{name}.json").write_bytes(json.dumps(value).encode())

    def load_value(self, name: str) -> Any:
        """Return the value that was saved last under a name, or None."""
        return _read_json(self._folder / f"{name}.json")

    def add(self, page: RowPage) -> None:
        """Save a page, after the pages of an earlier try that it continues."""
        parent_id = page.parent_id or 0
        if page.is_resumed:
            self._copy_partial_listing(parent_id)
        content = b"\n".join((*page.rows, b"")) if page.rows else b""
        self._append(parent_id, content, page.next_cursor, is_last=page.is_last)

    def _copy_partial_listing(self, parent_id: int) -> None:
        partial = self._partial[parent_id]
        *others, last = partial.chunks
        for chunk in others:
            # Until the last chunk is copied, the listing cannot be continued from the copy.
            self._append(parent_id, self._read_chunk(chunk), None)
        self._append(parent_id, self._read_chunk(last), partial.next_cursor)

    def _append(
        self, parent_id: int, content: bytes, next_cursor: PageCursor | None, *, is_last: bool = False
    ) -> None:
        if self._segment is None:
            self._segment_count += 1
            self._segment = self._segment_type(f"{self._writer}-{self._segment_count:06d}", self._folder)
        row_count = content.count(b"\n")
        total_rows = self._index.row_count(parent_id) + row_count
        entry = IndexEntry(parent_id, row_count, len(content), total_rows, is_last, next_cursor)
        start = self._segment.size
        self._segment.append(content, entry)
        self._index.add(entry, Chunk(self._segment.name, start, start + len(content)))
        if self._segment.is_full:
            self.flush()

    def flush(self) -> None:
        """Write all pages, so that they survive the end of this process.

        :raises DamstraError: if a later try has removed the checkpoint, because it has finished the export.
        """
        segment, self._segment = self._segment, None
        if segment is None:
            return
        is_removed = not self._writer_file.exists()
        segment.close(discard=is_removed)
        if is_removed:
            raise DamstraError("A later try of this task has finished the export; this one ends.")

    def rows(self) -> Iterator[Rows]:
        """Yield the rows of all pages, the parents in their order."""
        self.flush()
        for parent_id in self.parent_ids or ():
            for chunk in self._index.chunks.get(parent_id, ()):
                yield list(self._read_chunk(chunk).split(b"\n")[:-1])

    def listings(self) -> Iterator[tuple[int, Rows]]:
        """Yield the parents whose listings were read to their end, in their order, with all rows of each."""
        self.flush()
        for parent_id in self.parent_ids or ():
            if parent_id in self.completed:
                chunks = self._index.chunks.get(parent_id, ())
                content = b"".join(map(self._read_chunk, chunks))
                yield parent_id, list(content.split(b"\n")[:-1])

    def remove(self) -> None:
        """Remove the checkpoint, unless a try that began after this one uses it."""
        if self._writer_file.exists() and self._list_writers() <= self._earlier_writers:
            self._folder.rmtree()

    def _open(self, fingerprint: str, owner: Mapping[str, Any]) -> None:
        self._folder.make_private_folder()
        manifest = _read_json(self._folder / _MANIFEST)
        is_same = isinstance(manifest, dict) and manifest.get("fingerprint") == fingerprint
        is_usable = is_same and not is_expired(manifest)
        if not is_usable:
            self._folder.rmtree()
            self._folder.make_private_folder()
        self._writer_file.write_bytes(b"")
        self._earlier_writers = self._list_writers()
        if is_usable:
            self._load()
            return
        started_at = datetime.now(tz=UTC).isoformat()
        content = {"fingerprint": fingerprint, "started_at": started_at, "owner": owner}
        (self._folder / _MANIFEST).write_bytes(json.dumps(content).encode())

    def _list_writers(self) -> set[str]:
        return {name for name in self._folder.list_names() if name.endswith(_WRITER_SUFFIX)}

    def _load(self) -> None:
        """Load which listings one earlier try has read to their end, and how far others were read."""
        self.parent_ids = _read_json(self._folder / _PARENTS)
        sizes = self._folder.list_sizes()
        segments = sorted(name.removesuffix(".index") for name in sizes if name.endswith(".index"))
        for _, of_one_writer in groupby(segments, key=lambda segment: segment.partition("-")[0]):
            index = ListingIndex()
            for segment in of_one_writer:
                if f"{segment}.rows" in sizes:
                    self._load_segment(segment, size=sizes[f"{segment}.rows"], into=index)
            for parent_id in index.completed - self._index.completed:
                self._index.completed.add(parent_id)
                self._index.chunks[parent_id] = index.chunks.get(parent_id, [])
            for parent_id, cursor in index.cursors.items():
                known = self._partial.get(parent_id)
                if known is None or cursor.row > known.next_cursor.row:
                    self._partial[parent_id] = PartialListing(cursor, index.chunks[parent_id])
        for parent_id in self._index.completed & self._partial.keys():
            del self._partial[parent_id]

    def _load_segment(self, segment: str, *, size: int, into: ListingIndex) -> None:
        end = 0
        # A killed process may have left an incomplete line at the end.
        for line in (self._folder / f"{segment}.index").read_bytes().split(b"\n")[:-1]:
            try:
                entry = msgspec.json.decode(line, type=IndexEntry)
            except msgspec.MsgspecError:
                # Left by a power failure.
                return
            start, end = end, end + entry.size
            if end > size:
                return
            into.add(entry, Chunk(segment, start, end))

    def _read_chunk(self, chunk: Chunk) -> bytes:
        content: bytes = self._read_segment(chunk.segment)
        return content[chunk.start : chunk.end]


def expired_owner(folder: Any) -> dict[str, Any] | None:
    """Return the ``owner`` of a checkpoint that has expired, or None."""
    manifest = _read_json(folder / _MANIFEST)
    if not isinstance(manifest, dict) or not is_expired(manifest):
        return None
    owner = manifest.get("owner")
    return owner if isinstance(owner, dict) and owner else None


def is_expired(manifest: Mapping[str, Any]) -> bool:
    """Return whether what began at ``started_at`` cannot be continued any more, or that time is unknown."""
    try:
        return datetime.now(tz=UTC) - datetime.fromisoformat(manifest["started_at"]) >= CHECKPOINT_MAX_AGE
    except (KeyError, TypeError, ValueError, OverflowError):
        return True


def _read_json(path: Any) -> Any:
    """Return the content of a JSON file, or None if it does not exist or is incomplete."""
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def read_with_checkpoint(reader: ResourceReader, checkpoint: Checkpoint) -> Iterator[Rows]:
    """Read the listings that earlier tries have not read, then yield all rows, the parents in their order.

    :raises DamstraError: if a listing failed; pages that were read before are kept.
    """
    if reader.query.hides_ids:
        _read_missing_by_hash(reader, checkpoint)
    else:
        if checkpoint.parent_ids is None:
            checkpoint.save_parent_ids(reader.parent_ids())
        _read_missing(reader, checkpoint)
    yield from checkpoint.rows()


def _read_missing_by_hash(reader: ResourceReader, checkpoint: Checkpoint) -> None:
    """Read what is missing, with hashes in the checkpoint in place of the parents' ids.

    The parents are listed again, and a listing that was read in part is read from its beginning, because the
    id of the row at which it continues is not kept.
    """
    parents = {reader.query.checkpoint_id(parent_id): parent_id for parent_id in reader.parent_ids()}
    checkpoint.save_parent_ids(list(parents))
    skip = {parents[hashed] for hashed in checkpoint.completed if hashed in parents}
    try:
        for page in reader.pages(list(parents.values()), skip=skip, prefetch=0):
            hashed = reader.query.checkpoint_id(page.parent_id or 0)
            checkpoint.add(replace(page, parent_id=hashed, next_cursor=None))
    finally:
        checkpoint.flush()


def listings_with_checkpoint(
    reader: ResourceReader, checkpoint: Checkpoint, *, parent_ids: Sequence[int]
) -> Iterator[tuple[int, Rows]]:
    """Read the listings that earlier tries have not read, then yield each parent with all its rows.

    :param parent_ids: the parents; an earlier try may have had others.
    :raises DamstraError: if a listing failed; pages that were read before are kept.
    """
    checkpoint.save_parent_ids(parent_ids)
    _read_missing(reader, checkpoint)
    yield from checkpoint.listings()


def _read_missing(reader: ResourceReader, checkpoint: Checkpoint) -> None:
    skip, resume_from = frozenset(checkpoint.completed), checkpoint.cursors
    try:
        # Without prefetched pages, a killed process loses at most as many pages as requests were in flight.
        for page in reader.pages(checkpoint.parent_ids, skip=skip, resume_from=resume_from, prefetch=0):
            checkpoint.add(page)
    finally:
        checkpoint.flush()

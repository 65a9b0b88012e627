"""What came of many listings, kept until all has come, so that the next attempt goes on where one was killed.

A folder holds ``begun.json``, what is read, for whom and since when; an ``.attempt`` for each that has begun;
``parents.json``, whose listings are read; and parts: the rows as they came (``.rows``) with an index of whose
they are (``.index``), a line for each page. On a disk both are written page by page, so a killed process
loses only the pages that are under way. Object storage cannot append: there a part is written every ten
seconds, its index last.

The next attempt takes over the listings that one attempt has read to their end, and goes on with those that
are half read, if the next page still begins with the row that it is to begin with. If not, rows have moved,
and the listing is read anew. What it goes on with it keeps again as its own: each listing is of one attempt.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_damstra.errors import DamstraError
from airflow_provider_damstra.exports.chunks import (
    BegunListing,
    BufferedPart,
    KeptListings,
    Line,
    Part,
    Piece,
)
from airflow_provider_damstra.exports.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence, Set

    from airflow_provider_damstra.exports.consistent_pagination import Pages, Place
    from airflow_provider_damstra.exports.reader import Batch, Export, Rows

KEPT_FOR = timedelta(days=1)
"""How long after its beginning an export can be gone on with; what is older says too little of today."""

_PARTS_IN_MEMORY = 4
_BEGUN = "begun.json"


class Checkpoint:
    """The pages that came, in a folder.

    :param folder: a ``StoragePath``, used by the attempts of one task instance alone.
    :param owner: which task instance that is, as JSON.
    :param arguments: a text that tells what is read from all else; a folder with another is emptied, and so
        is one that was begun more than a day ago.
    :param writes_through: whether what is written into an open file outlives this process.
    """

    def __init__(
        self, folder: Any, *, arguments: str, writes_through: bool, owner: Mapping[str, Any] | None = None
    ) -> None:
        self.parent_ids: list[int] | None = None
        self._folder = folder
        # No other attempt has it: not even one that was taken for dead, and still writes.
        self._attempt = token_hex(8)
        self._mark = folder / f"{self._attempt}.attempt"
        self._new_part: Callable[[str], Part] = self._open_part if writes_through else self._buffered_part
        self._part: Part | None = None
        self._listings = KeptListings()
        self._begun: dict[int, BegunListing] = {}
        self._cached: OrderedDict[str, bytes] = OrderedDict()
        self._count = 0
        self._begin(arguments, owner or {})

    @property
    def done(self) -> Set[int]:
        """Return the parents whose listings were read to their end."""
        return self._listings.whole

    @property
    def begun(self) -> Mapping[int, Place]:
        """Return where the listings go on that earlier attempts have half read."""
        return {parent_id: begun.next for parent_id, begun in self._begun.items()}

    def keep_parents(self, parent_ids: Sequence[int]) -> None:
        """Keep whose listings are read, so that the next attempt need not ask."""
        self.parent_ids = list(parent_ids)
        (self._folder / "parents.json").write_bytes(json.dumps(self.parent_ids).encode())

    def add(self, batch: Batch) -> None:
        """Keep a page, or what came before it, if it follows on what an earlier attempt has read."""
        parent_id = batch.parent_id or 0
        if batch.continues:
            self._take_over(parent_id)
            return
        content = b"\n".join((*batch.rows, b"")) if batch.rows else b""
        self._keep(parent_id, content, rows=len(batch.rows), is_last=batch.is_last_of_parent, next=batch.next)

    def _take_over(self, parent_id: int) -> None:
        """Keep what an earlier attempt has read of a listing as this one's own."""
        begun = self._begun[parent_id]
        for number, piece in enumerate(begun.pieces, 1):
            content = self._content(piece)
            # As long as the last is not there, the listing cannot be gone on with from here.
            where = begun.next if number == len(begun.pieces) else None
            self._keep(parent_id, content, rows=content.count(b"\n"), next=where)

    def _keep(
        self,
        parent_id: int,
        content: bytes,
        *,
        rows: int,
        is_last: bool = False,
        next: Place | None = None,
    ) -> None:
        if self._part is None:
            self._count += 1
            self._part = self._new_part(f"{self._attempt}-{self._count:06d}")
        so_far = self._listings.rows_of(parent_id) + rows
        line = Line(parent_id, rows, len(content), so_far, is_last, next)
        start = self._part.size
        self._part.add(content, line)
        self._listings.add(line, Piece(self._part.name, start, start + len(content)))
        if self._part.is_full:
            self.close_part()

    def close_part(self) -> None:
        """Make sure that all that came outlives this process.

        :raises DamstraError: if a later attempt has removed what this one kept: it has done the work.
        """
        part, self._part = self._part, None
        if part is None:
            return
        if self._mark.exists():
            part.close()
            return
        part.give_up()
        raise DamstraError("A later attempt of this task has come to its end; this one is given up.")

    def rows(self) -> Iterator[Rows]:
        """Yield all that came, page after page, the parents in their order."""
        self.close_part()
        for parent_id in self.parent_ids or ():
            for piece in self._listings.pieces.get(parent_id, ()):
                yield list(self._content(piece).split(b"\n")[:-1])

    def remove(self) -> None:
        """Remove all that is kept, unless an attempt that has begun after this one goes on with it."""
        if self._mark.exists() and self._marks() <= self._marks_before:
            self._folder.rmtree()

    def _begin(self, arguments: str, owner: Mapping[str, Any]) -> None:
        begun = _read_json(self._folder / _BEGUN)
        is_same = isinstance(begun, dict) and begun.get("arguments") == arguments
        goes_on = is_same and _is_fresh(begun)
        if not goes_on:
            self._folder.rmtree()
        self._folder.mkdir()
        self._mark.write_bytes(b"")
        self._marks_before = self._marks()
        if goes_on:
            self._recall()
            return
        began = {"arguments": arguments, "began_at": datetime.now(tz=UTC).isoformat(), "owner": owner}
        (self._folder / _BEGUN).write_bytes(json.dumps(began).encode())

    def _marks(self) -> set[str]:
        """Return the attempts that have begun."""
        return {name for name in self._folder.list_names() if name.endswith(".attempt")}

    def _recall(self) -> None:
        """Find each listing that one attempt has read to its end, and how far the others were read."""
        self.parent_ids = _read_json(self._folder / "parents.json")
        sizes = self._folder.list_sizes()
        parts = sorted(name.removesuffix(".index") for name in sizes if name.endswith(".index"))
        for _, of_one_attempt in groupby(parts, key=lambda part: part.partition("-")[0]):
            read = KeptListings()
            for part in of_one_attempt:
                if f"{part}.rows" in sizes:
                    self._recall_part(part, size=sizes[f"{part}.rows"], into=read)
            for parent_id in read.whole - self._listings.whole:
                self._listings.whole.add(parent_id)
                self._listings.pieces[parent_id] = read.pieces.get(parent_id, [])
            for parent_id, place in read.begun.items():
                known = self._begun.get(parent_id)
                if known is None or place.row > known.next.row:
                    self._begun[parent_id] = BegunListing(place, read.pieces[parent_id])
        for parent_id in self._listings.whole & self._begun.keys():
            del self._begun[parent_id]

    def _recall_part(self, part: str, *, size: int, into: KeptListings) -> None:
        end = 0
        # What follows the last line break is a line that a killed process did not finish.
        for text in (self._folder / f"{part}.index").read_bytes().split(b"\n")[:-1]:
            line = _read_line(text)
            if line is None:
                return
            start, end = end, end + line.length
            if end > size:
                return
            into.add(line, Piece(part, start, end))

    def _content(self, piece: Piece) -> bytes:
        if piece.part not in self._cached:
            if len(self._cached) == _PARTS_IN_MEMORY:
                self._cached.popitem(last=False)
            self._cached[piece.part] = (self._folder / f"{piece.part}.rows").read_bytes()
        self._cached.move_to_end(piece.part)
        return self._cached[piece.part][piece.start : piece.end]

    def _open_part(self, name: str) -> Part:
        # Without what Airflow puts around a file: a page is written in a fraction of the time.
        rows, index = (Path(self._folder.path, f"{name}.{what}").open("wb") for what in ("rows", "index"))  # noqa: SIM115
        return Part(name, rows, index)

    def _buffered_part(self, name: str) -> Part:
        return BufferedPart(name, self._folder)


def is_left_behind(folder: Any, *, is_over: Callable[[Mapping[str, Any]], bool]) -> bool:
    """Return whether what is in a folder is too old to be gone on with, and nobody is at it any more.

    :param is_over: is given the ``owner`` and returns whether it has come to its end.
    """
    begun = _read_json(folder / _BEGUN)
    if not isinstance(begun, dict) or not begun.get("owner"):
        return False
    return not _is_fresh(begun) and is_over(begun["owner"])


def _is_fresh(begun: dict[str, Any]) -> bool:
    return datetime.now(tz=UTC) - datetime.fromisoformat(begun["began_at"]) < KEPT_FOR


def _read_line(text: bytes) -> Line | None:
    """Return a line of an index, or None for what a machine that lost its power has left of it."""
    try:
        return msgspec.json.decode(text, type=Line)
    except msgspec.MsgspecError:
        return None


def _read_json(path: Any) -> Any:
    """Return what a file holds, or None if there is none, or half of one."""
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def pages_with_checkpoint(export: Export, client: Pages, checkpoint: Checkpoint) -> Iterator[Rows]:
    """Read what earlier attempts have not, keep it, and then yield all, the parents in their order.

    :raises DamstraError: if a listing failed; what came before is kept.
    """
    if checkpoint.parent_ids is None:
        checkpoint.keep_parents(list(export.parents(client, concurrency=export.max_concurrency)))
    export.parent_ids = parent_ids = checkpoint.parent_ids or []
    progress = Progress(
        export.resource.name,
        export.resource.parent or "",
        total=lambda: len(parent_ids),
        done_before=len(checkpoint.done),
    )
    # Of each listing one page is under way, or being kept: no more pages than that are read again if this
    # process is killed.
    try:
        for batch in export.batches(client, done=frozenset(checkpoint.done), begun=checkpoint.begun, ahead=0):
            checkpoint.add(batch)
            progress.add(int(batch.is_last_of_parent), rows=len(batch.rows))
    finally:
        checkpoint.close_part()
    yield from checkpoint.rows()

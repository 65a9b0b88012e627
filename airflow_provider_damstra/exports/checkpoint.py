"""What came of many listings, kept until all has come, so that the next attempt goes on where one was killed.

A folder holds ``begun.json``, what is read and since when; ``parents.json``, whose listings are read; and
parts: the rows as they came (``.rows``) with an index of whose they are (``.index``), a line for each page.
On a disk both are written page by page, so a killed process loses only the pages that are under way. Object
storage cannot append: there a part is written every ten seconds, its index last.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_damstra.exports.parts import BufferedPart, Part
from airflow_provider_damstra.exports.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from airflow_provider_damstra.exports.rows import Batch, Export, Pages, Rows

KEPT_FOR = timedelta(days=1)
"""How long after its beginning an export can be gone on with; what is older says too little of today."""

_PARTS_IN_MEMORY = 4


class _Piece(NamedTuple):
    """Where a page is."""

    parent_id: int
    part: str
    start: int
    end: int


class Checkpoint:
    """The pages that came, in a folder.

    :param folder: an ``ObjectStoragePath``, used by one task alone.
    :param arguments: a text that tells what is read from all else; a folder with another is emptied, and so
        is one that was begun more than a day ago.
    :param attempt: the number of this attempt, which no other has.
    :param writes_through: whether what is written into an open file outlives this process.
    """

    def __init__(self, folder: Any, *, arguments: str, attempt: int, writes_through: bool) -> None:
        self.parent_ids: list[int] | None = None
        self.done: set[int] = set()
        self.begun: dict[int, int] = {}
        self._folder = folder
        self._attempt = attempt
        self._new_part: Callable[[str], Part] = self._open_part if writes_through else self._buffered_part
        self._part: Part | None = None
        self._pieces: list[_Piece] = []
        self._cached: OrderedDict[str, bytes] = OrderedDict()
        self._count = 0
        self.began_at = self._begin(arguments)

    def keep_parents(self, parent_ids: Sequence[int]) -> None:
        """Keep whose listings are read, so that the next attempt need not ask."""
        self.parent_ids = list(parent_ids)
        (self._folder / "parents.json").write_bytes(json.dumps(self.parent_ids).encode())

    def add(self, batch: Batch) -> None:
        """Keep a page."""
        if self._part is None:
            self._count += 1
            self._part = self._new_part(f"{self._attempt:04d}-{self._count:06d}")
        content = b"\n".join((*batch.rows, b"")) if batch.rows else b""
        self._note(batch.parent_id or 0, len(batch.rows), batch.is_last_of_parent, self._part, len(content))
        self._part.add(content, [batch.parent_id, len(batch.rows), batch.is_last_of_parent, len(content)])
        if self._part.is_full:
            self.close_part()

    def close_part(self) -> None:
        """Make sure that all that came outlives this process."""
        if self._part:
            self._part.close()
            self._part = None

    def rows(self) -> Iterator[Rows]:
        """Yield all that came, page after page, the parents in their order."""
        self.close_part()
        places = {parent_id: place for place, parent_id in enumerate(self.parent_ids or ())}
        for piece in sorted(self._pieces, key=lambda one: (places[one.parent_id], one.part, one.start)):
            yield list(self._content(piece.part)[piece.start : piece.end].split(b"\n")[:-1])

    def remove(self) -> None:
        """Remove all that is kept."""
        self._folder.fs.rm(self._folder.path, recursive=True)

    def _begin(self, arguments: str) -> datetime:
        now = datetime.now(tz=UTC)
        began_at = _began_at(self._folder, arguments)
        if began_at is not None and now - began_at < KEPT_FOR:
            self._recall()
            return began_at
        if self._folder.exists():
            self.remove()
        self._folder.mkdir(parents=True, exist_ok=True)
        began = {"arguments": arguments, "began_at": now.isoformat()}
        (self._folder / "begun.json").write_bytes(json.dumps(began).encode())
        return now

    def _recall(self) -> None:
        self.parent_ids = _read_json(self._folder / "parents.json")
        sizes = {path.name: path for path in self._folder.iterdir()}
        for name in sorted(name for name in sizes if name.endswith(".index")):
            part = name.removesuffix(".index")
            if f"{part}.rows" in sizes:
                self._recall_part(part, size=sizes[f"{part}.rows"].stat().st_size)

    def _recall_part(self, part: str, *, size: int) -> None:
        end = 0
        # What follows the last line break is a line that a killed process did not finish.
        for line in (self._folder / f"{part}.index").read_bytes().split(b"\n")[:-1]:
            parent_id, count, is_last, length = json.loads(line)
            if end + length > size:
                return
            self._note_piece(parent_id, count, is_last, _Piece(parent_id, part, end, end + length))
            end += length

    def _note(self, parent_id: int, count: int, is_last: bool, part: Part, length: int) -> None:
        piece = _Piece(parent_id, part.name, part.size, part.size + length)
        self._note_piece(parent_id, count, is_last, piece)

    def _note_piece(self, parent_id: int, count: int, is_last: bool, piece: _Piece) -> None:
        if count:
            self._pieces.append(piece)
            self.begun[parent_id] = self.begun.get(parent_id, 0) + count
        if is_last:
            self.done.add(parent_id)
            self.begun.pop(parent_id, None)

    def _content(self, part: str) -> bytes:
        if part not in self._cached:
            if len(self._cached) == _PARTS_IN_MEMORY:
                self._cached.popitem(last=False)
            self._cached[part] = (self._folder / f"{part}.rows").read_bytes()
        self._cached.move_to_end(part)
        return self._cached[part]

    def _open_part(self, name: str) -> Part:
        # Without what Airflow puts around a file: a page is written in a fraction of the time.
        rows, index = (Path(self._folder.path, f"{name}.{what}").open("wb") for what in ("rows", "index"))  # noqa: SIM115
        return Part(name, rows, index)

    def _buffered_part(self, name: str) -> Part:
        return BufferedPart(name, self._folder)


def _began_at(folder: Any, arguments: str) -> datetime | None:
    """Return when the reading of this was begun in a folder, or None if it was not."""
    begun = _read_json(folder / "begun.json")
    if not isinstance(begun, dict) or begun.get("arguments") != arguments:
        return None
    return datetime.fromisoformat(begun["began_at"])


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
    # Of each listing one page is under way, or being kept: that much is lost if this process is killed.
    done, begun = frozenset(checkpoint.done), dict(checkpoint.begun)
    try:
        for batch in export.batches(client, done=done, begun=begun, ahead=0):
            checkpoint.add(batch)
            progress.add(int(batch.is_last_of_parent), rows=len(batch.rows))
    finally:
        checkpoint.close_part()
    yield from checkpoint.rows()

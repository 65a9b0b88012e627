"""Comparison of an export with the last one: which rows are new or changed, and which are deleted.

The versions of all rows of an export are kept in a snapshot file from one DAG run to the next.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from functools import cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec
from pydantic import TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from airflow_provider_damstra.clients.raw_pages import DECODE_ERRORS
from airflow_provider_damstra.compression import compressed, decompressed
from airflow_provider_damstra.errors import DamstraResponseError
from airflow_provider_damstra.exports.schema import ColumnType, resource_columns
from airflow_provider_damstra.json_repair import decode_leniently
from airflow_provider_damstra.models.base import OptionalTimestamp

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.raw_pages import RawRow
    from airflow_provider_damstra.exports.reader import Rows
    from airflow_provider_damstra.exports.resources import Resource


class RunRef(msgspec.Struct, frozen=True):
    """A DAG run: its id and its ``run_after`` in ISO format."""

    run_id: str
    run_after: str | None = None


class ExportState(msgspec.Struct, frozen=True, kw_only=True):
    """State that an export of a target stores for the next one, as JSON; empty before the first export.

    :param watermark: the latest ``modifiedDate`` of its rows, in ISO format.
    :param snapshot: path of the file with the versions of its rows.
    :param run: the DAG run that made it.
    :param compared_with: path of the snapshot with which it was compared. If its DAG run runs again, it is
        compared with that again, and writes the same file.
    """

    watermark: str | None = None
    snapshot: str | None = None
    run: RunRef | None = None
    compared_with: str | None = None

    def snapshot_for(self, run: RunRef) -> str | None:
        """Return the path of the snapshot with which a DAG run is compared, or None if all rows are new.

        They are new in the first run, and in a run before the last one, whose file would lose rows otherwise.
        """
        if self.run is None:
            return None
        if run.run_id == self.run.run_id:
            return self.compared_with
        return None if self.is_after(run) else self.snapshot

    def is_after(self, run: RunRef) -> bool:
        """Return whether this is the export of a later DAG run, which then stays the one to compare with."""
        own = self.run.run_after if self.run else None
        return bool(own and run.run_after and run.run_after < own)

    def files(self) -> set[str]:
        """Return the paths of the snapshots that are still needed."""
        return {path for path in (self.snapshot, self.compared_with) if path}


_TIMESTAMP: TypeAdapter[datetime | None] = TypeAdapter(OptionalTimestamp)

_NULL = msgspec.Raw(b"null")
_KEYS_PER_QUERY = 500


class RowVersionStore(AbstractContextManager["RowVersionStore"]):
    """Compares rows with a snapshot and collects their versions for the next one, within a ``with`` block.

    :param snapshot: the snapshot of the last export, or None if there is none.
    :param all_rows: whether all rows count as new.
    """

    def __init__(self, resource: Resource, *, snapshot: BinaryIO | None, all_rows: bool = False) -> None:
        self.watermark: datetime | None = None
        self._resource = resource
        self._all_rows = all_rows or snapshot is None
        # A database without a name is a temporary file, which SQLite keeps in memory while it is small.
        self._database = sqlite3.connect("", isolation_level=None)
        for table in ("previous", "present"):
            self._database.execute(f"CREATE TABLE {table} (key BLOB PRIMARY KEY, version TEXT) WITHOUT ROWID")
        if snapshot is not None:
            self._insert("previous", map(_parse_version, decompressed(snapshot, "gzip")))

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def filter_changed(self, pages: Iterable[Rows]) -> Iterator[Rows]:
        """Yield the rows that are new or changed, and update ``watermark``.

        A row that is on two pages, because the listing shifted, is yielded once, unless it changed between.

        :raises DamstraResponseError: if a row has no key.
        """
        for rows in pages:
            versions = [self._version(row) for row in rows]
            keys = [key for key, _ in versions]
            known = {} if self._all_rows else self._select("previous", keys)
            known |= self._select("present", keys)
            self._insert("present", versions)
            changed: Rows = []
            for row, (key, version) in zip(rows, versions, strict=True):
                if known.get(key) != version:
                    known[key] = version
                    changed.append(row)
            yield changed

    def keep_missing(self) -> None:
        """Treat the rows that only the last export had as present."""
        self._database.execute("INSERT OR IGNORE INTO present SELECT * FROM previous")

    def write_snapshot(self, file: BinaryIO) -> None:
        """Write the keys and versions of the present rows, for the next export."""
        with compressed(file, "gzip") as packed:
            for key, version in self._database.execute("SELECT key, version FROM present ORDER BY key"):
                packed.write(b"%s\t%s\n" % (key, version.encode()))

    def write_deleted(self, file: BinaryIO) -> int:
        """Write the key of each deleted row as a line of JSON, and return their number."""
        names = [to_camel(name) for name in self._resource.key]
        count = 0
        for (key,) in self._database.execute("SELECT key FROM previous EXCEPT SELECT key FROM present"):
            row = dict(zip(names, msgspec.json.decode(key), strict=True))
            file.write(msgspec.json.encode(row) + b"\n")
            count += 1
        return count

    def _insert(self, table: str, versions: Iterable[tuple[bytes, str]]) -> None:
        self._database.execute("BEGIN")
        self._database.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", versions)  # noqa: S608
        self._database.execute("COMMIT")

    def _select(self, table: str, keys: list[bytes]) -> dict[bytes, str]:
        found: dict[bytes, str] = {}
        for start in range(0, len(keys), _KEYS_PER_QUERY):
            some = keys[start : start + _KEYS_PER_QUERY]
            parameters = ",".join("?" * len(some))
            query = f"SELECT key, version FROM {table} WHERE key IN ({parameters})"  # noqa: S608 (our names, and question marks)
            found.update(self._database.execute(query, some))
        return found

    def _version(self, row: RawRow) -> tuple[bytes, str]:
        """Return a row's key and its version."""
        try:
            parsed = decode_leniently(_decoder(self._resource).decode, bytes(row))
        except DECODE_ERRORS as error:
            why = str(error)
        else:
            key = msgspec.json.encode([getattr(parsed, name) for name in self._resource.key])
            if parsed.modified_date == _NULL:
                return key, blake2b(bytes(row), digest_size=12).hexdigest()
            self._update_watermark(bytes(parsed.modified_date))
            version = msgspec.json.encode([parsed.modified_date, parsed.status, parsed.client_status_id])
            return key, version.decode(errors="replace")
        # Not raised in the except block: the decoder's error would be its context.
        raise DamstraResponseError(
            f"a row of {self._resource.name} has no key, so it is unknown whether it is new ({why}). "
            "Without incremental and find_deleted every row is exported."
        )

    def _update_watermark(self, modified: bytes) -> None:
        try:
            timestamp = _TIMESTAMP.validate_json(modified)
        except ValidationError:
            return
        if timestamp and (self.watermark is None or timestamp > self.watermark):
            self.watermark = timestamp


def _parse_version(line: bytes) -> tuple[bytes, str]:
    key, _, version = line.rstrip(b"\n").partition(b"\t")
    return key, version.decode()


@cache
def _decoder(resource: Resource) -> msgspec.json.Decoder[Any]:
    """Return a decoder for the members of a row that make up its key and its version."""
    key: list[Any] = [
        (column.name, str if column.type is ColumnType.TEXT else int)
        for column in resource_columns(resource)
        if column.is_key
    ]
    # Not decoded: a number can be too large for every type.
    version = [(name, msgspec.Raw, _NULL) for name in ("modified_date", "status", "client_status_id")]
    return msgspec.json.Decoder(msgspec.defstruct("Row", [*key, *version], rename="camel"), strict=False)

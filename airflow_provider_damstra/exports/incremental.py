"""With which export the next is compared: what is kept from one DAG run to the other."""

from __future__ import annotations

import sqlite3
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import msgspec
from pydantic import TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from airflow_provider_damstra.errors import DamstraResponseError
from airflow_provider_damstra.exports.compression import compressed, decompressed
from airflow_provider_damstra.models.base import OptionalTimestamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from airflow_provider_damstra.exports.raw_pages import RawRow
    from airflow_provider_damstra.exports.reader import Rows
    from airflow_provider_damstra.exports.resources import Resource


@dataclass(frozen=True)
class Run:
    """A DAG run: its id, and after which moment it was to run, in ISO format."""

    run_id: str
    run_after: str | None = None


@dataclass(frozen=True, kw_only=True)
class Following:
    """The last export of a target.

    :param watermark: when the latest of its rows was modified, in ISO format.
    :param versions: path of the file with the versions of its rows, with which the next is compared.
    :param run: the DAG run that made it.
    :param compared_with: path of the file with which it was compared itself. If that run runs again, it is
        compared with that again: it writes the same file.
    """

    watermark: str | None = None
    versions: str | None = None
    run: Run | None = None
    compared_with: str | None = None

    def versions_for(self, run: Run) -> str | None:
        """Return the path of the file with which a DAG run is compared, or None if all of its rows are new.

        They are in the first run, and in one that is earlier than the last, lest its file lose what it had.
        """
        if self.run is None:
            return None
        if run.run_id == self.run.run_id:
            return self.compared_with
        return None if self.is_after(run) else self.versions

    def is_after(self, run: Run) -> bool:
        """Return whether this is the export of a later DAG run: the next is compared with it all the same."""
        mine = self.run.run_after if self.run else None
        return bool(mine and run.run_after and run.run_after < mine)

    def files(self) -> set[str]:
        """Return the paths of the files that are still needed."""
        return {path for path in (self.versions, self.compared_with) if path}

    def as_json(self) -> dict[str, Any]:
        """Return this as JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: dict[str, Any] | None) -> Following:
        """Return what was kept, or that there was no export yet."""
        if not kept:
            return cls()
        return cls(**{**kept, "run": Run(**kept["run"])})


_MOMENT: TypeAdapter[datetime | None] = TypeAdapter(OptionalTimestamp)

_KEYS_AT_ONCE = 500


class Increment:
    """Tells what is new in an export, and remembers its rows' versions for the next. Close it after use.

    :param known: what the last export left, as ``write_versions`` wrote it, or None if there is nothing.
    :param all_rows: whether all rows count as new.
    """

    def __init__(self, resource: Resource, *, known: BinaryIO | None, all_rows: bool = False) -> None:
        self.watermark: datetime | None = None
        self._resource = resource
        self._all_rows = all_rows or known is None
        # A nameless database is a temporary file that SQLite keeps in memory as long as it is small.
        self._database = sqlite3.connect("", isolation_level=None)
        for table in ("known", "present"):
            self._database.execute(f"CREATE TABLE {table} (key BLOB PRIMARY KEY, version TEXT) WITHOUT ROWID")
        if known is not None:
            self._add("known", map(_read_version, decompressed(known, "gzip")))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget the versions."""
        self._database.close()

    def new_rows(self, pages: Iterable[Rows]) -> Iterator[Rows]:
        """Yield the rows that are new, and note in ``watermark`` when the latest of all was modified.

        A row that is on two pages, because the listing shifted, comes once, unless it changed meanwhile.

        :raises DamstraResponseError: if a row has no key.
        """
        for rows in pages:
            versions = [self._version(row) for row in rows]
            keys = [key for key, _ in versions]
            last = {} if self._all_rows else self._versions_in("known", keys)
            last |= self._versions_in("present", keys)
            self._add("present", versions)
            new: Rows = []
            for row, (key, version) in zip(rows, versions, strict=True):
                if last.get(key) != version:
                    last[key] = version
                    new.append(row)
            yield new

    def keep_missing(self) -> None:
        """Take none of the rows for gone that the last export had and this one has not."""
        self._database.execute("INSERT OR IGNORE INTO present SELECT * FROM known")

    def write_versions(self, file: BinaryIO) -> None:
        """Write what the next export has to know of this one."""
        with compressed(file, "gzip") as packed:
            for key, version in self._database.execute("SELECT key, version FROM present ORDER BY key"):
                packed.write(b"%s\t%s\n" % (key, version.encode()))

    def write_deleted(self, file: BinaryIO) -> int:
        """Write a JSON object with the key of each row that is gone, a line each, and return how many."""
        names = [to_camel(name) for name in self._resource.key]
        count = 0
        for (key,) in self._database.execute("SELECT key FROM known EXCEPT SELECT key FROM present"):
            row = dict(zip(names, msgspec.json.decode(key), strict=True))
            file.write(msgspec.json.encode(row) + b"\n")
            count += 1
        return count

    def _add(self, table: str, versions: Iterable[tuple[bytes, str]]) -> None:
        self._database.execute("BEGIN")
        self._database.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", versions)  # noqa: S608
        self._database.execute("COMMIT")

    def _versions_in(self, table: str, keys: list[bytes]) -> dict[bytes, str]:
        found: dict[bytes, str] = {}
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            some = keys[start : start + _KEYS_AT_ONCE]
            places = ",".join("?" * len(some))
            query = f"SELECT key, version FROM {table} WHERE key IN ({places})"  # noqa: S608 (our names, and question marks)
            found.update(self._database.execute(query, some))
        return found

    def _version(self, row: RawRow) -> tuple[bytes, str]:
        """Return a row's key and its version."""
        try:
            read = _decoder(self._resource).decode(row)
        except msgspec.MsgspecError as error:
            why = str(error)
        else:
            key = msgspec.json.encode([getattr(read, name) for name in self._resource.key])
            if read.modified_date is None:
                return key, blake2b(bytes(row), digest_size=12).hexdigest()
            self._note(read.modified_date)
            return key, msgspec.json.encode([read.modified_date, read.status]).decode()
        # Out here, so that the error does not carry the other.
        raise DamstraResponseError(
            f"a row of {self._resource.name} has no key, so it cannot be told whether it is new ({why}). "
            "Without incremental and find_deleted every row is exported."
        )

    def _note(self, modified: Any) -> None:
        try:
            moment = _MOMENT.validate_python(modified)
        except ValidationError:
            return
        if moment and (self.watermark is None or moment > self.watermark):
            self.watermark = moment


def _read_version(line: bytes) -> tuple[bytes, str]:
    key, _, version = line.rstrip(b"\n").partition(b"\t")
    return key, version.decode()


@cache
def _decoder(resource: Resource) -> msgspec.json.Decoder[Any]:
    """Return what reads of a row its key and what makes its version, and nothing else."""
    key: list[Any] = [(name, int) for name in resource.key]
    row = msgspec.defstruct(
        "Row", [*key, ("modified_date", Any, None), ("status", Any, None)], rename="camel"
    )
    return msgspec.json.Decoder(row, strict=False)

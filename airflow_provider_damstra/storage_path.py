"""Paths on this machine and on object storage, whatever the version of Airflow."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from airflow.sdk import ObjectStoragePath

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

LOCAL_PROTOCOLS = ("", "file", "local")
"""What a path on this machine's own file system says it is."""

_S3 = ("s3", "s3a", "s3n")
_WITHOUT_FOLDERS = (*_S3, "gs", "gcs", "abfs", "abfss", "adl")
"""Where a file needs no folder; to make one would make its bucket, if the bucket's name is misspelt."""

_PROVIDERS = {
    "s3": "apache-airflow-providers-amazon[s3fs]",
    "gs": "apache-airflow-providers-google",
    "abfs": "apache-airflow-providers-microsoft-azure",
}
"""What lets Airflow reach the usual object storages."""

_PATTERN = "*?["

_BLOCK = 5 << 20
"""Bytes that are sent at once; s3fs and adlfs would hold 50 MB of each file in memory."""

# What no other attempt mends, when it is tried for the first time.
_FINAL = (
    ValueError,
    ImportError,
    FileNotFoundError,
    FileExistsError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)
_FINAL_STATUSES = (401, 403, 404)
"""The same in HTTP: Azure's errors are none of Python's."""


class StoragePath:
    """A file or a folder, named as by ``ObjectStoragePath`` and reached through its file system alone.

    Airflow's own path reaches a file through two file systems (from 3.2, without a connection): what is
    written through one, the other may have listed before, and says is not there.

    :param path: path or URL, such as ``s3://aws_default@bucket/users.jsonl``.
    :raises ValueError: if there is no such protocol.
    """

    def __init__(self, path: str | ObjectStoragePath) -> None:
        self._url = ObjectStoragePath(path) if isinstance(path, str) else path

    def __str__(self) -> str:
        return str(self._url)

    def __truediv__(self, name: str) -> Self:
        return type(self)(self._url / name)

    @property
    def name(self) -> str:
        """Return the last part of the path."""
        return self._url.name

    @property
    def parent(self) -> Self:
        """Return the folder it is in."""
        return type(self)(self._url.parent)

    @property
    def path(self) -> str:
        """Return the path as the file system knows it, without protocol and connection."""
        return self._url.path

    @property
    def fs(self) -> Any:
        """Return the file system.

        :raises ValueError: naming what is to be installed, if Airflow knows none for the protocol.
        """
        try:
            return self._url.fs
        except ValueError as error:
            package = _PROVIDERS.get(self._url.protocol)
            if package and "No filesystem registered" in str(error):
                raise ValueError(f"{error}: pip install '{package}'") from error
            raise

    @property
    def is_local(self) -> bool:
        """Return whether it is on this machine."""
        return self._url.protocol in LOCAL_PROTOCOLS

    @property
    def is_pattern(self) -> bool:
        """Return whether its file system would take the name for that of many files."""
        return not self.is_local and any(sign in self.path for sign in _PATTERN)

    def exists(self) -> bool:
        """Return whether it is there."""
        self._forget_listings()
        return bool(self.fs.exists(self.path))

    def is_folder(self) -> bool:
        """Return whether it is there, and a folder."""
        return bool(self.fs.isdir(self.path))

    def names(self) -> list[str]:
        """Return the names of the files and folders in a folder: none, if it is not there."""
        self._forget_listings()
        try:
            found = self.fs.ls(self.path, detail=False)
        except FileNotFoundError:
            return []
        return [one.rstrip("/").rpartition("/")[2] for one in found]

    def sizes(self) -> dict[str, int]:
        """Return the names of the files in a folder, and how many bytes each has."""
        self._forget_listings()
        found = self.fs.ls(self.path, detail=True)
        return {one["name"].rpartition("/")[2]: one["size"] for one in found if one["type"] == "file"}

    def open(self, mode: str) -> BinaryIO:
        """Open the file to read or write bytes."""
        return cast("BinaryIO", self.fs.open(self.path, mode, block_size=_BLOCK))

    def read_bytes(self) -> bytes:
        """Return what the file holds."""
        return cast("bytes", self.fs.cat_file(self.path))

    def write_bytes(self, content: bytes) -> None:
        """Write the file."""
        self.fs.pipe_file(self.path, content)

    def make_folder(self) -> None:
        """Make the folder, where files need one."""
        if self._url.protocol not in _WITHOUT_FOLDERS:
            self.fs.makedirs(self.path, exist_ok=True)

    def move_to(self, target: StoragePath) -> None:
        """Give the file another name, in place of what had it."""
        if self.is_local:
            # As fsspec moves it, it would end up in a folder that has the target's name.
            os.replace(self.path, target.path)
        else:
            self.fs.mv(self.path, target.path)

    def remove(self) -> None:
        """Remove the file, if it is there."""
        # Where a file is removed with others at once, as s3fs's rm does, nobody says that it may not be.
        with suppress(FileNotFoundError):
            self.fs.rm_file(self.path)

    def end_uploads(self) -> None:
        """End uploads of the file in parts which a killed process has left.

        They show in no listing and are billed. Google and Azure end them after a week; S3 never does.
        """
        if self._url.protocol in _S3:
            bucket, key, _ = self.fs.split_path(self.path)
            found = self.fs.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=key)
            for upload in found.get("Uploads", ()):
                self.fs.abort_mpu(bucket, upload["Key"], upload["UploadId"])

    def remove_folder(self) -> None:
        """Remove the folder and all that is in it, if it is there."""
        self._forget_listings()
        with suppress(FileNotFoundError):
            self.fs.rm(self.path, recursive=True)

    def _forget_listings(self) -> None:
        """Ask anew what is there: another process may have written since this one has asked."""
        self.fs.invalidate_cache()


@contextmanager
def in_one_sentence(what: str, *, was_possible: bool = False) -> Iterator[None]:
    """Turn what a file system says into a sentence.

    :param what: what was tried.
    :param was_possible: whether it was, in this attempt, so that it may be in another.
    :raises ValueError: if no other attempt succeeds either: there is no such bucket, or no right to it.
    :raises OSError: if one may.
    """
    from airflow.providers.common.compat.sdk import AirflowNotFoundException

    try:
        yield
    except Exception as error:  # each file system has its own
        is_final = (
            isinstance(error, (*_FINAL, AirflowNotFoundException))
            or getattr(error, "status_code", None) in _FINAL_STATUSES
        )
        kind = ValueError if is_final and not was_possible else OSError
        raise kind(f"{what}: {reason_of(error)}") from error


def reason_of(error: Exception) -> str:
    """Return the first line of what says most: of S3 the error that names the operation which was denied."""
    more = error.__cause__ if isinstance(error, OSError) and error.__cause__ else error
    return str(more).strip().partition("\n")[0]

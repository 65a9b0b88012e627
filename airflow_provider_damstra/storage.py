"""Atomic writes to local disks and object storage, for every version of Airflow's ``ObjectStoragePath``.

A file is written under a temporary name next to its target and moved into place when it is complete.
fsspec's own transactions write local files to the system's temporary directory: the move is a copy where that
is another device, and the next task try cannot find what a killed one left there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from logging import getLogger
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self, cast

from airflow.sdk import ObjectStoragePath

if TYPE_CHECKING:
    from airflow.sdk import Context

LOCAL_PROTOCOLS = ("", "file", "local")
"""Protocols of paths on this machine's own file system."""

TEMPORARY_SUFFIX = ".unfinished"
"""Suffix of a file that is not complete yet."""

_S3 = ("s3", "s3a", "s3n")
_WITHOUT_FOLDERS = (*_S3, "gs", "gcs", "abfs", "abfss", "adl")
"""Storages without folders: there, ``makedirs`` would create a bucket whose name is misspelt."""

_PROVIDERS = {
    "s3": "apache-airflow-providers-amazon[s3fs]",
    "gs": "apache-airflow-providers-google",
    "abfs": "apache-airflow-providers-microsoft-azure",
}

_BLOCK_SIZE = 5 << 20
"""Bytes of one part of an upload; s3fs and adlfs would buffer 50 MB of each file by default."""

_PERMANENT_ERRORS = (
    ValueError,
    ImportError,
    FileNotFoundError,
    FileExistsError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)
_PERMANENT_STATUSES = (401, 403, 404)
"""HTTP statuses with the same meaning: Azure raises its own exceptions."""

log = getLogger(__name__)


class StoragePath:
    """A file or folder on any storage, with the method names of ``pathlib``.

    All access uses one file system. ``ObjectStoragePath`` uses two (from Airflow 3.2, one of them without the
    connection), whose listing caches contradict each other. Cached listings are dropped before each
    look-up, because another process may have written since.

    :param path: path or URL, such as ``s3://aws_default@bucket/users.jsonl``.
    :ivar name: the last component of the path.
    :ivar path: the path as the file system expects it, without protocol and connection.
    :ivar is_local: whether it is on this machine.
    :raises ValueError: if the protocol is unknown.
    """

    def __init__(self, path: str | ObjectStoragePath) -> None:
        self._url = ObjectStoragePath(path) if isinstance(path, str) else path
        self.name: str = self._url.name
        self.path: str = self._url.path
        self.is_local = self._url.protocol in LOCAL_PROTOCOLS

    def __str__(self) -> str:
        return str(self._url)

    def __truediv__(self, name: str) -> Self:
        return type(self)(self._url / name)

    @property
    def parent(self) -> Self:
        """Return the folder that contains it."""
        return type(self)(self._url.parent)

    @property
    def fs(self) -> Any:
        """Return the fsspec file system.

        :raises ValueError: naming the package to install, if Airflow has no file system for the protocol.
        """
        try:
            return self._url.fs
        except ValueError as error:
            package = _PROVIDERS.get(self._url.protocol)
            if package and "No filesystem registered" in str(error):
                raise ValueError(f"{error}: pip install '{package}'") from error
            raise

    def exists(self) -> bool:
        """Return whether it exists."""
        self.fs.invalidate_cache()
        return bool(self.fs.exists(self.path))

    def list_names(self) -> list[str]:
        """Return the names of the files and folders in this folder; none if it does not exist."""
        self.fs.invalidate_cache()
        try:
            entries = self.fs.ls(self.path, detail=False)
        except FileNotFoundError:
            return []
        return [entry.rstrip("/").rpartition("/")[2] for entry in entries]

    def list_sizes(self) -> dict[str, int]:
        """Return the size in bytes of each file in this folder, by name."""
        self.fs.invalidate_cache()
        entries = self.fs.ls(self.path, detail=True)
        return {
            entry["name"].rpartition("/")[2]: entry["size"] for entry in entries if entry["type"] == "file"
        }

    def open(self, mode: str) -> BinaryIO:
        """Open the file in the mode ``rb`` or ``wb``."""
        return cast("BinaryIO", self.fs.open(self.path, mode, block_size=_BLOCK_SIZE))

    def read_bytes(self) -> bytes:
        """Return the file's content."""
        return cast("bytes", self.fs.cat_file(self.path))

    def write_bytes(self, content: bytes) -> None:
        """Write the file in one request."""
        self.fs.pipe_file(self.path, content)

    def mkdir(self) -> None:
        """Create the folder and its parents, on storages that have folders."""
        if self._url.protocol not in _WITHOUT_FOLDERS:
            self.fs.makedirs(self.path, exist_ok=True)

    def replace(self, target: StoragePath) -> None:
        """Rename the file to ``target``, which is replaced."""
        if self.is_local:
            # fsspec would move it into a folder that has the target's name.
            os.replace(self.path, target.path)
        else:
            self.fs.mv(self.path, target.path)

    def unlink(self) -> None:
        """Delete the file, if it exists."""
        # Not rm: s3fs deletes in bulk there, and does not report a missing right.
        with suppress(FileNotFoundError):
            self.fs.rm_file(self.path)

    def rmtree(self) -> None:
        """Delete the folder with its content, if it exists."""
        self.fs.invalidate_cache()
        with suppress(FileNotFoundError):
            self.fs.rm(self.path, recursive=True)

    def abort_multipart_uploads(self) -> None:
        """Abort the S3 multipart uploads of this key that a killed process has left.

        They appear in no listing and are billed. Google and Azure expire them after a week, S3 never does.
        """
        if self._url.protocol in _S3:
            bucket, key, _ = self.fs.split_path(self.path)
            uploads = self.fs.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=key)
            for upload in uploads.get("Uploads", ()):
                self.fs.abort_mpu(bucket, upload["Key"], upload["UploadId"])


@dataclass(frozen=True, kw_only=True)
class TaskTry:
    """One try of one task instance: its temporary files have names that no other try uses.

    :param task: a hash that identifies the task instance.
    :param number: the try number, from 1.
    """

    task: str = ""
    number: int = 1

    @classmethod
    def of(cls, context: Context) -> Self:
        """Return the task try of a context."""
        ti: Any = context["ti"]
        names = ("dag_id", "task_id", "run_id", "map_index")
        task = "/".join(str(getattr(ti, name, "")) for name in names)
        number = getattr(ti, "try_number", None)
        return cls(task=sha256(task.encode()).hexdigest()[:12], number=number or 1)

    def temporary_path(self, target: StoragePath) -> StoragePath:
        """Return the hidden path next to ``target`` under which this try writes."""
        return target.parent / f".{target.name}.{self.task}-{self.number}{TEMPORARY_SUFFIX}"

    def remove_leftovers(self, target: StoragePath) -> None:
        """Remove the temporary files and uploads that killed earlier tries left next to ``target``."""
        for number in range(1, self.number):
            leftover = TaskTry(task=self.task, number=number).temporary_path(target)
            leftover.unlink()
            with log_cleanup_errors():
                leftover.abort_multipart_uploads()


def atomic_write(path: str, content: bytes, *, task_try: TaskTry, private: bool = False) -> None:
    """Write a file atomically; the arguments are those of ``atomic_open``."""
    with atomic_open(path, task_try=task_try, private=private) as file:
        file.write(content)


@contextmanager
def atomic_open(path: str, *, task_try: TaskTry, private: bool = False) -> Iterator[BinaryIO]:
    """Open a file for writing that appears under its name when the block ends without an exception.

    A failing block leaves an existing file unchanged. The temporary file of a killed process is removed by
    the next try of the task.

    :param path: path or URL, such as ``s3://aws_default@bucket/certificates/1.pdf``.
    :param task_try: the task try that writes.
    :param private: on a local disk, create the file with mode 0600.
    :raises OSError: if the storage refuses the file.
    """
    target = StoragePath(path)
    temporary = task_try.temporary_path(target)
    with describe_storage_errors(f"{path} cannot be written", is_retryable=True):
        target.parent.mkdir()
        task_try.remove_leftovers(target)
        if private and target.is_local:
            os.close(os.open(temporary.path, os.O_CREAT | os.O_WRONLY, 0o600))
        file = temporary.open("wb")
    try:
        yield file
        with describe_storage_errors(f"{path} cannot be written", is_retryable=True):
            file.close()
            temporary.replace(target)
    except BaseException:
        with log_cleanup_errors():
            file.close()
        with log_cleanup_errors():
            temporary.unlink()
        raise


@contextmanager
def open_for_reading(name: str, path: Any) -> Iterator[BinaryIO]:
    """Open a file for reading.

    :param name: the operator argument that holds the path, for messages.
    :raises ValueError: naming the argument, if there is no such file.
    """
    if not isinstance(path, str) or not path.strip():
        raise ValueError(f"{name} is {path!r}; it is the path or URL of a file")
    with describe_storage_errors(f"{name} {path!r} cannot be opened"):
        file = StoragePath(path).open("rb")
    with file:
        yield file


def validate_writable_path(name: str, path: Any, *, task_try: TaskTry) -> None:
    """Check that a file can be written at a path; on object storage by writing and deleting an empty file.

    :param name: the operator argument that holds the path, for messages.
    :param task_try: the task try that is going to write.
    :raises ValueError: naming the argument and the problem, if no retry can help.
    :raises OSError: if the storage cannot be reached.
    """
    if not isinstance(path, str) or not path.strip() or path.endswith("/"):
        raise ValueError(f"{name} is {path!r}; it is the path or URL of a file")
    with describe_storage_errors(f"{name} {path!r} cannot be written"):
        target = StoragePath(path)
        obstacle = _find_obstacle(target)
        if obstacle is None and not target.is_local:
            target.parent.mkdir()
            task_try.temporary_path(target).write_bytes(b"")
            task_try.temporary_path(target).unlink()
    if obstacle:
        raise ValueError(f"{name} is {path!r}, but {obstacle}")


def _find_obstacle(target: StoragePath) -> str | None:
    """Return why no file can be written, as far as that can be known without writing."""
    if not target.is_local and any(character in target.path for character in "*?["):
        return "the storage takes * ? [ for a pattern; use other characters"
    if target.fs.isdir(target.path):
        return "it is a folder"
    if target.is_local:
        existing = next(parent for parent in Path(target.path).absolute().parents if parent.exists())
        if not existing.is_dir():
            return f"{existing} is not a folder"
        if not os.access(existing, os.W_OK | os.X_OK):
            return f"this process may not write into {existing}"
    return None


@contextmanager
def describe_storage_errors(action: str, *, is_retryable: bool = False) -> Iterator[None]:
    """Replace a file system's exception by one with a one-line message.

    :param action: start of the message, such as ``"users.csv cannot be opened"``.
    :param is_retryable: raise OSError in any case, because the storage accepted the path in this task try.
    :raises ValueError: if no retry can help: the bucket or a right is missing.
    :raises OSError: for other errors.
    """
    from airflow.providers.common.compat.sdk import AirflowNotFoundException

    try:
        yield
    except Exception as error:  # each file system has its own
        is_permanent = (
            isinstance(error, (*_PERMANENT_ERRORS, AirflowNotFoundException))
            or getattr(error, "status_code", None) in _PERMANENT_STATUSES
        )
        kind = ValueError if is_permanent and not is_retryable else OSError
        raise kind(f"{action}: {_describe(error)}") from error


@contextmanager
def log_cleanup_errors() -> Iterator[None]:
    """Log an exception of a clean-up instead of raising it, so that it does not hide why the task failed."""
    try:
        yield
    except Exception as error:
        log.warning("Temporary files may be left behind: %s", _describe(error))


def _describe(error: Exception) -> str:
    """Return the first line of the most specific message: S3's cause names the operation that was denied."""
    cause = error.__cause__ if isinstance(error, OSError) and error.__cause__ else error
    return str(cause).strip().partition("\n")[0]

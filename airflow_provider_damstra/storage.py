"""Atomic writes to local disks and object storage, for every version of Airflow's ``ObjectStoragePath``.

A file is written under a temporary name next to its target and moved into place when it is complete.
fsspec's own transactions write local files to the system's temporary directory: the move is a copy where that
is another device, and the next task try cannot find what a killed one left there.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self, cast

from airflow.sdk import ObjectStoragePath

from airflow_provider_damstra.storage_errors import describe_storage_errors, log_cleanup_errors

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

_PRIVATE_FILE, _PRIVATE_FOLDER = 0o600, 0o700
"""Modes on this machine: files contain login URLs, certificates and personal data."""

_BLOCK_SIZE = 5 << 20
"""Bytes of one part of an upload; s3fs and adlfs would buffer 50 MB of each file by default."""


def object_storage_path(path: str) -> ObjectStoragePath:
    """Return a path or URL as a path of Airflow, a relative one below the working directory.

    Airflow 3.0 and 3.1 would look for it in the root directory.
    """
    return ObjectStoragePath(path if "://" in path else os.path.join(os.getcwd(), path))


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
        self._url = object_storage_path(path) if isinstance(path, str) else path
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

    def open(self) -> BinaryIO:
        """Open the file for reading."""
        return self._open("rb")

    def create(self) -> BinaryIO:
        """Open a new file for writing; a file that has its name is deleted before.

        On this machine only its owner may read and write it, and it is never opened if another user creates a
        file or a symbolic link of its name.

        :raises FileExistsError: if a file of its name is created at the same time.
        :raises OSError: if the file system refuses to create the file.
        """
        if not self.is_local:
            return self._open("wb")
        self.unlink()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        return os.fdopen(os.open(self.path, flags, _PRIVATE_FILE), "wb")

    def _open(self, mode: str) -> BinaryIO:
        return cast("BinaryIO", self.fs.open(self.path, mode, block_size=_BLOCK_SIZE))

    def read_bytes(self) -> bytes:
        """Return the file's content."""
        return cast("bytes", self.fs.cat_file(self.path))

    def write_bytes(self, content: bytes) -> None:
        """Write the file, on object storage in one request; on this machine as ``create`` does."""
        if not self.is_local:
            self.fs.pipe_file(self.path, content)
            return
        with self.create() as file:
            file.write(content)

    def mkdir(self) -> None:
        """Create the folder and its parents, on storages that have folders."""
        if self._url.protocol not in _WITHOUT_FOLDERS:
            self.fs.makedirs(self.path, exist_ok=True)

    def make_private_folder(self) -> None:
        """Create the folder and its parents; on this machine only its owner may use it.

        A file, a symbolic link or another user's folder of its name is deleted before.

        :raises OSError: if the file system refuses that.
        """
        if not self.is_local:
            self.mkdir()
            return
        self.parent.mkdir()
        if not self._is_own_folder():
            self.rmtree()
            os.mkdir(self.path, _PRIVATE_FOLDER)

    def _is_own_folder(self) -> bool:
        """Return whether it is a folder of this user; if it is, make it private."""
        try:
            status = os.lstat(self.path)
        except FileNotFoundError:
            return False
        is_own = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
        if is_own:
            os.chmod(self.path, _PRIVATE_FOLDER)
        return is_own

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
        """Delete the folder with its content, or the file or symbolic link of its name, if it exists."""
        if self.is_local and (os.path.islink(self.path) or os.path.isfile(self.path)):
            self.unlink()
            return
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

    :param task: a hash that identifies the task instance, the same in all its tries.
    :param number: the try number, from 1.
    """

    task: str = ""
    number: int = 1

    @classmethod
    def of(cls, context: Context) -> Self:
        """Return the task try of a context."""
        ti: Any = context["ti"]
        names = ["dag_id", "task_id", "run_id", "map_index"]
        # Not the task instance's id: each try has its own. From Airflow 3.4 on, iterations of a loop differ
        # in their region only; the nil UUID stands for none.
        region = getattr(ti, "region_id", None)
        if region is not None and region.int:
            names += ["region_id", "region_index"]
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


def atomic_write(path: str, content: bytes, *, task_try: TaskTry) -> None:
    """Write a file atomically; the arguments are those of ``atomic_open``."""
    with atomic_open(path, task_try=task_try) as file:
        file.write(content)


@contextmanager
def atomic_open(path: str, *, task_try: TaskTry) -> Iterator[BinaryIO]:
    """Open a file for writing that appears under its name when the block ends without an exception.

    A failing block leaves an existing file unchanged. The temporary file of a killed process is removed by
    the next try of the task. On this machine the file has the mode 0600 and is written only through the
    descriptor that created it: another user can neither read it, nor redirect it with a symbolic link.

    :param path: path or URL, such as ``s3://aws_default@bucket/certificates/1.pdf``.
    :param task_try: the task try that writes.
    :raises OSError: if the storage refuses the file.
    """
    target = StoragePath(path)
    temporary = task_try.temporary_path(target)
    with describe_storage_errors(f"{path} cannot be written", is_retryable=True):
        target.parent.mkdir()
        task_try.remove_leftovers(target)
        file = temporary.create()
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
        file = StoragePath(path).open()
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

"""Files of a command: their format by the name, checked before the first request, written atomically."""

from __future__ import annotations

import sys
from typing import Any

from airflow_provider_damstra.cli.execution import UsageError, print_message
from airflow_provider_damstra.compression import split_compression_suffix
from airflow_provider_damstra.storage import TaskTry, atomic_write, validate_writable_path

STANDARD_STREAM = "-"
"""Path that stands for standard input or standard output."""


def format_of(path: str, *, default: str) -> tuple[Any, Any]:
    """Return the file format and the compression by a file's name, such as ``csv`` and ``gzip``.

    :param default: the format of a file with another suffix.
    """
    name, compression = split_compression_suffix(path.lower())
    formats = ("csv", "parquet", "html", "jsonl")
    return next((kind for kind in formats if name.endswith(f".{kind}")), default), compression


def require_writable(option: str, path: str) -> None:
    """Check that a file can be written.

    :param option: name of the option, for the message.
    :param path: path or URL of the file.
    :raises UsageError: naming the option and the problem.
    """
    if path == STANDARD_STREAM:
        return
    try:
        validate_writable_path(option, path, task_try=TaskTry())
    except (ValueError, OSError) as error:
        raise UsageError(str(error)) from None


def write_file(path: str, content: bytes) -> None:
    """Write a file that only its owner can read, or to standard output.

    :raises OSError: if it cannot be written.
    """
    if path == STANDARD_STREAM:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    atomic_write(path, content, task_try=TaskTry())
    print_message(f"{len(content)} bytes are written to {path}.")

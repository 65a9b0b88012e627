"""Files on any object storage, whole or not at all."""

from __future__ import annotations

from airflow.sdk import ObjectStoragePath


def write_whole(path: str, content: bytes) -> None:
    """Write a file under another name and move it into place, so that a reader never sees half of it.

    :param path: path or URL, such as ``s3://aws_default@bucket/certificates/1.pdf``.
    """
    target = ObjectStoragePath(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.parent / f".{target.name}.unfinished"
    try:
        unfinished.write_bytes(content)
        unfinished.replace(target)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise

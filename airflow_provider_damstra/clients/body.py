"""Response bodies: decompression, and the limit of their size."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from airflow_provider_damstra.errors import MAX_ERROR_BODY_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

ACCEPTED_ENCODINGS = "gzip, deflate"
"""Value of ``Accept-Encoding``: the encodings that the standard library decompresses in bounded memory."""

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_GZIP_MAGIC = b"\x1f"
_DEFLATE_METHOD = 8


class BodyTooLargeError(Exception):
    """The body of a successful response is larger than permitted."""


BODY_ERRORS = (BodyTooLargeError, zlib.error)
"""Raised for a body that cannot be read, by ``BodyReader``."""


class BodyReader:
    """Collect the body of one response, and decompress it while it is received.

    Neither HTTP library limits the size of a decompressed body: 200 KB can become a gigabyte.

    :param max_bytes: size of the body of a success at most. An error is read up to a smaller size, and its
        rest is left out: status and beginning are enough.
    """

    def __init__(self, status: int, headers: Mapping[str, str], *, max_bytes: int) -> None:
        self._is_success = 200 <= status < 300
        self._max_bytes = max_bytes if self._is_success else min(max_bytes, MAX_ERROR_BODY_BYTES)
        encoding = headers.get("Content-Encoding", "").strip().lower()
        self._is_compressed = encoding in ("gzip", "x-gzip", "deflate")
        self._decompressor = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._chunks: list[bytes] = []
        self._size = self._received = 0

    @property
    def has_received(self) -> bool:
        """Return whether any byte was received, although the decompressed body may be empty."""
        return self._received > 0

    def feed(self, chunk: bytes) -> bool:
        """Add received bytes, and return whether more are needed.

        :raises BodyTooLargeError: if the body of a success is too large.
        :raises zlib.error: if it is compressed and damaged.
        """
        is_first, self._received = self._received == 0, self._received + len(chunk)
        if self._is_compressed:
            if is_first and chunk[:1] != _GZIP_MAGIC and chunk[0] & 0x0F != _DEFLATE_METHOD:
                # Some servers send deflate without the zlib header.
                self._decompressor = zlib.decompressobj(-zlib.MAX_WBITS)
            self._decompress(chunk)
        else:
            self._add(chunk)
        # Compressed bytes count, too: any number of them can be those of an empty body.
        if max(self._size, self._received) <= self._max_bytes:
            return True
        if self._is_success:
            raise BodyTooLargeError
        return False

    def body(self) -> bytes:
        """Return the body.

        :raises zlib.error: if it is compressed and not complete.
        """
        is_complete = not self._is_compressed or self._decompressor.eof or self._received == 0
        if self._is_success and not is_complete:
            raise zlib.error("the end is missing")
        return b"".join(self._chunks)[: self._max_bytes]

    def _add(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self._size += len(chunk)

    def _decompress(self, chunk: bytes) -> None:
        while chunk and self._size <= self._max_bytes:
            if self._decompressor.eof:
                if not chunk.startswith(_GZIP_MAGIC):
                    return  # Padding, not another member of a gzip file.
                self._decompressor = zlib.decompressobj(_GZIP_OR_ZLIB)
            self._add(self._decompressor.decompress(chunk, self._max_bytes - self._size + 1))
            chunk = self._decompressor.unused_data if self._decompressor.eof else b""

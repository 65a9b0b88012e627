"""Writing in a thread, while more is read: hashes, compression and files do not need the interpreter."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

_ENOUGH = 1 << 20
_MANY = 8
_MOST_BEHIND = 3


class WritesBehind:
    """Writes into a file in another thread, in order, never much behind.

    At the end of its ``with`` block everything is written, or nothing more will be. An error of the file is
    raised by a later ``write``, or at the end.

    :param file: what is written into. Nobody else uses it within the block.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self._collected: list[bytes] = []
        self._size = 0
        self._thread: ThreadPoolExecutor | None = None
        self._behind: deque[Future[None]] = deque()
        self._is_broken = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._wait_until(behind=0)
                self._write(self._take())
        finally:
            if self._thread:
                self._thread.shutdown(cancel_futures=True)

    def write(self, content: bytes) -> None:
        """Write, some time."""
        self._collected.append(content)
        self._size += len(content)
        if self._size >= _ENOUGH:
            self._wait_until(behind=_MOST_BEHIND - 1)
            # What is small is written where it is.
            self._thread = self._thread or ThreadPoolExecutor(1, thread_name_prefix="damstra-write")
            self._behind.append(self._thread.submit(self._write, self._take()))

    def _take(self) -> list[bytes]:
        contents, self._collected, self._size = self._collected, [], 0
        return contents if len(contents) < _MANY else [b"".join(contents)]

    def _write(self, contents: list[bytes]) -> None:
        if self._is_broken:
            # What comes after a gap would only hide it.
            return
        self._is_broken = True
        for content in contents:
            self._file.write(content)
        self._is_broken = False

    def _wait_until(self, *, behind: int) -> None:
        while len(self._behind) > behind:
            self._behind.popleft().result()

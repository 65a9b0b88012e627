"""Writing behind: all of it, in order, never far behind, and no error is lost."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.exports.behind import WritesBehind
from tests.clients.clock import until

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

BIG = 400_000


def contents(count: int, size: int) -> Iterator[bytes]:
    return (str(number).encode().rjust(size) for number in range(count))


class File:
    """Keeps what is written, and by whom; fails from some piece on, and waits until it may go on."""

    def __init__(self, *, fails_at: int | None = None) -> None:
        self.pieces: list[bytes] = []
        self.threads: set[str] = set()
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self._fails_at = fails_at

    def write(self, content: bytes) -> int:
        assert self.may_go_on.wait(10)
        if len(self.pieces) == self._fails_at:
            raise OSError(28, "no space left on device")
        self.pieces.append(content)
        self.threads.add(threading.current_thread().name)
        return len(content)


def write(file: File, pieces: Iterable[bytes]) -> None:
    with WritesBehind(file) as behind:
        for content in pieces:
            behind.write(content)


@pytest.mark.parametrize(
    ("count", "size"), [(0, 1), (1, 1), (5_000, 100), (30_000, 100), (3, BIG), (25, BIG)]
)
def test_everything_is_written_in_order(count: int, size: int) -> None:
    file = File()
    write(file, contents(count, size))
    assert b"".join(file.pieces) == b"".join(contents(count, size))


def test_what_is_small_needs_no_thread() -> None:
    file = File()
    write(file, [b"a row\n"])
    assert file.threads == {threading.current_thread().name}


def test_many_small_pieces_are_written_in_few() -> None:
    file = File()
    write(file, contents(30_000, 100))
    assert len(file.pieces) == 3


def test_it_is_never_far_behind() -> None:
    file = File()
    handed: list[bytes] = []
    file.may_go_on.clear()

    def pieces() -> Iterator[bytes]:
        for content in contents(40, BIG):
            yield content
            handed.append(content)

    with ThreadPoolExecutor(1) as writer:
        writing = writer.submit(write, file, pieces())
        until(lambda: len(handed) == 11, "three lots of three wait, and two pieces for the next")
        with pytest.raises(TimeoutError):
            writing.result(timeout=0.1)
        assert len(handed) == 11
        file.may_go_on.set()
        writing.result(timeout=10)
    assert b"".join(file.pieces) == b"".join(contents(40, BIG))


@pytest.mark.parametrize("fails_at", [0, 3, 24])
def test_an_error_of_the_file_comes_to_who_writes(fails_at: int) -> None:
    file = File(fails_at=fails_at)
    with pytest.raises(OSError, match="no space left"):
        write(file, contents(25, BIG))
    assert b"".join(file.pieces) == b"".join(contents(fails_at, BIG))


def test_nothing_is_written_behind_a_gap() -> None:
    class Falters(File):
        """Fails once, when everything was handed to it."""

        has_failed = False

        def write(self, content: bytes) -> int:
            if len(self.pieces) == 3 and not self.has_failed:
                self.has_failed = self.may_go_on.wait(10)
                raise OSError(5, "input/output error")
            self.pieces.append(content)
            return len(content)

    def pieces() -> Iterator[bytes]:
        yield from contents(9, BIG)
        file.may_go_on.set()

    file = Falters()
    file.may_go_on.clear()
    with pytest.raises(OSError, match="input/output error"):
        write(file, pieces())
    assert file.has_failed
    assert b"".join(file.pieces) == b"".join(contents(3, BIG))


def test_after_an_error_of_the_reader_nothing_more_is_written() -> None:
    def pieces() -> Iterator[bytes]:
        yield from contents(8, BIG)
        raise ValueError("no more rows")

    file = File()
    with pytest.raises(ValueError, match="no more rows"):
        write(file, pieces())
    assert "damstra-write" not in " ".join(thread.name for thread in threading.enumerate())
    count = len(file.pieces)
    assert b"".join(file.pieces) == b"".join(contents(count, BIG))
    assert count < 8

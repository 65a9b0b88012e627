"""What can go wrong with the demonstration itself."""

from __future__ import annotations


class DemoError(RuntimeError):
    """The demonstration cannot go on; the message says why and what to look at."""


class DeadlinePassedError(DemoError):
    """Something that was waited for did not happen in time."""


class ProcessDiedError(DemoError):
    """A process that has to stay up ended by itself."""

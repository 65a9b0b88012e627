"""With which export the next is compared: what is kept from one DAG run to the other."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


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

"""Distribution of tests over the processes of pytest-xdist."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]


class FolderScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Run all tests of a folder of ``tests`` in one process, because they share an Airflow or a browser.

    pytest-xdist's own groups have no effect with pytest 9.2, which ignores the node ids that it changes.
    """

    def _split_scope(self, nodeid: str) -> str:
        """Return the folder of a test; xdist calls this method of its subclasses."""
        return nodeid.split("/")[1]

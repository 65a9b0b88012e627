"""Distribution of the long tests over the processes of pytest-xdist."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]


class AcceptanceScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Run the acceptance tests in one process, and in the other those that share an Airflow or a browser.

    pytest-xdist's own groups have no effect with pytest 9.2, which ignores the node ids that it changes.
    """

    def _split_scope(self, nodeid: str) -> str:
        """Return the process for a test; xdist calls this method of its subclasses."""
        return "acceptance" if nodeid.startswith("tests/acceptance/") else "Airflow and browser"

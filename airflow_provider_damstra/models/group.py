"""Groups of users."""

from __future__ import annotations

from airflow_provider_damstra.models.base import Model, OptionalTimestamp


class Group(Model):
    """A group of users: its members, and the supervisors who manage it."""

    id: int
    """The group's id."""

    name: str | None = None
    """Name of the group."""

    parent_id: int | None = None
    """Id of the parent group."""

    description: str | None = None
    """Purpose of the group."""

    member_count: int | None = None
    """Number of members."""

    created_date: OptionalTimestamp = None
    """Time of creation."""

    client_id: int | None = None
    """Id of the organisation's account."""

    @property
    def display_name(self) -> str:
        """Return the name, or ``group <id>``."""
        return self.name or f"group {self.id}"

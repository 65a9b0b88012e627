"""Groups of users."""

from __future__ import annotations

from airflow_provider_damstra.models.base import Model, OptionalTimestamp


class Group(Model):
    """A group of users: its members, and the supervisors who manage it."""

    id: int
    name: str | None = None
    parent_id: int | None = None
    description: str | None = None
    member_count: int | None = None
    created_date: OptionalTimestamp = None
    client_id: int | None = None

"""Unit of work: the reads, writes, journal entries and webhook events of one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.emulator import api_errors
from airflow_provider_damstra.emulator.clock import format_utc_milliseconds
from airflow_provider_damstra.emulator.store import insert_statement
from airflow_provider_damstra.emulator.webhooks import build_event
from airflow_provider_damstra.models.base import Model, Page, PageMeta
from airflow_provider_damstra.models.user import ClientStatus, Role

if TYPE_CHECKING:
    import sqlite3

    from airflow_provider_damstra.emulator.store import Store

DEFAULT_PAGE_SIZE = 20


@dataclass(frozen=True, kw_only=True)
class PageParams:
    """Offset and limit of a listing."""

    start: int = 0
    size: int = DEFAULT_PAGE_SIZE


@dataclass(kw_only=True)
class UnitOfWork:
    """Read and write the store for one request; record the changes and the events to send.

    :param store: the store, in a transaction.
    :param now: the emulated time of the request.
    :param base_url: the emulator's URL in the client's request.
    :param page_params: offset and limit of the requested page.
    :param changes: the rows changed so far, for the journal.
    :param events: the webhook events so far; they are sent after the commit.
    """

    store: Store
    now: datetime
    base_url: str = ""
    page_params: PageParams = field(default_factory=PageParams)
    changes: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, str]] = field(default_factory=list)

    @cached_property
    def timestamp(self) -> str:
        """Return ``now`` in the store's format."""
        return format_utc_milliseconds(self.now)

    @cached_property
    def acting_user_id(self) -> int:
        """Return the id of the access key's user: the owner, the first administrator, or the first user."""
        sql = """
            SELECT user_id FROM user_roles JOIN users ON users.id = user_id
            WHERE role_id IN (?, ?) AND client_status_id = ? ORDER BY role_id DESC, user_id LIMIT 1
        """
        user_id = self.store.fetch_value(sql, [Role.OWNER, Role.ADMIN, ClientStatus.ACTIVE])
        return int(user_id or self.store.fetch_value("SELECT min(id) FROM users"))

    def emit(self, event_name: str, *values: object) -> None:
        """Queue a webhook event for after the commit; ``values`` are its fields in the documented order."""
        self.events.append(build_event(event_name, *values, at=self.now))

    def get(self, table: str, row_id: int) -> sqlite3.Row | None:
        """Return a row by its id, or None."""
        return self.store.fetch_one(f"SELECT * FROM {table} WHERE id = ?", [row_id])

    def get_or_404(self, table: str, row_id: int) -> sqlite3.Row:
        """Return a row by its id.

        :raises ApiError: with the 404 of the table's resource.
        """
        row = self.get(table, row_id)
        if row is None:
            raise api_errors.row_not_found(table, [row_id])
        return row

    def require_users(self, user_ids: Iterable[int]) -> None:
        """Check that all users exist.

        :raises ApiError: 404, naming the ids of those that do not.
        """
        unknown = [user_id for user_id in user_ids if self.get("users", user_id) is None]
        if unknown:
            raise api_errors.row_not_found("users", unknown)

    def fetch_page(
        self, columns: str, from_clause: str, params: dict[str, Any], *, order_by: str = "id"
    ) -> list[sqlite3.Row]:
        """Return the rows of the requested page.

        :param from_clause: ``FROM ... WHERE ...``
        """
        page = {"page_size": self.page_params.size, "page_start": self.page_params.start}
        sql = f"SELECT {columns} {from_clause} ORDER BY {order_by} LIMIT :page_size OFFSET :page_start"
        return self.store.fetch_all(sql, {**params, **page})

    def build_page(self, results: list[Any], total: int | None, **extra: Any) -> Page[Any]:
        """Return a page of results.

        :param total: the number of rows of the whole listing; None omits the meta.
        :param extra: further fields, of the page and of its meta.
        """
        if total is None:
            return Page[Model].model_construct(results=results, meta=None)
        start = self.page_params.start
        meta = PageMeta(total_result_count=total, start_index=start, end_index=start + len(results), **extra)
        return Page[Model].model_construct(results=results, meta=meta, **extra)

    def insert(self, table: str, **values: Any) -> int:
        """Insert a row, created and modified now, and return its id."""
        values = {**values, "created_date": self.timestamp, "modified_date": self.timestamp}
        cursor = self.store.execute(insert_statement(table, values), values)
        self._record(cursor, table, cursor.lastrowid, "insert")
        return cursor.lastrowid or 0

    def update(self, table: str, row_id: int, **values: Any) -> bool:
        """Update a row, modified now, unless it has these values already; return whether it changed."""
        row = self.get(table, row_id)
        if row is None or all(row[name] == value for name, value in values.items()):
            return False
        values = {**values, "modified_date": self.timestamp}
        assignments = ", ".join(f"{name} = :{name}" for name in values)
        sql = f"UPDATE {table} SET {assignments} WHERE id = :id"
        return self._record(self.store.execute(sql, {**values, "id": row_id}), table, row_id, "update")

    def insert_or_ignore(self, table: str, **keys: int) -> bool:
        """Insert a row into an association table; return whether it was absent."""
        cursor = self.store.execute(insert_statement(table, keys, or_ignore=True), keys)
        return self._record(cursor, table, keys, "insert")

    def delete(self, table: str, **keys: int) -> bool:
        """Delete the row with these values; return whether it was present."""
        condition = " AND ".join(f"{name} = :{name}" for name in keys)
        cursor = self.store.execute(f"DELETE FROM {table} WHERE {condition}", keys)
        return self._record(cursor, table, keys, "delete")

    def _record(self, cursor: sqlite3.Cursor, table: str, row_id: Any, action: str) -> bool:
        """Record the row that a statement changed for the journal, and return whether it changed one."""
        if cursor.rowcount:
            self.changes.append({"table": table, "id": row_id, "action": action})
        return bool(cursor.rowcount)

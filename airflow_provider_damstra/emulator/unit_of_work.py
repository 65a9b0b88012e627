"""One uow to the store: what a handler reads and writes, counts and reports, as one transaction."""

# ruff: noqa: S608 (tables and columns are named in this package, values are bound)

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.emulator import api_errors as refusals
from airflow_provider_damstra.emulator.clock import stored
from airflow_provider_damstra.emulator.events import event
from airflow_provider_damstra.models.base import Model, Page, PageMeta
from airflow_provider_damstra.models.user import ClientStatus, Role

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

    from airflow_provider_damstra.emulator.store import Store

DEFAULT_PAGE_SIZE = 20


@dataclass(frozen=True, kw_only=True)
class Window:
    """Which rows of a listing are asked for."""

    start: int = 0
    size: int = DEFAULT_PAGE_SIZE


@dataclass(kw_only=True)
class UnitOfWork:
    """What a handler works with.

    :param now: the moment of the request on the emulator's clock.
    :param base_url: the emulator's own address, as the caller wrote it.
    :param window: of a listing, the rows that are asked for.
    """

    store: Store
    now: datetime
    base_url: str = ""
    window: Window = field(default_factory=Window)
    changes: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, str]] = field(default_factory=list)

    @cached_property
    def at(self) -> str:
        """Return now as the store holds it."""
        return stored(self.now)

    def report(self, name: str, *values: object) -> None:
        """Send a webhook event once the transaction is committed."""
        self.events.append(event(name, *values, at=self.now))

    def find(self, table: str, row_id: int) -> sqlite3.Row | None:
        """Return one row by its id, or None."""
        return self.store.fetch_one(f"SELECT * FROM {table} WHERE id = ?", [row_id])

    def need_user(self, user_id: int) -> sqlite3.Row:
        """Return a user's row, or refuse."""
        row = self.find("users", user_id)
        if row is None:
            raise refusals.not_found("User", [user_id])
        return row

    def need_users(self, user_ids: tuple[int, ...]) -> None:
        """Refuse unless there are users with all these ids."""
        unknown = [one for one in user_ids if self.find("users", one) is None]
        if unknown:
            raise refusals.not_found("User", unknown)

    @cached_property
    def acting_user_id(self) -> int:
        """Return the user in whose name the access key acts: the owner, or else the first administrator."""
        sql = """
            SELECT user_id FROM user_roles JOIN users ON users.id = user_id
            WHERE role_id IN (?, ?) AND client_status_id = ? ORDER BY role_id DESC, user_id LIMIT 1
        """
        found = self.store.fetch_value(sql, [Role.OWNER, Role.ADMIN, ClientStatus.ACTIVE])
        return int(found or self.store.fetch_value("SELECT min(id) FROM users"))

    def page(
        self, columns: str, tail: str, values: dict[str, Any], *, order: str = "id"
    ) -> list[sqlite3.Row]:
        """Return the rows of the window: ``columns`` of what ``tail`` (FROM ... WHERE ...) finds."""
        window = {"window_size": self.window.size, "window_start": self.window.start}
        sql = f"SELECT {columns} {tail} ORDER BY {order} LIMIT :window_size OFFSET :window_start"
        return self.store.fetch_all(sql, {**values, **window})

    def listing(self, results: list[Any], total: int | None, **extra: Any) -> Page[Any]:
        """Return a page of results; without a total it has no meta.

        :param extra: further members, of the page and of its meta.
        """
        if total is None:
            return Page[Model].model_construct(results=results, meta=None)
        end = self.window.start + len(results)
        meta = PageMeta(total_result_count=total, start_index=self.window.start, end_index=end, **extra)
        return Page[Model].model_construct(results=results, meta=meta, **extra)

    def insert(self, table: str, **values: Any) -> int:
        """Add a row that is made and modified now, and return its id."""
        values = {**values, "created_date": self.at, "modified_date": self.at}
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        row_id = self.store.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", values).lastrowid
        self._note(table, row_id, "insert")
        return row_id or 0

    def update(self, table: str, row_id: int, **values: Any) -> bool:
        """Change a row, which is then modified now; return whether anything in it is other than before."""
        row = self.find(table, row_id)
        if row is None or all(row[name] == value for name, value in values.items()):
            return False
        values = {**values, "modified_date": self.at}
        pairs = ", ".join(f"{name} = :{name}" for name in values)
        self.store.execute(f"UPDATE {table} SET {pairs} WHERE id = :id", {**values, "id": row_id})
        self._note(table, row_id, "update")
        return True

    def link(self, table: str, **keys: int) -> bool:
        """Add a row to a table that is a set; return whether it was not in it yet."""
        marks = ", ".join(f":{name}" for name in keys)
        added = self.store.execute(
            f"INSERT OR IGNORE INTO {table} ({', '.join(keys)}) VALUES ({marks})", keys
        )
        return self._note_if(added, table, keys, "insert")

    def delete(self, table: str, **keys: int) -> bool:
        """Take the row with these values out of a table; return whether it was in it."""
        condition = " AND ".join(f"{name} = :{name}" for name in keys)
        deleted = self.store.execute(f"DELETE FROM {table} WHERE {condition}", keys)
        return self._note_if(deleted, table, keys, "delete")

    def _note_if(self, cursor: sqlite3.Cursor, table: str, keys: dict[str, int], action: str) -> bool:
        if cursor.rowcount:
            self._note(table, keys, action)
        return bool(cursor.rowcount)

    def _note(self, table: str, row_id: Any, action: str) -> None:
        self.changes.append({"table": table, "id": row_id, "action": action})

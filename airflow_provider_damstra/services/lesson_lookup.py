"""Look up lessons by name, regardless of case and surrounding blanks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from airflow_provider_damstra.endpoints.lesson import ListLessons
from airflow_provider_damstra.input_files.columns import nearest_name
from airflow_provider_damstra.models.lesson import Lesson
from airflow_provider_damstra.services.key_lookup import KeyLookup

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.base import SupportsCalls


class LessonLookup(KeyLookup[Lesson]):
    """Look up lessons by name.

    Calls ``listLessons``: once for each name, and once for each page of the listing if one is not found.
    """

    kind = "lessons"

    def __init__(self, client: SupportsCalls) -> None:
        super().__init__(client, field="name")
        self._other_names: set[str] = set()

    def search(self, value: str) -> ListLessons:
        """Return the search for a name, of which the API finds any part."""
        return ListLessons(q=value)

    def listing(self) -> ListLessons:
        """Return the listing of all lessons."""
        return ListLessons()

    def on_other_row(self, row: Lesson) -> None:
        """Keep the name, for ``nearest_name``."""
        if row.name:
            self._other_names.add(row.name)

    def nearest_name(self, name: str) -> str | None:
        """Return the most similar name in the listing, if it has been read, or None."""
        return nearest_name(name, sorted(self._other_names))


def lesson_ids_of(rows: Iterable[Lesson]) -> list[int]:
    """Return the ids of the lessons of some versions: of the active lessons, if there are any."""
    rows = list(rows)
    chosen = [row for row in rows if row.can_be_scheduled] or rows
    return sorted({row.lesson_id for row in chosen if row.lesson_id is not None})

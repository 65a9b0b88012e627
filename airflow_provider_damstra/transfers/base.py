"""What the operators that take a resource's rows somewhere have in common."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_damstra.operators.base import DamstraOperator
from airflow_provider_damstra.storage import open_for_reading
from airflow_provider_damstra.validation import parse_mapping, validate_choice, validate_number

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_damstra.clients.client import Client
    from airflow_provider_damstra.exports.reader import Export
    from airflow_provider_damstra.exports.resources import Resource
    from airflow_provider_damstra.validation import Ids


FAILED_PARENTS_SHOWN = 20
"""How many of those whose listing failed are named in a result, which Airflow keeps in its database."""


class ResourceTransfer(DamstraOperator):
    """A step that reads the rows of a resource; a subclass says where they go.

    Lists the resource: ``listUsers``, ``listGroups`` and so on; ``group_members``, ``group_supervisors``,
    ``lesson_schedules`` and ``ilt_attendees`` are listed for many groups, users or sessions at once: rows of
    one keep their order, but a page waits for none of another. Some pages are in memory.

    :param resource: ``users``, ``groups``, ``group_members``, ``group_supervisors``, ``lessons``,
        ``lesson_details``, ``lesson_schedules``, ``ilt_sessions`` or ``ilt_attendees`` (templated).
    :param filters: arguments of the listing, such as ``{"status": "overdue"}`` (templated).
    :param parent_ids: ids of the groups, users or sessions whose rows are wanted; default all (templated).
    :param parent_ids_path: instead, path or URL of a file with these ids on any object storage: CSV, Parquet
        or JSON lines, as an export writes them, or a text of ids (templated).
    :param parent_ids_column: the column of that file; default ``id``, or else ``group_id``, ``user_id`` or
        ``ilt_session_id`` (templated).
    :param parent_filters: instead of ids, arguments of the listing of groups, users or sessions (templated).
    :param max_concurrency: requests in flight at once; default as the connection's.
    :param page_size: rows asked for per page, at least two; default as the connection's.
    :param on_failed_parent: ``fail``, or ``skip`` to leave out a group, user or session whose listing fails,
        and name it in the result; pages before the one that failed stay in. While Damstra cannot be reached,
        and when all fail, it fails all the same.
    """

    written: dict[str, Any] | None = None
    """What was written: ``target``, OpenLineage's namespace and name for it, ``rows`` and ``size``."""

    template_fields: Collection[str] = (
        "resource",
        "filters",
        "parent_ids",
        "parent_ids_path",
        "parent_ids_column",
        "parent_filters",
        "damstra_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"filters": "json", "parent_filters": "json"}

    def __init__(
        self,
        *,
        resource: str,
        filters: Mapping[str, Any] | None = None,
        parent_ids: Ids | None = None,
        parent_ids_path: str | None = None,
        parent_ids_column: str | None = None,
        parent_filters: Mapping[str, Any] | None = None,
        max_concurrency: int | None = None,
        page_size: int | None = None,
        on_failed_parent: str = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        validate_choice("on_failed_parent", on_failed_parent, "fail", "skip")
        for name, value in (("max_concurrency", max_concurrency), ("page_size", page_size)):
            if value is not None:
                validate_number(name, value, at_least=1)
        self.resource = resource
        self.filters = filters
        self.parent_ids = parent_ids
        self.parent_ids_path = parent_ids_path
        self.parent_ids_column = parent_ids_column
        self.parent_filters = parent_filters
        self.max_concurrency = max_concurrency
        self.page_size = page_size
        self.on_failed_parent = on_failed_parent

    def export(self, *, knows_what_comes_again: bool) -> Export:
        """Return what is to be read.

        :param knows_what_comes_again: whether a row that comes twice is written once.
        :raises ValueError: if no request can be made of it.
        """
        from airflow_provider_damstra.exports.reader import Export
        from airflow_provider_damstra.exports.resources import named_resource

        resource = named_resource(self.resource)
        export = Export(
            resource=resource,
            filters=parse_mapping("filters", self.filters or {}),
            parent_ids=self._parent_ids(resource),
            parent_filters=parse_mapping("parent_filters", self.parent_filters or {}),
            max_concurrency=self.max_concurrency or self.hook.settings.max_concurrency,
            knows_what_comes_again=knows_what_comes_again,
            skips_failed_parents=self.on_failed_parent == "skip",
        )
        export.check()
        return export

    def _parent_ids(self, resource: Resource) -> tuple[int, ...] | None:
        from airflow_provider_damstra.exports.id_file import read_ids, refuse_unreadable_ids
        from airflow_provider_damstra.exports.reader import ids_of_parents

        if self.parent_ids_path is None:
            return ids_of_parents(self.parent_ids)
        if self.parent_ids is not None:
            raise ValueError("give parent_ids or parent_ids_path, not both")
        refuse_unreadable_ids(self.parent_ids_path)
        usual = ("id", resource.parent_argument, resource.parent_member)
        columns = (self.parent_ids_column,) if self.parent_ids_column else usual
        with open_for_reading("parent_ids_path", self.parent_ids_path) as file:
            return read_ids(file, name=self.parent_ids_path, columns=columns)

    def get_openlineage_facets_on_complete(self, task_instance: object) -> OperatorLineage[Any, Any] | None:
        """Return for OpenLineage what was read and what was written."""
        from airflow_provider_damstra.transfers.lineage import lineage_of

        if self.written is None:
            return None
        return lineage_of(base_url=self.hook.settings.base_url, resource=self.resource, **self.written)

    def fingerprint(self, export: Export, *more: object) -> str:
        """Return what two steps have in common only if they read the same, and more is equal.

        Whose rows are read is only part of it as far as ``parent_filters`` say so.
        """
        import json
        from hashlib import sha256

        read = (
            self.damstra_conn_id,
            self.hook.settings.base_url,
            export.resource.name,
            export.filters,
            export.parent_filters,
            *more,
        )
        return sha256(json.dumps(read, default=str, sort_keys=True).encode()).hexdigest()

    def open_client(self) -> Client:
        """Return a client with this step's own settings. Close it after use."""
        # Pages of one row could not overlap.
        page_size = max(self.page_size or self.hook.settings.page_size, 2)
        return self.hook.create_client(max_concurrency=self.max_concurrency, page_size=page_size)

    def failed_parents(self, export: Export) -> dict[str, str]:
        """Return the ids of those that were left out with the reason, the first of them, and log these."""
        first = dict(islice(export.failed.items(), FAILED_PARENTS_SHOWN))
        for parent_id, why in first.items():
            self.log.warning("%s %d was left out: %s", export.resource.parent_argument, parent_id, why)
        if len(export.failed) > len(first):
            self.log.warning("%d more were left out.", len(export.failed) - len(first))
        return {str(one): why for one, why in first.items()}

"""What the operators that take a resource's rows somewhere have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_damstra.arguments import mapping, number, one_of
from airflow_provider_damstra.operators.base import DamstraOperator

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from airflow_provider_damstra.arguments import Ids
    from airflow_provider_damstra.clients.sync import Client
    from airflow_provider_damstra.exports.rows import Export


class ResourceTransfer(DamstraOperator):
    """A step that reads the rows of a resource; a subclass says where they go.

    Lists the resource: ``listUsers``, ``listGroups`` and so on; ``group_members``, ``group_supervisors``,
    ``lesson_schedules`` and ``ilt_attendees`` are listed for many groups, users or sessions at once: rows of
    one keep their order, but a page waits for none of another. Some pages are in memory.

    :param resource: ``users``, ``groups``, ``group_members``, ``group_supervisors``, ``lessons``,
        ``lesson_details``, ``lesson_schedules``, ``ilt_sessions`` or ``ilt_attendees`` (templated).
    :param filters: arguments of the listing, such as ``{"status": "overdue"}`` (templated).
    :param parent_ids: ids of the groups, users or sessions whose rows are wanted; default all (templated).
    :param parent_filters: instead of ids, arguments of the listing of groups, users or sessions (templated).
    :param max_concurrency: requests in flight at once; default as the connection's.
    :param page_size: rows asked for per page; default as the connection's.
    :param on_failed_parent: ``fail``, or ``skip`` to leave out a group, user or session whose listing fails,
        and name it in the result; pages before the one that failed stay in. While Damstra cannot be reached,
        and when all fail, it fails all the same.
    """

    template_fields: Collection[str] = (
        "resource",
        "filters",
        "parent_ids",
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
        parent_filters: Mapping[str, Any] | None = None,
        max_concurrency: int | None = None,
        page_size: int | None = None,
        on_failed_parent: str = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        one_of("on_failed_parent", on_failed_parent, "fail", "skip")
        for name, value in (("max_concurrency", max_concurrency), ("page_size", page_size)):
            if value is not None:
                number(name, value, at_least=1)
        self.resource = resource
        self.filters = filters
        self.parent_ids = parent_ids
        self.parent_filters = parent_filters
        self.max_concurrency = max_concurrency
        self.page_size = page_size
        self.on_failed_parent = on_failed_parent

    def export(self) -> Export:
        """Return what is to be read.

        :raises ValueError: if no request can be made of it.
        """
        from airflow_provider_damstra.exports.resources import named_resource
        from airflow_provider_damstra.exports.rows import Export, ids_of_parents

        export = Export(
            resource=named_resource(self.resource),
            filters=mapping("filters", self.filters or {}),
            parent_ids=ids_of_parents(self.parent_ids),
            parent_filters=mapping("parent_filters", self.parent_filters or {}),
            max_concurrency=self.max_concurrency or self.hook.settings.max_concurrency,
            skips_failed_parents=self.on_failed_parent == "skip",
        )
        export.check()
        return export

    def fingerprint(self) -> str:
        """Return what two steps have in common only if they read the same."""
        import json
        from hashlib import sha256

        read = (
            self.damstra_conn_id,
            self.hook.settings.base_url,
            self.resource,
            self.filters,
            self.parent_ids,
            self.parent_filters,
        )
        return sha256(json.dumps(read, default=str, sort_keys=True).encode()).hexdigest()

    def client(self) -> Client:
        """Return a client with this step's own settings. Close it after use."""
        return self.hook.client_with(max_concurrency=self.max_concurrency, page_size=self.page_size)

    def failed_parents(self, export: Export) -> dict[str, str]:
        """Return the ids of those that were left out with the reason, and log them."""
        for parent_id, why in export.failed.items():
            self.log.warning("%s %d was left out: %s", export.resource.parent_argument, parent_id, why)
        return {str(one): why for one, why in export.failed.items()}

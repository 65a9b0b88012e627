"""The operator that exports a resource to a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_damstra.arguments import mapping, number, one_of
from airflow_provider_damstra.operators.base import DamstraOperator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context

    from airflow_provider_damstra.arguments import Ids


class DamstraExportOperator(DamstraOperator):
    """Write all rows of a resource to a file on any object storage, and return where it is.

    JSON lines hold each row as the server sent it, so nothing is lost; CSV has a column for each member that
    the provider knows, and ``other_members`` for the rest. The file is written under a hidden name beside the
    target and moved when it is whole; a retry starts anew. Lists the resource: ``listUsers``, ``listGroups``
    and so on; ``group_members``, ``group_supervisors``, ``lesson_schedules`` and ``ilt_attendees`` are listed
    for one group, user or session after the other, many at once; the rows of some of these are in memory.

    :param resource: ``users``, ``groups``, ``group_members``, ``group_supervisors``, ``lessons``,
        ``lesson_details``, ``lesson_schedules``, ``ilt_sessions`` or ``ilt_attendees`` (templated).
    :param target_path: path or URL of the file, such as ``s3://lake/users/{{ ds }}.jsonl`` (templated).
    :param filters: arguments of the listing, such as ``{"status": "overdue"}`` (templated).
    :param parent_ids: ids of the groups, users or sessions whose rows are wanted; default all (templated).
    :param parent_filters: instead of ids, arguments of the listing of groups, users or sessions (templated).
    :param file_format: ``jsonl`` or ``csv``.
    :param compression: ``gzip``, or None for none.
    :param max_concurrency: requests in flight at once; default as the connection's.
    :param page_size: rows asked for per page; default as the connection's.
    :param on_failed_parent: ``fail``, or ``skip`` to leave out a group, user or session whose listing fails,
        and name it in the result. While Damstra cannot be reached, and when all fail, it fails all the same.
    :return: ``uri``, ``rows``, ``bytes``, ``sha256`` and ``failed_parents``, ids with the reason.
    """

    template_fields = (
        "resource",
        "target_path",
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
        target_path: str,
        filters: Mapping[str, Any] | None = None,
        parent_ids: Ids | None = None,
        parent_filters: Mapping[str, Any] | None = None,
        file_format: str = "jsonl",
        compression: str | None = None,
        max_concurrency: int | None = None,
        page_size: int | None = None,
        on_failed_parent: str = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        one_of("file_format", file_format, "jsonl", "csv")
        one_of("compression", compression, "gzip", None)
        one_of("on_failed_parent", on_failed_parent, "fail", "skip")
        for name, value in (("max_concurrency", max_concurrency), ("page_size", page_size)):
            if value is not None:
                number(name, value, at_least=1)
        self.resource = resource
        self.target_path = target_path
        self.filters = filters
        self.parent_ids = parent_ids
        self.parent_filters = parent_filters
        self.file_format = file_format
        self.compression = compression
        self.max_concurrency = max_concurrency
        self.page_size = page_size
        self.on_failed_parent = on_failed_parent

    def act(self, context: Context) -> dict[str, Any]:
        """Return where the file is and what is in it."""
        from airflow_provider_damstra.exports.files import write_rows
        from airflow_provider_damstra.exports.resources import named_resource
        from airflow_provider_damstra.exports.rows import Export, ids_of_parents
        from airflow_provider_damstra.storage import opened_whole, refuse_what_is_no_file

        export = Export(
            resource=named_resource(self.resource),
            filters=mapping("filters", self.filters or {}),
            parent_ids=ids_of_parents(self.parent_ids),
            parent_filters=mapping("parent_filters", self.parent_filters or {}),
            max_concurrency=self.max_concurrency or self.hook.settings.max_concurrency,
            skips_failed_parents=self.on_failed_parent == "skip",
        )
        export.check()
        refuse_what_is_no_file("target_path", self.target_path)
        own = {"max_concurrency": self.max_concurrency, "page_size": self.page_size}
        with self.hook.client_with(**own) as client, opened_whole(self.target_path) as file:
            facts = write_rows(
                file,
                export.resource,
                export.pages(client),
                file_format=self.file_format,
                compression=self.compression,
            )
        for parent_id, why in export.failed.items():
            self.log.warning("%s %d was left out: %s", export.resource.parent_argument, parent_id, why)
        self.log.info("%d rows of %s written to %s", facts["rows"], self.resource, self.target_path)
        failed = {str(one): why for one, why in export.failed.items()}
        return {"uri": self.target_path, **facts, "failed_parents": failed}

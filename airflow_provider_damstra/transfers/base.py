"""Base class of the operators that write the rows of a resource to a file or a table."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from airflow_provider_damstra.operators.base import DamstraOperator
from airflow_provider_damstra.storage import open_for_reading
from airflow_provider_damstra.validation import (
    parse_mapping,
    validate_booleans,
    validate_choice,
    validate_delimiter,
    validate_encoding,
    validate_integer,
    validate_literal,
    validate_names,
)

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_damstra.arguments import Fields, Ids, Text
    from airflow_provider_damstra.clients.settings import ClientSettings
    from airflow_provider_damstra.exports.hidden_columns import HiddenColumns
    from airflow_provider_damstra.exports.reader import ResourceReader
    from airflow_provider_damstra.exports.resources import Resource, ResourceQuery
    from airflow_provider_damstra.hooks.damstra import DamstraHook


RESOURCE_NAMES = (
    "users",
    "groups",
    "group_members",
    "group_supervisors",
    "lessons",
    "lesson_details",
    "lesson_schedules",
    "ilt_sessions",
    "ilt_attendees",
)
"""The keys of ``exports.resources.RESOURCES``, which is not imported when a DAG file is parsed."""

FAILED_PARENTS_SHOWN = 20
"""Failed parents that are named in the result, which Airflow keeps in its database."""


_HIDDEN = "(hidden)"


class ResourceTransfer(DamstraOperator):
    """Read the rows of a resource; a subclass writes them.

    Calls the resource's listing: ``listUsers``, ``listGroups`` and so on. ``group_members``,
    ``group_supervisors``, ``lesson_schedules`` and ``ilt_attendees`` have one listing for each group, user or
    session (the parents), which are read concurrently: rows of one listing keep their order, those of several
    are interleaved. Memory use does not grow with the number of rows.

    A killed or failed try leaves nothing in Damstra Learning: it only reads.

    :param resource: name of the resource: ``users``, ``groups``, ``group_members``, ``group_supervisors``,
        ``lessons``, ``lesson_details``, ``lesson_schedules``, ``ilt_sessions`` or ``ilt_attendees``
        (templated).
    :param filters: mapping of arguments of the listing, such as ``{"status": "overdue"}``. Users are read
        with ``{"active_value": "all"}`` if no ``active_value`` (``"active"``, ``"inactive"`` or ``"all"``) is
        given (templated).
    :param parent_ids: list of ids of the groups, users or sessions whose rows are read, also as a string such
        as ``"1,2"`` or one number; default all (templated).
    :param parent_ids_path: instead of ``parent_ids``, path or URL of a file with these ids, on any object
        storage: CSV, Parquet or JSON lines, as an export writes them, Excel (``.xlsx``) or plain text, plain
        or compressed (``.gz``, ``.zst``) (templated).
    :param parent_ids_column: name of that file's column of ids; default ``id``, or else ``group_id``,
        ``user_id`` or ``ilt_session_id`` (templated).
    :param parent_ids_encoding: that file's encoding, such as ``cp1252``; a byte order mark takes precedence,
        and without either it is UTF-8.
    :param parent_ids_delimiter: that file's separator of CSV cells; by default detected in its header.
    :param parent_filters: instead of ids, mapping of arguments of the listing of groups, users or sessions;
        inactive users are included as in ``filters`` (templated).
    :param max_concurrency: concurrent requests; default the connection's ``max_concurrency``.
    :param page_size: rows per page, at least 2; default the connection's ``page_size``.
    :param on_failed_parent: ``"fail"``, or ``"skip"`` to leave out a group, user or session whose listing
        fails and to name it in the result; rows that were read before its failure are written. The task still
        fails if Damstra Learning cannot be reached, or if all parents fail.
    :param exclude_columns: names of columns, or their API names, that are left out of everything that is
        written: ``"other_members"`` are the fields of a row that have no column. Rows are read as usual.
    :param hash_columns: names of columns whose values are replaced by HMAC-SHA256 with the connection's extra
        ``hash_key``, as text of 64 hexadecimal digits; null stays null. Equal values have equal hashes in all
        exports with this key.
    """

    written: dict[str, Any] | None = None
    """Arguments of ``operator_lineage`` for what was written, once it was."""

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
        resource: Text,
        filters: Fields | None = None,
        parent_ids: Ids | None = None,
        parent_ids_path: Text | None = None,
        parent_ids_column: Text | None = None,
        parent_ids_encoding: str | None = None,
        parent_ids_delimiter: str | None = None,
        parent_filters: Fields | None = None,
        max_concurrency: int | None = None,
        page_size: int | None = None,
        on_failed_parent: Literal["fail", "skip"] = "fail",
        exclude_columns: Sequence[str] = (),
        hash_columns: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        validate_literal("resource", resource, *RESOURCE_NAMES)
        validate_choice("on_failed_parent", on_failed_parent, "fail", "skip")
        validate_encoding("parent_ids_encoding", parent_ids_encoding)
        validate_delimiter("parent_ids_delimiter", parent_ids_delimiter)
        validate_names(exclude_columns=exclude_columns, hash_columns=hash_columns)
        for name, value in (("max_concurrency", max_concurrency), ("page_size", page_size)):
            if value is not None:
                validate_integer(name, value, at_least=1)
        self.resource = cast("str", resource)
        self.filters = filters
        self.parent_ids = parent_ids
        self.parent_ids_path = cast("str | None", parent_ids_path)
        self.parent_ids_column = cast("str | None", parent_ids_column)
        self.parent_ids_encoding = parent_ids_encoding
        self.parent_ids_delimiter = parent_ids_delimiter
        self.parent_filters = parent_filters
        self.max_concurrency = max_concurrency
        self.page_size = page_size
        self.on_failed_parent = on_failed_parent
        self.exclude_columns = exclude_columns
        self.hash_columns = hash_columns

    def create_query(self, *, deduplicates: bool) -> ResourceQuery:
        """Return which rows are read, from the rendered arguments.

        :param deduplicates: whether a row that is read twice is written once.
        :raises ValueError: naming arguments of which no request can be made.
        """
        from airflow_provider_damstra.exports.resources import ResourceQuery, named_resource

        resource = named_resource(self.resource)
        return ResourceQuery(
            resource=resource,
            filters=parse_mapping("filters", self.filters or {}),
            parent_ids=self._read_parent_ids(resource),
            parent_filters=parse_mapping("parent_filters", self.parent_filters or {}),
            max_concurrency=self.max_concurrency or self.hook.settings.max_concurrency,
            deduplicates=deduplicates,
            skip_failed_parents=self.on_failed_parent == "skip",
            hidden=self._hidden_columns(resource),
        )

    def _hidden_columns(self, resource: Resource) -> HiddenColumns | None:
        from airflow_provider_damstra.exports.hidden_columns import HiddenColumns

        if not (self.exclude_columns or self.hash_columns):
            return None
        return HiddenColumns(
            resource,
            excluded=self.exclude_columns,
            hashed=self.hash_columns,
            hash_key=self.hook.hash_key if self.hash_columns else None,
        )

    def _read_parent_ids(self, resource: Resource) -> tuple[int, ...] | None:
        from airflow_provider_damstra.exports.id_file import read_ids
        from airflow_provider_damstra.exports.resources import parse_parent_ids

        if self.parent_ids_path is None:
            return parse_parent_ids(self.parent_ids)
        if self.parent_ids is not None:
            raise ValueError("give parent_ids or parent_ids_path, not both")
        defaults = ("id", resource.parent_argument, resource.parent_member)
        columns = (self.parent_ids_column,) if self.parent_ids_column else defaults
        with open_for_reading("parent_ids_path", self.parent_ids_path) as file:
            return read_ids(
                file,
                name=self.parent_ids_path,
                columns=columns,
                encoding=self.parent_ids_encoding,
                delimiter=self.parent_ids_delimiter,
            )

    def open_reader(self, query: ResourceQuery) -> ResourceReader:
        """Return the reader of a query, a context manager, with this task's client settings."""
        settings = self.hook.settings
        page_size = self.page_size or settings.page_size
        return _create_reader(query, settings.model_copy(update={"page_size": page_size}))

    def get_openlineage_facets_on_complete(self, task_instance: object) -> OperatorLineage[Any, Any] | None:
        """Return source and target for OpenLineage, which calls this after the task has succeeded."""
        from airflow_provider_damstra.exports.resources import named_resource
        from airflow_provider_damstra.transfers.lineage import operator_lineage

        if self.written is None:
            return None
        resource = named_resource(self.resource)
        hidden = self._hidden_columns(resource)
        return operator_lineage(
            base_url=self.hook.settings.base_url,
            sources=[resource, *([named_resource(resource.parent)] if resource.parent else [])],
            written=hidden.resource if hidden else resource,
            **self.written,
        )

    def fingerprint(self, query: ResourceQuery, *more: object) -> str:
        """Return a hash that two tasks share only if they read the same and ``more`` is equal.

        Of the parents, it includes ``parent_filters`` only.
        """
        import json
        from hashlib import sha256

        parts = (
            self.damstra_conn_id,
            self.hook.settings.base_url,
            query.resource.name,
            query.filters,
            query.parent_filters,
            *more,
            *([query.hidden.fingerprint] if query.hidden else ()),
        )
        return sha256(json.dumps(parts, default=str, sort_keys=True).encode()).hexdigest()

    def report_failed_parents(self, reader: ResourceReader) -> dict[str, Any]:
        """Log the first parents that were left out, and return them for the result.

        :return: ``failed_parents``, error messages by id, unless that is excluded, and
            ``failed_parent_count``.
        """
        first = [_shown_failure(reader, *one) for one in islice(reader.failed.items(), FAILED_PARENTS_SHOWN)]
        log_left_out(self.log, reader.query.resource.parent_argument, first, count=len(reader.failed))
        failed = {parent_id: why for parent_id, why in first if parent_id != _HIDDEN}
        return {"failed_parents": failed, "failed_parent_count": len(reader.failed)}


def log_left_out(log: Any, name: str, first: Sequence[tuple[str, str]], *, count: int) -> None:
    """Log the first of what was left out, each with the reason, and the number of the others.

    :param name: what was left out, such as ``user_id``.
    :param count: the number of all.
    """
    for one, why in first:
        log.warning("%s %s was left out: %s", name, one, why)
    if count > len(first):
        log.warning("%d more were left out.", count - len(first))


def _shown_failure(reader: ResourceReader, parent_id: int, why: str) -> tuple[str, str]:
    """Return a parent's id as rows contain it, and why it failed, where the request names the id, too."""
    import re

    written = reader.query.written_parent_id(parent_id)
    shown = _HIDDEN if written is None else str(written)
    return shown, re.sub(rf"\b{parent_id}\b", shown, why)


def validate_file_options(file_format: Any, compression: Any, *, safe_for_spreadsheets: Any) -> None:
    """Validate at parse time how rows are written to a file.

    :raises ValueError: if an argument has an invalid value, or no effect.
    """
    validate_choice("file_format", file_format, "jsonl", "csv", "parquet")
    validate_choice("compression", compression, "gzip", "zstd", None)
    validate_booleans(safe_for_spreadsheets=safe_for_spreadsheets)
    if safe_for_spreadsheets and file_format != "csv":
        raise ValueError(f"safe_for_spreadsheets is for file_format 'csv', not {file_format!r}")


def open_reader(
    hook: DamstraHook, resource: str, *, max_concurrency: int | None = None, **selection: Any
) -> ResourceReader:
    """Return the reader of a resource, a context manager, that reads each row once.

    :param resource: a key of ``RESOURCES``.
    :param max_concurrency: concurrent requests; default the connection's.
    :param selection: other arguments of ``ResourceQuery``.
    """
    from airflow_provider_damstra.exports.resources import RESOURCES, ResourceQuery

    settings = hook.settings
    query = ResourceQuery(
        resource=RESOURCES[resource],
        max_concurrency=max_concurrency or settings.max_concurrency,
        deduplicates=True,
        **selection,
    )
    return _create_reader(query, settings)


def _create_reader(query: ResourceQuery, settings: ClientSettings) -> ResourceReader:
    """Return the reader of a query, a context manager, whose requests are counted in Airflow's metrics."""
    from airflow_provider_damstra.clients.async_client import AsyncClient
    from airflow_provider_damstra.exports.reader import ResourceReader
    from airflow_provider_damstra.hooks.metrics import count_request

    # Pages of one row could not overlap.
    limits = {"max_concurrency": query.max_concurrency, "page_size": max(settings.page_size, 2)}
    client_settings = settings.model_copy(update=limits)
    return ResourceReader(query, lambda: AsyncClient(client_settings, observe=count_request))

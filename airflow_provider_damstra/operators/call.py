"""Operator for any operation of the API."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Unpack, cast

from airflow_provider_damstra.operators.base import FILE_XCOM_KEYS, DamstraOperator
from airflow_provider_damstra.validation import parse_mapping, validate_booleans, validate_no_password

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_damstra.arguments import Fields, OperatorArguments, Text
    from airflow_provider_damstra.endpoints.base import Endpoint
    from airflow_provider_damstra.exports.reader import Rows


class DamstraCallOperator(DamstraOperator):
    """Call one operation and return its result as JSON.

    Calls the operation that ``endpoint`` names. The operator cannot look up the current state first: use the
    operator of the resource where there is one. On Airflow 3.3 a retry does not repeat a POST that an earlier
    try sent without receiving the response: it fails with a message about it, and clearing the task sends the
    request. Below 3.3 a retry sends it again.

    :param endpoint: name of a class in ``airflow_provider_damstra.endpoints``, such as ``GetUser``
        (templated).
    :param arguments: its fields, by snake_case or API names (templated).
    :param path: path or URL, on any object storage, of a file to write the result to as JSON lines; the rows
        of a listing are written unchanged (templated).
    :param return_in_clear: accept an operation whose result is a secret; users with access to XComs can read
        it.
    :return: an object, a list of objects or ids, a string, or None; with ``path`` the file's ``path``,
        ``rows`` and ``sha256``, which are XComs of their own, too.
    :raises DamstraConflictError: if the outcome of an earlier try is unknown.
    """

    xcom_keys = FILE_XCOM_KEYS
    template_fields = ("endpoint", "arguments", "path", "damstra_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"arguments": "json"}

    def __init__(
        self,
        *,
        endpoint: Text,
        arguments: Fields | None = None,
        path: Text | None = None,
        return_in_clear: bool = False,
        **kwargs: Unpack[OperatorArguments],
    ) -> None:
        super().__init__(**kwargs)
        validate_no_password(arguments)
        validate_booleans(return_in_clear=return_in_clear)
        self.endpoint = cast("str", endpoint)
        self.arguments = arguments
        self.path = cast("str | None", path)
        self.return_in_clear = return_in_clear

    def _execute(self, context: Context) -> Any:
        from airflow_provider_damstra.services.raw_call import (
            call_as_json,
            create_endpoint,
            validate_not_sent,
        )

        arguments = parse_mapping("arguments", self.arguments or {})
        validate_no_password(arguments)
        endpoint = create_endpoint(self.endpoint, arguments, allow_secret=self.return_in_clear)
        self.validate_paths("path")
        if not endpoint.request().is_idempotent:
            validate_not_sent(self.client, endpoint)
        if self.path is None:
            result = call_as_json(self.client, endpoint)
        else:
            result = self.write_json_lines(self._read_pages(endpoint), self.path)
        if endpoint.request().is_write:
            # The outcome is known: a cleared task sends the request again.
            self.client.intents.clear()
        return result

    def _read_pages(self, endpoint: Endpoint[Any]) -> Iterable[Rows]:
        """Return the result as lines of JSON; a listing page by page."""
        from airflow_provider_damstra.clients.raw_pages import RawReader
        from airflow_provider_damstra.endpoints.base import ListEndpoint
        from airflow_provider_damstra.services.raw_call import call_as_json_lines

        if isinstance(endpoint, ListEndpoint):
            pages: Iterable[Rows] = self.hook.get_conn().pages(endpoint, reader=RawReader())
            return pages
        return [[*call_as_json_lines(self.client, endpoint)]]

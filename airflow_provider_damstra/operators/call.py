"""The operator for every operation that has none of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_damstra.operators.base import DamstraOperator
from airflow_provider_damstra.validation import parse_mapping, validate_booleans, validate_no_password

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow.sdk import Context

    from airflow_provider_damstra.endpoints.base import Endpoint
    from airflow_provider_damstra.exports.reader import Rows


class DamstraCallOperator(DamstraOperator):
    """Make one call and return its answer as JSON: an object, a list, ids, or None.

    It does what it is told and no more: where an operator of its own looks before it creates, this one
    cannot. On Airflow 3.3 a retry does not send again what an attempt before it sent, and whose answer was
    lost, but fails and says so. Calls the operation that is named.

    :param endpoint: name of a class in ``airflow_provider_damstra.endpoints``, such as ``GetUser``
        (templated).
    :param arguments: its fields, in snake_case or as the API spells them (templated).
    :param path: write a listing as JSON lines, each row as it came, to this path or URL on any object
        storage, and return its ``path``, ``rows`` and ``sha256`` instead (templated).
    :param return_in_clear: True to return an answer that is a secret, readable to all who may see XComs.
    """

    template_fields = ("endpoint", "arguments", "path", "damstra_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"arguments": "json"}

    def __init__(
        self,
        *,
        endpoint: str,
        arguments: Mapping[str, Any] | None = None,
        path: str | None = None,
        return_in_clear: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        validate_no_password(arguments)
        validate_booleans(return_in_clear=return_in_clear)
        self.endpoint = endpoint
        self.arguments = arguments
        self.path = path
        self.return_in_clear = return_in_clear

    def _execute(self, context: Context) -> Any:
        """Return the answer, fit for XCom."""
        from airflow_provider_damstra.services.raw_call import named_endpoint, refuse_to_repeat
        from airflow_provider_damstra.storage import validate_writable_path

        arguments = parse_mapping("arguments", self.arguments or {})
        validate_no_password(arguments)
        call = named_endpoint(self.endpoint, arguments, secret_in_clear=self.return_in_clear)
        if self.path is not None:
            validate_writable_path("path", self.path, task_try=self.task_try)
        if call.request().is_idempotent:
            return self._answer(call)
        refuse_to_repeat(self.client, call)
        answer = self._answer(call)
        # It is known what became of it: who clears the task wants it once more.
        self.client.forget()
        return answer

    def _answer(self, call: Endpoint[Any]) -> Any:
        from airflow_provider_damstra.services.raw_call import json_answer

        if self.path is None:
            return json_answer(self.client, call)
        return self.deliver_lines(self._pages(call), self.path)

    def _pages(self, call: Endpoint[Any]) -> Iterable[Rows]:
        """Return the answer as lines of JSON, of a listing page after page as it came."""
        from airflow_provider_damstra.clients.raw_pages import RawReader
        from airflow_provider_damstra.endpoints.base import ListEndpoint
        from airflow_provider_damstra.services.raw_call import json_lines

        if isinstance(call, ListEndpoint):
            pages: Iterable[Rows] = self.hook.get_conn().pages(call, reader=RawReader())
            return pages
        return [[*json_lines(self.client, call)]]

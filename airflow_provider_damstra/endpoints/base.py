"""The base classes of API calls. A call is a value: building its request and reading its response is pure.

The synchronous client sends an ``Endpoint``, the asynchronous client sends it, a trigger stores it and the
emulator routes on it; none of that is known here.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, TypeVar, cast, get_origin

from pydantic import BaseModel, ConfigDict, FailFast, TypeAdapter, ValidationError

from airflow_provider_damstra.errors import error_from_response, invalid_response, mentions_error
from airflow_provider_damstra.http import Request
from airflow_provider_damstra.json_repair import decode_leniently
from airflow_provider_damstra.models.base import API_NAMES, Model, Page
from airflow_provider_damstra.validation_errors import format_validation_error

if TYPE_CHECKING:
    from airflow_provider_damstra.http import Response

Result = TypeVar("Result")
Row = TypeVar("Row", bound=Model)


IN_QUERY = "in query"
"""Annotation of a field that is sent in the query although the method has a body."""


class RequestModel(BaseModel):
    """Arguments of a call: immutable, by snake_case or by the API's own names; unknown names are errors.

    Values are not part of validation errors: one of them may be a password.
    """

    model_config = ConfigDict(
        alias_generator=API_NAMES,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    def serialize(self) -> dict[str, Any]:
        """Return the fields by their API names, ready for JSON; an optional one that is None is left out."""
        serialized = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        fields = type(self).model_fields.values()
        required = {info.serialization_alias or "": None for info in fields if info.is_required()}
        return required | serialized


class Endpoint(RequestModel, Generic[Result]):
    """One operation of the API with its arguments.

    A subclass declares method, path and result: ``class GetUser(Endpoint[User], path="/user/{user_id}")``.
    Fields named in the path are sent there; the others in the query of a GET, and in the JSON body otherwise.

    ``fallback_method`` is the method of servers that lack the documented one. ``response_is_secret`` keeps
    the response out of logs and errors.
    """

    method: ClassVar[str]
    path: ClassVar[str]
    fallback_method: ClassVar[str | None] = None
    response_is_secret: ClassVar[bool] = False

    def __init_subclass__(cls, *, method: str = "GET", path: str = "", **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if path:
            cls.method, cls.path = method, path

    @classmethod
    @cache
    def result_type(cls) -> Any:
        """Return the type named in brackets: ``User`` for ``Endpoint[User]``."""
        for base in cls.__mro__:
            arguments = base.__dict__.get("__pydantic_generic_metadata__", {}).get("args", ())
            if arguments:
                return arguments[0]
        raise TypeError(f"{cls.__name__} does not name the type of its result")

    @classmethod
    def field_locations(cls) -> dict[str, str]:
        """Return where each field is sent: ``path``, ``query`` or ``body``."""
        default = "query" if cls.method == "GET" else "body"
        return {
            name: "path" if f"{{{name}}}" in cls.path else "query" if IN_QUERY in info.metadata else default
            for name, info in cls.model_fields.items()
        }

    def request(self, *, method: str | None = None) -> Request:
        """Return the HTTP request for this call.

        :param method: replaces the documented method, for a server that needs ``fallback_method``.
        """
        locations, values = self.field_locations(), self.serialize()
        parts: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "body": {}}
        for name, info in type(self).model_fields.items():
            alias = info.serialization_alias or name
            if alias in values:
                parts[locations[name]][name if locations[name] == "path" else alias] = values[alias]
        return Request(
            operation=type(self).__name__,
            method=method or self.method,
            path=self.path.format(**parts["path"]),
            query=tuple((name, str(value)) for name, value in parts["query"].items()),
            body=self.build_body(parts["body"]) if "body" in locations.values() else None,
            response_is_secret=self.response_is_secret,
        )

    def build_body(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Return the JSON body. ``UpdateUser`` overrides it: it repeats its id there."""
        return fields

    def read(self, request: Request, response: Response) -> Result:
        """Return the result of the call.

        :param request: the request that was sent, for error messages.
        :raises DamstraError: if the response is an error or cannot be read.
        """
        error = error_from_response(request, response)
        if error:
            raise error
        return self.parse_result(request, response)

    def parse_result(self, request: Request, response: Response) -> Result:
        """Return the body of a successful response as the declared type."""
        return cast("Result", parse_json(self.result_type(), request, response))


class NoContentEndpoint(Endpoint[None]):
    """An operation without a result: the body of a successful response is not read."""

    def parse_result(self, request: Request, response: Response) -> None:
        """Return None.

        :raises DamstraResponseError: for a web page, which a proxy or a login page sent instead of the API,
            and for an error body that cannot be read.
        """
        if response.is_html:
            raise invalid_response(request, response, "it is a web page")
        if mentions_error(response):
            parse_json(Any, request, response)


class ListEndpoint(Endpoint[Page[Row]], Generic[Row]):
    """A paginated listing of rows. The clients send one request per page (``iterate``).

    ``has_documented_paging`` is False for a listing that may not be paginated: its first request has no
    paging parameters, and a server may ignore those of the others.
    """

    has_documented_paging: ClassVar[bool] = True

    @classmethod
    @cache
    def result_type(cls) -> Any:
        """Return the type of a page: ``Page[User]`` for ``ListEndpoint[User]``."""
        return Page[cls.row_type()]  # type: ignore[misc]

    @classmethod
    def row_type(cls) -> Any:
        """Return the type of a row: ``User`` for ``ListEndpoint[User]``."""
        return super().result_type()

    def read_as(self, row: type[Model], request: Request, response: Response) -> Page[Any]:
        """Return a page with rows of another type than the declared one, such as one with fewer fields.

        :raises DamstraError: if the response is an error or cannot be read.
        """
        error = error_from_response(request, response)
        if error:
            raise error
        return cast("Page[Any]", parse_json(Page[row], request, response))  # type: ignore[valid-type]

    def page_request(self, *, start: int, size: int) -> Request:
        """Return the request for the rows from index ``start`` on, at most ``size`` rows."""
        request = self.request()
        if start == 0 and not self.has_documented_paging:
            return request
        return replace(request, query=(*request.query, ("startIndex", str(start)), ("maxResults", str(size))))


def parse_json(kind: Any, request: Request, response: Response) -> Any:
    """Return the JSON body as a type that pydantic can validate.

    :raises DamstraResponseError: naming the fields that are invalid.
    """
    try:
        return decode_leniently(_adapter(kind).validate_json, response.body)
    except ValidationError as error:
        reason = format_validation_error(error)
    # Raised outside the except block: as __context__, pydantic's error would show the response.
    raise invalid_response(request, response, reason)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    # As in NullableList.
    return TypeAdapter(Annotated[kind, FailFast()] if get_origin(kind) is list else kind)

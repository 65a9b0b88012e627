"""What every call has in common: an API call is a value, its request and its reading are pure functions."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from airflow_provider_damstra.errors import DamstraResponseError, error_from, quote
from airflow_provider_damstra.http import Request, Response
from airflow_provider_damstra.models.base import Model, Page
from airflow_provider_damstra.models.lenient import problems_of

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Answer = TypeVar("Answer")
Row = TypeVar("Row", bound=Model)


class _InQuery:
    """Marks a field that goes to the query although the method has a body."""


IN_QUERY = _InQuery()


class RequestModel(BaseModel):
    """What a caller hands over: snake_case or the API's own names, nothing unknown, immutable.

    Values are not part of validation errors: one of them may be a password.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    def wire(self) -> dict[str, Any]:
        """Return the members as they go on the wire; an optional one that is None is left out."""
        wire = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        fields = type(self).model_fields.values()
        required = {info.serialization_alias or "": None for info in fields if info.is_required()}
        return required | wire


class Endpoint(RequestModel, Generic[Answer]):
    """One operation of the API with its arguments.

    A subclass names method, path and answer once: ``class GetUser(Endpoint[User], path="/user/{user_id}")``.
    Fields in the path go there; the others go to the query of a GET and to the JSON body of the rest.

    ``fallback_method`` is what some servers have instead of the method; ``answer_is_secret`` keeps an answer
    out of logs.
    """

    method: ClassVar[str]
    path: ClassVar[str]
    fallback_method: ClassVar[str | None] = None
    answer_is_secret: ClassVar[bool] = False

    def __init_subclass__(cls, *, method: str = "GET", path: str = "", **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if path:
            cls.method, cls.path = method, path

    @classmethod
    @cache
    def answer_type(cls) -> Any:
        """Return the type named in brackets: ``User`` for ``Endpoint[User]``."""
        for base in cls.__mro__:
            arguments = base.__dict__.get("__pydantic_generic_metadata__", {}).get("args", ())
            if arguments:
                return arguments[0]
        raise TypeError(f"{cls.__name__} does not name its answer")

    @classmethod
    def places(cls) -> dict[str, str]:
        """Return for each field where it goes: ``path``, ``query`` or ``body``."""
        return {name: cls._place(name) for name in cls.model_fields}

    @classmethod
    def _place(cls, name: str) -> str:
        if f"{{{name}}}" in cls.path:
            return "path"
        return "query" if cls.method == "GET" or IN_QUERY in cls.model_fields[name].metadata else "body"

    def request(self, *, method: str | None = None) -> Request:
        """Return the request for this call.

        :param method: another method than the documented one, for a server that has the other.
        """
        places = self.places()
        wire = self.wire()
        names = {name: info.serialization_alias or name for name, info in type(self).model_fields.items()}
        parts: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "body": {}}
        for name, place in places.items():
            if names[name] in wire:
                parts[place][name if place == "path" else names[name]] = wire[names[name]]
        return Request(
            operation=type(self).__name__,
            method=method or self.method,
            path=self.path.format(**parts["path"]),
            query=tuple((name, str(value)) for name, value in parts["query"].items()),
            body=self.body(parts["body"]) if "body" in places.values() else None,
            answer_is_secret=self.answer_is_secret,
        )

    def body(self, members: dict[str, Any]) -> dict[str, Any]:
        """Return the JSON body; for the operation that repeats its id there."""
        return members

    def read(self, request: Request, response: Response) -> Answer:
        """Return what the answer says.

        :raises DamstraError: if the answer is an error, or cannot be read.
        """
        error = error_from(request, response)
        if error:
            raise error
        return self.answer(request, response)

    def answer(self, request: Request, response: Response) -> Answer:
        """Return the body of a success as the declared type."""
        return cast("Answer", parse(_adapter(self.answer_type()), request, response))


class NoContentEndpoint(Endpoint[None]):
    """An operation that answers nothing: whatever the body of a success says, it is not read."""

    def answer(self, request: Request, response: Response) -> None:
        """Return None, unless a web page came: then something else answered in Damstra's place."""
        if response.is_html:
            raise invalid_response(request, response, "it is a web page")


class ListEndpoint(Endpoint[Page[Row]], Generic[Row]):
    """A listing. Callers iterate over its rows; pages are the client's business."""

    sends_paging_at_first: ClassVar[bool] = True

    @classmethod
    @cache
    def answer_type(cls) -> Any:
        """Return the type of a page: ``Page[User]`` for ``ListEndpoint[User]``."""
        return Page[cls.row_type()]  # type: ignore[misc]

    @classmethod
    def row_type(cls) -> Any:
        """Return the type of a row: ``User`` for ``ListEndpoint[User]``."""
        return super().answer_type()

    def read_short(self, row: type[Model], request: Request, response: Response) -> Page[Any]:
        """Return a page with rows of another, shorter type than the declared one.

        :raises DamstraError: if the answer is an error, or cannot be read.
        """
        error = error_from(request, response)
        if error:
            raise error
        return cast("Page[Any]", parse(_adapter(Page[row]), request, response))  # type: ignore[valid-type]

    def page_request(self, *, start: int, size: int) -> Request:
        """Return the request for the rows from ``start`` on, at most ``size``."""
        request = self.request()
        if start == 0 and not self.sends_paging_at_first:
            return request
        return replace(request, query=(*request.query, ("startIndex", str(start)), ("maxResults", str(size))))


_NOT_A_NUMBER = ", not a number"
_IF_RENDERED = (
    ". If it is a template: render_template_as_native_obj makes numbers of texts, and quotes keep them: "
    "\"'{{ ... }}'\""
)


def parse(adapter: TypeAdapter[Any], request: Request, response: Response) -> Any:
    """Return the JSON body as the adapter's type.

    :raises DamstraResponseError: naming the members that do not fit.
    """
    try:
        return adapter.validate_json(response.body)
    except ValidationError as error:
        why = refusal(error)
    # Out here, so that the error does not carry pydantic's, which shows what came.
    raise invalid_response(request, response, why)


def refusal(error: ValidationError) -> str:
    """Return in one line which members do not fit and why."""
    problems = [
        f"{'.'.join(map(str, one['loc'])) or 'the whole'}: {_what_is_wrong(one)}"
        for one in problems_of(error)
    ]
    more = f"; and {len(problems) - 10} more" if len(problems) > 10 else ""
    return "; ".join(problems[:10]) + more


def format_argument_error(error: ValidationError) -> str:
    """Return the same for whoever wrote the arguments in a DAG."""
    why = refusal(error)
    return why + _IF_RENDERED if _NOT_A_NUMBER in why else why


def _what_is_wrong(problem: ErrorDetails) -> str:
    """Return it without the value, which may be a secret."""
    text = problem["msg"].removeprefix("Value error, ")
    is_number = isinstance(problem["input"], (int, float)) and not isinstance(problem["input"], bool)
    return text + _NOT_A_NUMBER if is_number and problem["type"] == "string_type" else text


def invalid_response(request: Request, response: Response, why: str) -> DamstraResponseError:
    """Return the error for a success that cannot be read."""
    said = "it is not shown, for it holds a secret" if request.answer_is_secret else quote(response)
    return DamstraResponseError(
        f"{request} answered HTTP {response.status}, but the answer cannot be read ({why}): {said}",
        request=request,
        status=response.status,
        # As pydantic and msgspec say it.
        is_truncated="EOF while parsing" in why or "truncated" in why,
    )


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)

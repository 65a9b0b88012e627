"""Parse and validate requests: endpoint classes declare what is accepted, anything else is a 400."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from airflow_provider_damstra.emulator.api_errors import ApiError, bad_request
from airflow_provider_damstra.emulator.rendering import JSON
from airflow_provider_damstra.emulator.unit_of_work import DEFAULT_PAGE_SIZE, PageParams
from airflow_provider_damstra.endpoints.base import Endpoint, ListEndpoint
from airflow_provider_damstra.validation_errors import format_validation_error

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams
    from starlette.requests import Request

Call = TypeVar("Call", bound=Endpoint[Any])

_WHOLE_NUMBER = re.compile(r"\d{1,18}", re.ASCII)
_JSON_TYPES = {bool: "boolean", int: "number", float: "number", str: "string", list: "list", dict: "object"}


def parse_request(
    endpoint: type[Call], request: Request, raw_body: bytes, *, page_cap: int
) -> tuple[Call, PageParams]:
    """Return the call that path, query and body make, and the requested page.

    :raises ApiError: 400, naming what is unknown, missing or invalid; 415 if the body is not JSON.
    """
    query = _parse_query(request.query_params)
    page_params = PageParams()
    if issubclass(endpoint, ListEndpoint):
        page_params = _pop_page_params(query, cap=page_cap)
    body = _parse_body(raw_body, request.headers.get("content-type", ""))
    _validate_query_names(endpoint, query)
    aliases = {name: field.serialization_alias or name for name, field in endpoint.model_fields.items()}
    path = {aliases[name]: value for name, value in request.path_params.items()}
    try:
        call = endpoint.model_validate({**query, **body, **path})
    except ValidationError as error:
        raise bad_request(format_validation_error(error)) from None
    # The endpoint class accepts more than the API, such as 14 for "14", or a string for an id.
    problems = _differences(body, call.request().body or {}, "")
    if problems:
        raise bad_request("; ".join(problems))
    return call, page_params


def _parse_query(params: QueryParams) -> dict[str, str]:
    names = [name for name, _ in params.multi_items()]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise bad_request(f"query parameter given more than once: {', '.join(repeated)}")
    return dict(params)


def _pop_page_params(query: dict[str, str], *, cap: int) -> PageParams:
    """Remove ``startIndex`` and ``maxResults`` from the query; 0 rows mean the default page size."""
    texts = {name: query.pop(name) for name in ("startIndex", "maxResults") if name in query}
    for name, text in texts.items():
        if not _WHOLE_NUMBER.fullmatch(text):
            raise bad_request(f"{name}: {text!r} is not a whole number of at least 0")
    size = int(texts.get("maxResults", 0)) or DEFAULT_PAGE_SIZE
    return PageParams(start=int(texts.get("startIndex", 0)), size=min(size, cap))


def _parse_body(raw: bytes, content_type: str) -> dict[str, Any]:
    """Return a JSON object; an empty body is an empty object."""
    if not raw:
        return {}
    if content_type.partition(";")[0].strip().lower() != JSON:
        found = f", not {content_type}" if content_type else ""
        message = f"the Content-Type of the body must be application/json{found}"
        raise ApiError(415, {"message": message, "error": "Unsupported Media Type", "statusCode": 415})
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise bad_request("the body is not JSON") from None
    if not isinstance(body, dict):
        raise bad_request("the body is not a JSON object")
    return body


def _validate_query_names(endpoint: type[Endpoint[Any]], query: dict[str, str]) -> None:
    known = {
        endpoint.model_fields[name].serialization_alias or name
        for name, location in endpoint.field_locations().items()
        if location == "query"
    }
    unknown = sorted(query.keys() - known)
    if unknown:
        raise bad_request(f"unknown query parameter: {', '.join(unknown)}")


def _differences(received: Any, documented: Any, prefix: str) -> list[str]:
    """Return where a body differs in fields and types from the one that an endpoint's client would send."""
    if isinstance(received, dict) and isinstance(documented, dict):
        return [
            problem
            for name in (*received, *(documented.keys() - received.keys()))
            for problem in _field_differences(name, received, documented, prefix)
        ]
    if isinstance(received, list) and isinstance(documented, list):
        pairs = enumerate(zip(received, documented, strict=True))
        return [problem for index, pair in pairs for problem in _differences(*pair, f"{prefix}{index}.")]
    if _json_type(received) == _json_type(documented):
        return []
    return [f"{prefix[:-1]}: must be a {_json_type(documented)}, not a {_json_type(received)}"]


def _field_differences(
    name: str, received: dict[str, Any], documented: dict[str, Any], prefix: str
) -> list[str]:
    if name in received and name in documented:
        return _differences(received[name], documented[name], f"{prefix}{name}.")
    if name in documented:
        return [] if documented[name] is None else [f"{prefix}{name}: Field required"]
    if received[name] is None:
        return [f"{prefix}{name}: must not be null"]
    return [f"unknown body member: {prefix}{name}"]


def _json_type(value: Any) -> str:
    return _JSON_TYPES.get(type(value), "null")

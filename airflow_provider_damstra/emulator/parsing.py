"""From an HTTP request to a call: the endpoint's class says what it holds, anything else is refused."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl

from pydantic import ValidationError

from airflow_provider_damstra.emulator.api_errors import bad_request, unsupported_media_type
from airflow_provider_damstra.emulator.rendering import JSON
from airflow_provider_damstra.emulator.unit_of_work import DEFAULT_PAGE_SIZE, Window
from airflow_provider_damstra.endpoints.base import Endpoint, ListEndpoint
from airflow_provider_damstra.validation_errors import format_validation_error

if TYPE_CHECKING:
    from collections.abc import Mapping

Call = TypeVar("Call", bound=Endpoint[Any])

PAGING = ("startIndex", "maxResults")
_WHOLE_NUMBER = re.compile(r"\d{1,18}", re.ASCII)


def parse_call(
    endpoint: type[Call], path: dict[str, str], query: dict[str, str], body: dict[str, Any]
) -> Call:
    """Return the call that path, query and body make.

    :raises Refusal: naming what is unknown, missing or invalid.
    """
    _refuse_unknown("query parameter", query, _names(endpoint, "query"))
    try:
        call = endpoint.model_validate({**query, **body, **_by_alias(endpoint, path)})
    except ValidationError as error:
        raise bad_request(format_validation_error(error)) from None
    _refuse_another_form(body, call.request().body or {})
    return call


def parse_query(endpoint: type[Endpoint[Any]], text: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the query's parameters, those of the call and those of paging.

    :raises Refusal: if a parameter is given twice.
    """
    pairs = parse_qsl(text, keep_blank_values=True)
    query = dict(pairs)
    if len(query) < len(pairs):
        twice = sorted({name for name, _ in pairs if [one for one, _ in pairs].count(name) > 1})
        raise bad_request(f"query parameter given more than once: {', '.join(twice)}")
    paging = PAGING if issubclass(endpoint, ListEndpoint) else ()
    own = {name: value for name, value in query.items() if name not in paging}
    return own, {name: value for name, value in query.items() if name in paging}


def parse_window(paging: dict[str, str], cap: int) -> Window:
    """Return the rows that ``startIndex`` and ``maxResults`` ask for; 0 rows are as many as without saying.

    :raises Refusal: naming the one that is not a whole number, or is negative.
    """
    for name, text in paging.items():
        if not _WHOLE_NUMBER.fullmatch(text):
            raise bad_request(f"{name}: {text!r} is not a whole number of at least 0")
    size = int(paging.get("maxResults", 0)) or DEFAULT_PAGE_SIZE
    return Window(start=int(paging.get("startIndex", 0)), size=min(size, cap))


def parse_body(raw: bytes, content_type: str) -> dict[str, Any]:
    """Return the members of a JSON body; an empty body has none.

    :raises Refusal: if it is not a JSON object.
    """
    if not raw:
        return {}
    if content_type.partition(";")[0].strip().lower() != JSON:
        raise unsupported_media_type(content_type)
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise bad_request("the body is not JSON") from None
    if not isinstance(body, dict):
        raise bad_request("the body is not a JSON object")
    return body


def _by_alias(endpoint: type[Endpoint[Any]], path: dict[str, str]) -> dict[str, str]:
    return {endpoint.model_fields[name].serialization_alias or name: value for name, value in path.items()}


def _names(endpoint: type[Endpoint[Any]], wanted: str) -> set[str]:
    fields = endpoint.model_fields
    return {
        fields[name].alias or name for name, place in endpoint.field_locations().items() if place == wanted
    }


def _refuse_unknown(kind: str, given: dict[str, Any], known: set[str]) -> None:
    unknown = sorted(given.keys() - known)
    if unknown:
        raise bad_request(f"unknown {kind}: {', '.join(unknown)}")


def _refuse_another_form(sent: Mapping[str, Any], rendered: Mapping[str, Any]) -> None:
    """Refuse what the call's class reads, but the API does not: 14 for "14", a text for an id."""
    problems = _differences(sent, rendered, "")
    if problems:
        raise bad_request("; ".join(problems))


def _differences(sent: Any, rendered: Any, name: str) -> list[str]:
    """Return in what a value differs in its form from the same as a client would send it."""
    if isinstance(sent, dict) and isinstance(rendered, dict):
        return [
            problem
            for member in (*sent, *(rendered.keys() - sent.keys()))
            for problem in _differences_of_member(member, sent, rendered, name)
        ]
    if isinstance(sent, list) and isinstance(rendered, list):
        pairs = enumerate(zip(sent, rendered, strict=True))
        return [problem for index, pair in pairs for problem in _differences(*pair, f"{name}{index}.")]
    if _kind(sent) == _kind(rendered):
        return []
    return [f"{name[:-1]}: must be a {_kind(rendered)}, not a {_kind(sent)}"]


def _differences_of_member(
    member: str, sent: dict[str, Any], rendered: dict[str, Any], name: str
) -> list[str]:
    if member in sent and member in rendered:
        return _differences(sent[member], rendered[member], f"{name}{member}.")
    if member in rendered:
        return [] if rendered[member] is None else [f"{name}{member}: Field required"]
    if sent[member] is None:
        return [f"{name}{member}: must not be null"]
    return [f"unknown body member: {name}{member}"]


def _kind(value: Any) -> str:
    kinds = {bool: "boolean", int: "number", float: "number", str: "text", list: "list", dict: "object"}
    return kinds.get(type(value), "null")

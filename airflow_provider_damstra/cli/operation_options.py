"""Options of an API operation: one for each field of its endpoint, and the values that they give."""

from __future__ import annotations

import ast
import inspect
import json
import sys
import textwrap
from collections.abc import Iterator
from enum import Enum, IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import BaseModel, SecretStr
from rich.markup import escape

from airflow_provider_damstra.cli.definitions.base import OPTION_HELP_WIDTH
from airflow_provider_damstra.cli.execution import UsageError
from airflow_provider_damstra.cli.files import STANDARD_STREAM

if TYPE_CHECKING:
    import argparse

    from airflow_provider_damstra.endpoints.base import Endpoint


def add_field_options(parser: argparse.ArgumentParser, endpoint: type[Endpoint[Any]]) -> None:
    """Add an option for each field of an endpoint, such as ``--user-id`` for ``user_id``.

    A secret is read from a file: as an argument, other users of the machine could see it in the list of
    processes, and Airflow would log it.
    """
    descriptions = _field_docstrings(endpoint)
    group = parser.add_argument_group("arguments of the operation")
    for name, info in endpoint.model_fields.items():
        types = list(_types_in(info.annotation))
        is_secret = SecretStr in types
        group.add_argument(
            f"--{name.replace('_', '-')}{'-file' if is_secret else ''}",
            dest=name,
            metavar=_metavar(types),
            required=info.is_required(),
            help=_format_help(f"{descriptions.get(name, '')} {_hint(types)}".strip()),
        )


def field_values(endpoint: type[Endpoint[Any]], namespace: argparse.Namespace) -> dict[str, Any]:
    """Return the values of the options that were given, for the endpoint to validate.

    :raises UsageError: if a file cannot be read, a value is not JSON, or null is not sent for a field.
    """
    given = {name: getattr(namespace, name) for name in endpoint.model_fields}
    locations = endpoint.field_locations()
    values: dict[str, Any] = {}
    for name, text in given.items():
        if text is not None:
            info = endpoint.model_fields[name]
            types = list(_types_in(info.annotation))
            # A query has texts only, and a secret is the name of a file.
            takes_null = locations[name] == "body" and type(None) in types and SecretStr not in types
            if text == "null" and takes_null:
                _validate_null(name, is_required=info.is_required())
                values[name] = None
            else:
                values[name] = _to_value(name, text, types)
    return values


def _validate_null(name: str, *, is_required: bool) -> None:
    if not is_required:
        raise UsageError(f"{name}: null is not sent for an optional field; leave it out.")


def _to_value(name: str, text: str, types: list[Any]) -> Any:
    """Return the value of an option; texts that pydantic parses itself stay as they are."""
    if SecretStr in types:
        return _read_secret(name, text)
    if models := _models_in(types):
        value = _parse_json(name, _read_text(name, text[1:]) if text.startswith("@") else text)
        _validate_members(name, value, models[0])
        return value
    if enum := _int_enum_in(types):
        values = [_enum_value(part.strip(), enum) for part in text.split(",")]
        return values if tuple in types else values[0]
    return text


def _enum_value(text: str, enum: type[IntEnum]) -> int | str:
    """Return the number of a name or of digits; another text as it is, for the error message."""
    by_name = {member.name.lower(): member.value for member in enum}
    return int(text) if text.isdecimal() else by_name.get(text.lower().replace("-", "_"), text)


def _validate_members(name: str, value: Any, model: type[BaseModel]) -> None:
    """Check the objects of a list for members that are null, which would not be sent."""
    required = {
        key
        for field, info in model.model_fields.items()
        if info.is_required()
        for key in (field, info.serialization_alias)
    }
    items = value if isinstance(value, list) else []
    for item in items:
        for member, content in item.items() if isinstance(item, dict) else ():
            if content is None:
                _validate_null(f"{name}: {member}", is_required=member in required)


def _read_secret(name: str, path: str) -> str:
    """Return the first line of a file."""
    secret = _read_text(name, path).partition("\n")[0].rstrip("\r")
    if not secret:
        raise UsageError(f"{name}: the first line of {path} is empty; it is the value.")
    return secret


def _read_text(name: str, path: str) -> str:
    try:
        return sys.stdin.read() if path == STANDARD_STREAM else Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        reason = error.strerror
    except UnicodeDecodeError:
        reason = "it is not text in UTF-8"
    # Not raised in the except block: the error, which has the bytes of a secret, would be its context.
    raise UsageError(f"{name}: {path} cannot be read: {reason}.")


def _parse_json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise UsageError(f"{name} is not JSON: {error}.") from None


def _types_in(annotation: Any) -> Iterator[Any]:
    """Yield the classes that an annotation consists of, such as ``int`` and ``NoneType``."""
    origin = get_origin(annotation) or annotation
    if isinstance(origin, type):
        yield origin
    for argument in get_args(annotation):
        yield from _types_in(argument)


def _models_in(types: list[Any]) -> list[type[BaseModel]]:
    return [found for found in types if issubclass(found, BaseModel)]


def _int_enum_in(types: list[Any]) -> type[IntEnum] | None:
    return next((found for found in types if issubclass(found, IntEnum)), None)


def _metavar(types: list[Any]) -> str:
    if SecretStr in types:
        return "FILE"
    if _models_in(types):
        return "JSON"
    kinds = {bool: "true|false", int: "N", float: "N"}
    return next((kinds[kind] for kind in types if kind in kinds), "TEXT")


def _hint(types: list[Any]) -> str:
    """Return what values an option accepts, where its description does not say it."""
    if SecretStr in types:
        return f"Its first line is the value; {STANDARD_STREAM} is standard input."
    if models := _models_in(types):
        return f"A list of objects with {', '.join(models[0].model_fields)}; @FILE reads them from a file."
    enums = [found for found in types if issubclass(found, Enum)]
    names = [_name_of(member) for member in enums[0]] if enums else []
    several = " Several are separated by commas." if tuple in types else ""
    return (f"One of {', '.join(names)}." if names else "") + several


def _name_of(member: Enum) -> str:
    """Return the text that stands for a member on the command line."""
    return member.name.lower() if isinstance(member, IntEnum) else str(member.value)


def _format_help(text: str) -> str:
    """Return a help text for the parser and its formatter, which expand ``%`` and rich's markup."""
    return escape(textwrap.fill(text.replace("``", "").replace("%", "%%"), OPTION_HELP_WIDTH))


def _field_docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Return the docstrings below a model's fields, also of its base classes."""
    docstrings: dict[str, str] = {}
    for base in reversed(model.__mro__):
        is_ours = base.__module__.startswith(__name__.partition(".")[0])
        # A parametrised generic class, such as Endpoint[User], has no source.
        if is_ours and "[" not in base.__name__:
            definition = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
            docstrings |= _docstrings_in(definition)
    return docstrings


def _docstrings_in(definition: Any) -> dict[str, str]:
    found = {}
    for statement, following in zip(definition.body, definition.body[1:], strict=False):
        is_field = isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
        if is_field and isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            found[statement.target.id] = " ".join(str(following.value.value).split())
    return found

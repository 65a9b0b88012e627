"""Documents in YAML or JSON that people write: the line of each value, and all problems at once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from yaml.composer import Composer

from airflow_provider_damstra.text import join_first
from airflow_provider_damstra.validation_errors import error_details

MAX_BYTES = 1024 * 1024
"""The largest document that is read."""
MAX_VALUES = 200_000
"""The most keys and values of a document in which each alias is replaced by what it repeats."""

_CHARACTERS_OF_A_VALUE = 100
_YAML_INTEGER = "tag:yaml.org,2002:int"
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_ESCAPED_SURROGATE = re.compile(r"\\u[dD](?=[89a-fA-F][0-9a-fA-F]{2})")

Location = tuple[str | int, ...]
"""Keys and indexes that lead to a value, such as ``("requirements", 0, "lessons", 1)``."""

Document = TypeVar("Document", bound=BaseModel)


class Positions:
    """Where the values of a document are: paths, and lines if the document is a text.

    :param source: name of the document, such as the path of its file.
    :param lines: line of each value by its location, from 1.
    """

    def __init__(self, source: str, lines: Mapping[Location, int] | None = None) -> None:
        self.source = source
        self._lines = lines or {}

    def below(self, key: str) -> Positions:
        """Return the positions for a document that has the values of this one below a key."""
        return Positions(self.source, {(key, *location): line for location, line in self._lines.items()})

    def describe(self, location: Location) -> str:
        """Return a position such as ``requirements[0].valid_for (line 4)``; the line is the nearest known."""
        text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
        known = (location[:length] for length in range(len(location), 0, -1))
        line = next((self._lines[part] for part in known if part in self._lines), None)
        return text if line is None else f"{text} (line {line})"

    def error(self, problems: Sequence[str]) -> ValueError:
        """Return an error that names all problems, each of which begins with its position."""
        shown = join_first(problems, separator="\n  ")
        count = f"{len(problems)} problem{'' if len(problems) == 1 else 's'}"
        return ValueError(f"{self.source}: {count}:\n  {shown}")


def parse_document(content: str | bytes, *, source: str) -> tuple[Any, Positions]:
    """Return the value of a YAML or JSON text, and the lines of its values.

    :param source: name of the document, for messages.
    :raises ValueError: if it is too large, also because of its aliases; is not YAML or JSON; has a key twice,
        or a number that YAML changes.
    """
    text = _decode(content, source) if isinstance(content, bytes) else content
    if len(text) > MAX_BYTES:
        raise ValueError(f"{source}: it is larger than {MAX_BYTES // 1024} KiB")
    value = _parse_json(text)
    is_json = value is not None
    try:
        # YAML would read other escape sequences and numbers of a JSON text: it only provides the lines.
        parsed, lines = _parse_yaml(_json_as_yaml(text) if is_json else text, is_needed=not is_json)
    except _DocumentError as error:
        reason = str(error)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        reason = f"{where}it is not valid YAML or JSON: {error.problem or error.context}"
    except RecursionError:
        reason = "it is nested too deeply, or contains itself"
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, OverflowError) as error:
        # PyYAML raises various errors for a value that its tag does not allow, such as !!bool x.
        reason = f"it is not valid YAML or JSON: {type(error).__name__}: {error}"
    else:
        return value if is_json else parsed, Positions(source, lines)
    raise ValueError(f"{source}: {reason}")


def validate_document(
    model: type[Document],
    value: Any,
    positions: Positions,
    *,
    describe_keys: Callable[[Location], str],
    to_location: Callable[[Location], Location] = lambda location: location,
) -> Document:
    """Return a value as a model.

    :param describe_keys: returns which keys the mapping at a location has, such as ``a rule has name``.
    :param to_location: returns the location in the document for one in the model.
    :raises ValueError: naming every problem with its position.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problems = list(_problems(error, positions, describe_keys, to_location))
    # Not raised in the except block: pydantic's error, which is several pages long, would be its context.
    raise positions.error(problems)


def _decode(content: bytes, source: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
    raise ValueError(f"{source}: line {line}: it is not UTF-8")


def _parse_json(text: str) -> Any:
    """Return the value of a JSON text, or None if it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _json_as_yaml(text: str) -> str:
    """Return a JSON text so that YAML accepts it, with each value at the same place."""
    # YAML allows neither tabs between JSON's tokens (within its strings, JSON does not), nor surrogates.
    return _ESCAPED_SURROGATE.sub(r"\\ue", text.replace("\t", " "))


def _parse_yaml(text: str, *, is_needed: bool) -> tuple[Any, dict[Location, int]]:
    """Return the value of a text if it is needed, and the lines of its values."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None, {}
        reader = _NodeReader()
        reader.read(node, (), 1)
        return loader.construct_document(node) if is_needed else None, reader.lines
    finally:
        loader.dispose()


if yaml.__with_libyaml__:

    class _Loader(Composer, yaml.CSafeLoader):
        """Loader with the parser of libyaml, which is eight times as fast as that in Python.

        The composer is the one in Python: that of libyaml ends the process if lists are nested deeply.
        """

        def __init__(self, text: str) -> None:
            yaml.CSafeLoader.__init__(self, text)
            Composer.__init__(self)

else:
    _Loader = yaml.SafeLoader  # type: ignore[misc,assignment]


class _DocumentError(ValueError):
    """A problem of a document, with its line."""


class _NodeReader:
    """Reads the line of each value, and rejects documents whose value would differ from what they show.

    ``lines`` has the line of each value by its location.
    """

    def __init__(self) -> None:
        self.lines: dict[Location, int] = {}
        self._size = 0
        self._read: set[int] = set()

    def read(self, node: yaml.Node, location: Location, line: int) -> None:
        """Read a node and those below it; an alias repeats a node that has been read.

        :param line: the line of the node above it, which applies to what an alias repeats.
        :raises _DocumentError: if a key is there twice, YAML changes a number, or there are too many values.
        """
        is_repeated = id(node) in self._read
        self._read.add(id(node))
        line = line if is_repeated else node.start_mark.line + 1
        self._count(node, line)
        if not is_repeated:
            _check_number(node, line)
            # A value of a mapping gets the line of its key.
            self.lines.setdefault(location, line)
        if isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self.read(item, (*location, index), line)
        elif isinstance(node, yaml.MappingNode):
            self._read_mapping(node, location, line, is_repeated=is_repeated)

    def _read_mapping(
        self, node: yaml.MappingNode, location: Location, line: int, *, is_repeated: bool
    ) -> None:
        names: set[str] = set()
        for key, item in node.value:
            key_line = line if is_repeated else key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise _DocumentError(f"line {key_line}: a key must be a text, not a list or a mapping")
            self._count(key, key_line)
            if key.value in names:
                # One of the two values would be lost.
                raise _DocumentError(f"line {key_line}: {key.value} is there twice")
            names.add(key.value)
            if not is_repeated:
                self.lines[(*location, key.value)] = key_line
            self.read(item, (*location, key.value), key_line)

    def _count(self, node: yaml.Node, line: int) -> None:
        """Count a node, and a long text as several: a few aliases of aliases are millions of values."""
        self._size += 1
        if isinstance(node, yaml.ScalarNode):
            self._size += len(node.value) // _CHARACTERS_OF_A_VALUE
        if self._size > MAX_VALUES:
            text = f"with what its aliases repeat, it has more than {MAX_VALUES} keys and values"
            raise _DocumentError(f"line {line}: {text}")


def _check_number(node: yaml.Node, line: int) -> None:
    if node.tag == _YAML_INTEGER and not _DECIMAL.fullmatch(node.value):
        # To YAML, 0123 is 83, 12:30 is 750 and 1_000 is 1000: an employee number would become another user.
        raise _DocumentError(f"line {line}: put quotes around {node.value}: YAML reads another number")


def _problems(
    error: ValidationError,
    positions: Positions,
    describe_keys: Callable[[Location], str],
    to_location: Callable[[Location], Location],
) -> Iterator[str]:
    details = error_details(error)
    outer = {detail["loc"][:length] for detail in details for length in range(len(detail["loc"]))}
    for detail in details:
        location = detail["loc"]
        # A list with a bad item is reported as too short, too.
        if location in outer:
            continue
        reason = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            reason = f"there is no such key; {describe_keys(location[:-1])}"
        elif detail["type"] == "missing":
            reason = "it is missing"
        yield f"{positions.describe(to_location(location)) or 'the document'}: {reason}"

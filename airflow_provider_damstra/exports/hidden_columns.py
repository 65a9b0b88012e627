"""Columns that are left out of rows, or replaced by a keyed hash, before anything is written."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
from pydantic import AliasChoices, ConfigDict, create_model
from pydantic.alias_generators import to_camel

from airflow_provider_damstra.clients.raw_pages import DECODE_ERRORS
from airflow_provider_damstra.errors import DamstraResponseError
from airflow_provider_damstra.exports.schema import OTHER_MEMBERS, resource_columns
from airflow_provider_damstra.input_files.columns import nearest_name
from airflow_provider_damstra.json_repair import decode_leniently
from airflow_provider_damstra.models.base import Model

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from airflow_provider_damstra.clients.raw_pages import RawRow
    from airflow_provider_damstra.exports.reader import Rows
    from airflow_provider_damstra.exports.resources import Resource

_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NULL = msgspec.Raw(b"null")
_CHECKPOINT_DIGITS = 15
_INTEGER = re.compile(rb"-?[0-9]+")


class _ModelOfKnownMembers(Model):
    model_config = ConfigDict(extra="ignore")


class HiddenColumns:
    """Columns of a resource that are excluded or hashed.

    A hash is HMAC-SHA256 of the value's text (``value_text``) with a secret key, as 64 hexadecimal digits, so
    that equal values stay equal, also in other resources and exports. ``null`` stays ``null``.

    :param excluded: names of columns, or their API names; ``other_members`` are all members of a row that the
        resource has no column for.
    :param hashed: names of columns, or their API names.
    :param hash_key: the secret, needed to hash.
    :ivar resource: the resource with the columns that remain; those that are hashed contain text.
    :raises ValueError: if a name is unknown, in both lists or cannot be hashed, or no column is left.
    """

    def __init__(
        self,
        resource: Resource,
        *,
        excluded: Sequence[str] = (),
        hashed: Sequence[str] = (),
        hash_key: bytes | None = None,
    ) -> None:
        self.excluded = _column_names("exclude_columns", excluded, resource)
        self.hashed = _column_names("hash_columns", hashed, resource)
        self._validate(resource)
        self._source = resource
        self._hmac = hmac.new(hash_key or b"", digestmod="sha256")
        kept = {column.name for column in resource_columns(resource)} - self.excluded
        self.resource = replace(resource, reduced_model=_reduced_model(resource, kept, self.hashed))
        self._hashed_members = frozenset(_members_of(resource, self.hashed))
        self._prefixes: dict[str, bytes | None] = {
            name: _prefix(name) for name in _members_of(resource, kept - {OTHER_MEMBERS})
        }
        self._prefixes |= dict.fromkeys(_members_of(resource, self.excluded))

    def _validate(self, resource: Resource) -> None:
        if both := self.excluded & self.hashed:
            raise ValueError(f"exclude_columns and hash_columns both have {', '.join(sorted(both))}")
        if OTHER_MEMBERS in self.hashed:
            raise ValueError(f"hash_columns: {OTHER_MEMBERS} are members without a column: exclude them")
        if len(self.excluded) == len(resource_columns(resource)):
            raise ValueError(f"exclude_columns: no column of {resource.name} is left")

    @property
    def hides_ids(self) -> bool:
        """Return whether ids are hidden by which listings are continued: of rows, or of their parents."""
        ids = {*self._source.key, self._source.parent_column}
        return not ids.isdisjoint(self.excluded | self.hashed)

    def require_ids(self, *, needed_for: str) -> None:
        """Check that the columns that identify rows and their parents are not excluded.

        :param needed_for: the argument or target that needs them.
        :raises ValueError: naming those that are excluded.
        """
        ids = self.excluded.intersection({*self._source.key, self._source.parent_column})
        if ids:
            raise ValueError(
                f"exclude_columns: {', '.join(sorted(ids))} identifies rows, which {needed_for} needs: hash "
                "it instead, with hash_columns"
            )

    @property
    def fingerprint(self) -> str:
        """Return a text that differs for other columns and for another key, from which no key follows."""
        names = f"{sorted(self.excluded)} {sorted(self.hashed)}"
        return self._hash(names.encode())

    def parent_id(self, parent_id: int) -> int | str | None:
        """Return a parent's id as reduced rows contain it, or None if they do not."""
        column = self._source.parent_column
        if column in self.excluded:
            return None
        return self._hash(b"%d" % parent_id) if column in self.hashed else parent_id

    @property
    def has_hash_key(self) -> bool:
        """Return whether ids can be hashed."""
        return bool(self.hashed)

    def checkpoint_id(self, parent_id: int) -> int:
        """Return a number for a parent's id in a checkpoint, from which the id does not follow."""
        return int(self._hash(b"%d" % parent_id)[:_CHECKPOINT_DIGITS], 16)

    def reduce(self, rows: Rows) -> Rows:
        """Return rows without the excluded columns, and with the hashes of the others.

        The order of members and the bytes of other values stay.

        :raises DamstraResponseError: if a row is not an object.
        """
        return [self._reduce(row) for row in rows]

    def _reduce(self, row: RawRow) -> bytes:
        # Called millions of times: parts begin with a comma, of which the first is cut off.
        parts: list[bytes | msgspec.Raw] = []
        for name, value in self._members(row).items():
            prefix = self._prefixes.get(name, b"")
            if prefix:
                parts.append(prefix)
                parts.append(self._hashed(value) if name in self._hashed_members else value)
            elif prefix is not None and OTHER_MEMBERS not in self.excluded:
                parts += (_prefix(name), value)
        return b"{%b}" % b"".join(parts)[1:]

    def _members(self, row: RawRow) -> dict[str, msgspec.Raw]:
        try:
            return decode_leniently(_MEMBERS.decode, bytes(row))
        except DECODE_ERRORS as error:
            why = str(error)
        # Not raised in the except block: the decoder's error would be its context.
        raise DamstraResponseError(f"columns of a row of {self._source.name} cannot be hidden: {why}")

    def _hashed(self, value: msgspec.Raw) -> bytes | msgspec.Raw:
        return value if value == _NULL else b'"%b"' % self._hash(value_text(bytes(value))).encode()

    def _hash(self, text: bytes) -> str:
        keyed = self._hmac.copy()
        keyed.update(text)
        return keyed.hexdigest()


def value_text(value: bytes) -> bytes:
    """Return the text of a JSON value that is hashed, in UTF-8.

    A string is hashed as it is, a number without needless decimals (``7``, ``7.0`` and ``"7"`` are equal), a
    boolean as ``true`` or ``false``, a list or an object as JSON without blanks and with sorted names.
    """
    if value.startswith(b'"') and b"\\" not in value:
        return value[1:-1]
    if _INTEGER.fullmatch(value):
        return value
    decoded = msgspec.json.decode(value)
    if isinstance(decoded, str):
        return decoded.encode()
    if isinstance(decoded, float) and decoded.is_integer():
        return b"%d" % int(decoded)
    return msgspec.json.encode(decoded, order="sorted")


def _column_names(argument: str, names: Sequence[str], resource: Resource) -> frozenset[str]:
    """Return the names of columns by their names or API names."""
    columns = [column.name for column in resource_columns(resource)]
    by_name = {member: column for column in columns for member in _members_of(resource, [column])}
    by_name |= {column: column for column in columns}
    unknown = [name for name in names if name not in by_name]
    if unknown:
        nearest = nearest_name(unknown[0], columns)
        hint = f" (did you mean {nearest}?)" if nearest else ""
        raise ValueError(
            f"{argument}: {resource.name} have no column {' and no '.join(unknown)}{hint}; they have "
            f"{', '.join(columns)}"
        )
    return frozenset(by_name[name] for name in names)


def _members_of(resource: Resource, columns: Iterable[str]) -> list[str]:
    """Return all names that members of a row with the values of these columns can have."""
    fields = resource.model.model_fields
    return [
        member
        for column in columns
        for member in (column, to_camel(column), *_aliases(fields.get(column)))
        if column != OTHER_MEMBERS
    ]


def _aliases(field: FieldInfo | None) -> list[str]:
    if field is None:
        return []
    choices = field.validation_alias.choices if isinstance(field.validation_alias, AliasChoices) else []
    return [alias for alias in (field.serialization_alias, *choices) if isinstance(alias, str)]


def _reduced_model(resource: Resource, kept: set[str], hashed: frozenset[str]) -> type[Model]:
    """Return a model of the columns that are kept; hashed ones are text."""
    fields = resource.model.model_fields
    definitions: dict[str, Any] = {}
    for column in resource_columns(resource):
        if column.name in hashed:
            definitions[column.name] = (str, ...) if column.is_key else (str | None, None)
        elif column.name in fields and column.name in kept:
            definitions[column.name] = (fields[column.name].annotation, fields[column.name])
        elif column.name in kept and column.name != OTHER_MEMBERS:
            definitions[column.name] = (int, ...)
    base = Model if OTHER_MEMBERS in kept else _ModelOfKnownMembers
    model: type[Model] = create_model(resource.model.__name__, __base__=base, **definitions)
    return model


def _prefix(name: str) -> bytes:
    return b",%b:" % msgspec.json.encode(name)

"""What a column of a resource is in a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Boolean, DateTime, Float, Text
from sqlalchemy.dialects.postgresql import JSONB

from airflow_provider_damstra.exports.columns import ColumnType

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine

_TYPES: dict[ColumnType, TypeEngine[Any]] = {
    ColumnType.INTEGER: BigInteger(),
    ColumnType.NUMBER: Float(53),
    ColumnType.TEXT: Text(),
    ColumnType.BOOLEAN: Boolean(),
    # SQLite has no type for moments: as texts in UTC they sort by time.
    ColumnType.TIMESTAMP: DateTime(timezone=True).with_variant(Text(), "sqlite"),
    ColumnType.JSON: Text().with_variant(JSONB(), "postgresql"),
}


def type_of(kind: ColumnType) -> TypeEngine[Any]:
    """Return the type of a column; for some databases it holds another one."""
    return _TYPES[kind]

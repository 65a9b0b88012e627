"""What files and tables need to know about rows: their model, their key, and where their parent's id is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from airflow_provider_damstra.models.base import Model


class Dataset(Protocol):
    """A kind of rows: a resource of the API, or what is computed from several."""

    def __hash__(self) -> int:
        """Return a hash: what depends on the kind only is cached."""

    @property
    def name(self) -> str:
        """Return the name, for messages."""

    @property
    def model(self) -> type[Model]:
        """Return the model of a row."""

    @property
    def key(self) -> tuple[str, ...]:
        """Return the columns that make up the primary key."""

    @property
    def adds_parent(self) -> bool:
        """Return whether rows have a member for the parent's id that the model has no field for."""

    @property
    def parent_argument(self) -> str:
        """Return the column of that member."""

    @property
    def parent_member(self) -> str:
        """Return the name of that member."""

    @property
    def parent_column(self) -> str:
        """Return the column of the parent's id."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ComputedDataset:
    """Rows that are computed.

    :param parent_column: the column of the id of the object that each row is about.
    """

    name: str
    model: type[Model]
    key: tuple[str, ...]
    parent_column: str
    adds_parent: bool = False
    parent_argument: str = ""
    parent_member: str = ""

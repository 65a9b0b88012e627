"""Base class of the operators that read users from an HR extract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

from airflow_provider_damstra.operators.base import DamstraOperator
from airflow_provider_damstra.validation import (
    parse_mapping,
    validate_booleans,
    validate_choice,
    validate_delimiter,
    validate_encoding,
    validate_exactly_one,
    validate_integer,
    validate_literal,
    validate_no_password,
)

if TYPE_CHECKING:
    from airflow_provider_damstra.arguments import Fields, Text, Texts
    from airflow_provider_damstra.services.user_import.parsing import UserRow

USER_ROW_FIELDS = ("users", "users_path", "columns", "ignored_columns", "match_by")
"""The templated arguments of ``UserRowsMixin``."""

_MATCH_BY = ("employee_number", "email_address", "user_name")


class UserRowsMixin(DamstraOperator):
    """Operator that imports users from a list or a file.

    :param users: the rows, as mappings with the fields of a user by snake_case or API names (templated); or
    :param users_path: path or URL, on any object storage, of a CSV file with a header line, of JSON lines
        (``.jsonl``, ``.ndjson``, ``.json``), Parquet or Excel (``.xlsx``), plain or compressed (``.gz``,
        ``.zst``) (templated).
    :param encoding: encoding of the file, such as ``cp1252``.
    :param delimiter: separator of CSV cells; by default detected in the header.
    :param allow_empty: accept a list or a file without rows; otherwise it fails the task.
    :param columns: the field of a user for each column that has another name (templated).
    :param ignored_columns: names of columns to leave out (templated).
    :param match_by: field by which Damstra matches users (templated).
    :param batch_size: users per request.
    :param keep_roles: keep the roles of users whose row has none.
    """

    def __init__(
        self,
        *,
        users: Sequence[Mapping[str, Any]] | Text | None = None,
        users_path: Text | None = None,
        encoding: str | None = None,
        delimiter: str | None = None,
        allow_empty: bool = False,
        columns: Fields | None = None,
        ignored_columns: Texts | None = None,
        match_by: Literal["employee_number", "email_address", "user_name"] | Text = "employee_number",
        batch_size: int = 100,
        keep_roles: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        validate_exactly_one(users=users, users_path=users_path)
        validate_literal("match_by", match_by, *_MATCH_BY)
        validate_integer("batch_size", batch_size, at_least=1)
        validate_booleans(keep_roles=keep_roles, allow_empty=allow_empty)
        validate_encoding("encoding", encoding)
        validate_delimiter("delimiter", delimiter)
        validate_no_password(users)
        self.users = users
        self.users_path = cast("str | None", users_path)
        self.encoding = encoding
        self.delimiter = delimiter
        self.allow_empty = allow_empty
        self.columns = columns
        self.ignored_columns = ignored_columns
        self.match_by = cast("str", match_by)
        self.batch_size = batch_size
        self.keep_roles = keep_roles

    def read_rows(self, *, extra: Sequence[str] = (), allow_duplicates: bool = False) -> list[UserRow]:
        """Return the rows of the list or the file.

        :param extra: names of columns that contain no field of a user.
        :param allow_duplicates: accept rows with the same value of ``match_by``.
        :raises ValueError: naming the columns or rows that are wrong and why.
        """
        from airflow_provider_damstra.services.user_import.columns import UserColumns
        from airflow_provider_damstra.services.user_import.parsing import parse_row_list, read_rows
        from airflow_provider_damstra.storage import open_for_reading

        validate_choice("match_by", self.match_by, *_MATCH_BY)
        mapped = parse_mapping("columns", self.columns or {})
        columns = UserColumns(mapped, self.ignored_columns, extra=extra)
        options: Any = {
            "match_by": self.match_by,
            "allow_empty": self.allow_empty,
            "allow_duplicates": allow_duplicates,
        }
        if self.users_path is None:
            return parse_row_list(self.users, columns, **options)
        with open_for_reading("users_path", self.users_path) as file:
            return read_rows(
                file,
                columns,
                name=self.users_path,
                encoding=self.encoding,
                delimiter=self.delimiter,
                **options,
            )

"""Operators for users."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_damstra.operators.base import DamstraOperator, ResultFileMixin, RollbackOnKillMixin
from airflow_provider_damstra.validation import (
    parse_mapping,
    validate_booleans,
    validate_choice,
    validate_exactly_one,
    validate_integer,
    validate_no_password,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from airflow_provider_damstra.endpoints.user import ImportedUser
    from airflow_provider_damstra.validation import Id


class DamstraUpsertUsersOperator(ResultFileMixin):
    """Create the users that are not there and update those that differ, in batches.

    Every row is checked before the first request, and all bad ones are reported at once with their lines. Who
    is as wanted already is left alone, so a retry does only what is missing. Calls ``listUsers`` and
    ``bulkUserImport``.

    Returns the users' ids in the order of the rows, which ``.expand()`` takes. Who of them was ``created``,
    ``updated`` and ``unchanged`` are XComs of these names: over all attempts of the task on Airflow 3.3, of
    the last one before it.

    :param users: the rows, as mappings with the API's members in snake_case or camelCase (templated); or
    :param users_path: path or URL of a CSV file with a header, or of JSON lines (``.jsonl``), on any object
        storage (templated).
    :param columns: for each column that is not called as the API does, which member of a user it is, such as
        ``{"Personnel No": "employee_number"}`` (templated).
    :param ignored_columns: names of columns that are of no interest; any other unknown one is refused
        (templated).
    :param match_by: how Damstra recognises a user: ``employee_number``, ``email_address`` or ``user_name``
        (templated).
    :param batch_size: users per request.
    :param keep_roles: keep the roles of users whose row names none. The API alone would reset them to
        trainee.
    :param result_path: write a line of JSON for each user, with its ``outcome``, to this path or URL on any
        object storage, and return its ``path``, ``rows`` and ``sha256`` instead (templated). The XComs
        ``created``, ``updated`` and ``unchanged`` are then numbers.
    """

    template_fields = (
        "users",
        "users_path",
        "columns",
        "ignored_columns",
        "match_by",
        "result_path",
        "damstra_conn_id",
    )

    def __init__(
        self,
        *,
        users: Sequence[Mapping[str, Any]] | None = None,
        users_path: str | None = None,
        columns: Mapping[str, str] | None = None,
        ignored_columns: Sequence[str] | None = None,
        match_by: str = "employee_number",
        batch_size: int = 100,
        keep_roles: bool = True,
        result_path: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(result_path=result_path, **kwargs)
        validate_exactly_one(users=users, users_path=users_path)
        validate_integer("batch_size", batch_size, at_least=1)
        validate_booleans(keep_roles=keep_roles)
        validate_no_password(users)
        self.users = users
        self.users_path = users_path
        self.columns = columns
        self.ignored_columns = ignored_columns
        self.match_by = match_by
        self.batch_size = batch_size
        self.keep_roles = keep_roles

    def _execute(self, context: Context) -> Any:
        """Return the users' ids, or the file that they are in."""
        from airflow_provider_damstra.services.user_import.upsert import carry_out, plan_import

        self.refuse_unwritable_result()
        plan = plan_import(self.client, self._rows(), match_by=self.match_by, keep_roles=self.keep_roles)
        before = self.task_state.setdefault("users_before", plan.present_ids)
        changed = self.task_state.append("users_changed", plan.differing_ids)
        user_ids = carry_out(plan, batch_size=self.batch_size)
        outcome = {
            "created": [one for one in user_ids if one not in before],
            "updated": [one for one in user_ids if one in before and one in changed],
            "unchanged": [one for one in user_ids if one in before and one not in changed],
        }
        self.log.info("Users: %s", ", ".join(f"{len(ids)} {name}" for name, ids in outcome.items()))
        for name, ids in outcome.items():
            context["ti"].xcom_push(key=name, value=ids if self.result_path is None else len(ids))
        if self.result_path is None:
            return user_ids
        of_user = {one: name for name, ids in outcome.items() for one in ids}
        return self.deliver([{"user_id": one, "outcome": of_user[one]} for one in user_ids])

    def _rows(self) -> list[ImportedUser]:
        from airflow.providers.common.compat.sdk import AirflowFailException

        from airflow_provider_damstra.services.user_import.columns import renamed
        from airflow_provider_damstra.services.user_import.parsing import checked
        from airflow_provider_damstra.services.user_import.upsert import MATCHES

        if self.match_by not in MATCHES:
            raise AirflowFailException(f"match_by is {self.match_by!r}; it can be {', '.join(MATCHES)}")
        users: Any = self.users
        is_list = isinstance(users, Iterable) and not isinstance(users, (str, bytes, Mapping))
        if self.users_path is None and not is_list:
            raise AirflowFailException(f"users is a {type(users).__name__}, not a list of rows")
        try:
            columns = parse_mapping("columns", self.columns or {})
            rows = renamed(self._given_rows(), columns=columns, ignored=self.ignored_columns)
            return checked(rows, match_by=self.match_by)
        except ValueError as error:
            raise AirflowFailException(f"{self.users_path or 'users'}: {error}") from None

    def _given_rows(self) -> Iterable[tuple[str, Any]]:
        """Return the rows as they are given, each with where it stands."""
        from airflow_provider_damstra.services.user_import.parsing import read_rows

        if self.users_path is not None:
            return read_rows(self._text(), name=str(self.users_path))
        return ((f"row {number}", row) for number, row in enumerate(self.users or (), start=1))

    def _text(self) -> str:
        from airflow_provider_damstra.storage import open_for_reading

        with open_for_reading("users_path", self.users_path) as file:
            content = file.read()
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            raise ValueError(f"it is not UTF-8 ({error}): save it as CSV UTF-8") from None


class DamstraCreateUserOperator(RollbackOnKillMixin):
    """Return the id of a user, who is created if not there.

    It is found by its employee number, else its e-mail address, else its user name.

    A password cannot be given, for it would show in the DAG: the welcome e-mail lets the user choose one.
    Calls ``listUsers`` and, if need be, ``createUser`` or ``getUser`` and ``updateUser``.

    :param user: the user's data, with the API's members in snake_case or camelCase (templated).
    :param if_exists: ``return`` a user that is there already, ``update`` what differs, or ``fail``.
    :param cancel_on_kill: make the user inactive, if this attempt created it, when the task is killed.
    """

    template_fields = ("user", "damstra_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"user": "json"}

    def __init__(self, *, user: Mapping[str, Any], if_exists: str = "return", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        validate_choice("if_exists", if_exists, "return", "update", "fail")
        validate_no_password(user)
        self.user = user
        self.if_exists = if_exists

    def _execute(self, context: Context) -> int:
        """Return the user's id."""
        from airflow_provider_damstra.endpoints import CreateUser
        from airflow_provider_damstra.services.user import ensure_user

        validate_no_password(self.user)
        wanted = CreateUser.model_validate(parse_mapping("user", self.user))
        user_id, was_created = ensure_user(self.client, wanted, if_exists=self.if_exists)
        self.log.info("User %d %s", user_id, "created" if was_created else "is there already")
        return user_id


class DamstraUpdateUserOperator(DamstraOperator):
    """Change a user's data, and return False if nothing differs.

    What is not given stays, although the API replaces a user as a whole. Calls ``getUser`` and, if something
    differs, ``updateUser``.

    :param user_id: the user (templated).
    :param changes: the members to change, in snake_case or camelCase (templated).
    """

    template_fields = ("user_id", "changes", "damstra_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"changes": "json"}

    def __init__(self, *, user_id: Id, changes: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        validate_no_password(changes)
        self.user_id = user_id
        self.changes = changes

    def _execute(self, context: Context) -> bool:
        """Return whether something was changed."""
        from airflow_provider_damstra.services.user import update_user

        validate_no_password(self.changes)
        return update_user(self.client, user_id=self.user_id, changes=parse_mapping("changes", self.changes))


class _ActivationOperator(DamstraOperator):
    """Makes a user active or inactive, and returns False if it was so before."""

    endpoint_name: ClassVar[str]
    template_fields = ("user_id", "damstra_conn_id")

    def __init__(self, *, user_id: Id, strict: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        validate_booleans(strict=strict)
        self.user_id = user_id
        self.strict = strict

    def _execute(self, context: Context) -> bool:
        """Return whether something was changed."""
        from airflow_provider_damstra import endpoints
        from airflow_provider_damstra.services.user import set_active

        wanted = getattr(endpoints, self.endpoint_name)(user_id=self.user_id)
        return set_active(self.client, wanted, strict=self.strict)


class DamstraActivateUserOperator(_ActivationOperator):
    """Make a user active, and return False if it was so before.

    Calls ``getUser`` and, if need be, ``activateUser``.

    :param user_id: the user (templated).
    :param strict: fail if the user was active before.
    """

    endpoint_name = "ActivateUser"


class DamstraInactivateUserOperator(_ActivationOperator):
    """Make a user inactive, and return False if it was so before. The learning record stays.

    Calls ``getUser`` and, if need be, ``inactivateUser``.

    :param user_id: the user (templated).
    :param strict: fail if the user was inactive before.
    """

    endpoint_name = "InactivateUser"


class DamstraGenerateLoginUrlOperator(DamstraOperator):
    """Make a URL that logs a user in without a password, and write it to a file or return it.

    The URL is a secret. It is masked in the logs; in XCom it would stand in clear, so that must be asked for
    by name. Calls ``generateLoginUrl``.

    :param user_id: the user (templated).
    :param path: path or URL on any object storage of the file to write it to; its path is returned
        (templated); or
    :param return_in_clear: True to return the URL itself, readable to all who may see XComs.
    :param expires_in: when the URL ends: ``day``, ``week``, ``month``, ``year``, ``never`` or ``disabled``
        (templated).
    """

    template_fields = ("user_id", "path", "expires_in", "damstra_conn_id")

    def __init__(
        self,
        *,
        user_id: Id,
        path: str | None = None,
        return_in_clear: bool = False,
        expires_in: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        validate_booleans(return_in_clear=return_in_clear)
        validate_exactly_one(path=path, return_in_clear=return_in_clear or None)
        self.user_id = user_id
        self.path = path
        self.expires_in = expires_in

    def _execute(self, context: Context) -> str:
        """Return the path of the file that holds the URL, or the URL itself."""
        from airflow_provider_damstra.endpoints import GenerateLoginUrl

        return self.return_or_write_secret(
            GenerateLoginUrl(user_id=self.user_id, expires_in=self.expires_in), self.path
        )

"""Operators for users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Unpack, cast

from airflow_provider_damstra.id_arguments import USER_FIELDS
from airflow_provider_damstra.operators.base import (
    CREATED_XCOM_KEYS,
    FILE_XCOM_KEYS,
    ChangeStatusOperator,
    ResultFileMixin,
    RollbackOnKillMixin,
)
from airflow_provider_damstra.operators.user_arguments import UserMixin
from airflow_provider_damstra.operators.user_rows import USER_ROW_FIELDS, UserRowsMixin
from airflow_provider_damstra.validation import (
    parse_mapping,
    validate_booleans,
    validate_choice,
    validate_exactly_one,
    validate_literal,
    validate_no_password,
)

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_damstra.arguments import (
        Fields,
        RollbackArguments,
        Text,
        UserArguments,
        UserRowsArguments,
        UserStatusArguments,
    )


class DamstraUpsertUsersOperator(UserRowsMixin, ResultFileMixin):
    """Create missing users and update users that differ, in batches, from a list or a file.

    Calls ``listUsers`` and, for missing and differing users, ``bulkUserImport``. All rows are validated
    before the first request; an error names every bad row with its line. Users without differences are not
    sent, so a retry sends only what is missing.

    Users are matched regardless of case and surrounding blanks; the spelling of ``match_by`` in Damstra
    stays. Up to 200 rows are searched one by one; if one of them is not found, and for more rows, the listing
    of all users is read once, in pages of the connection's ``page_size``.

    Pushes the XComs ``created``, ``updated``, ``unchanged``, ``reactivated`` and ``inactive`` (the users who
    are inactive still): lists of user ids, or their lengths with ``result_path``. On Airflow 3.3 they cover
    all tries of the task, below it the last one.

    :param users: the rows, as mappings with the fields of a user by snake_case or API names (templated); or
    :param users_path: path or URL, on any object storage, of a CSV, JSON lines (``.jsonl``, ``.ndjson``,
        ``.json``), Parquet or Excel (``.xlsx``) file, plain or compressed (``.gz``, ``.zst``) (templated).
        An empty cell leaves a value unchanged. The page "Input files" describes the columns.
    :param encoding: encoding of the file, such as ``cp1252``; a byte order mark takes precedence, and without
        either it is UTF-8.
    :param delimiter: separator of CSV cells; by default detected in the header: comma, semicolon, tab or
        ``|``.
    :param allow_empty: accept a list or a file without rows; otherwise it fails the task.
    :param columns: the field of a user for each column that has another name, such as
        ``{"Personnel No": "employee_number"}`` (templated).
    :param ignored_columns: names of columns to leave out, ``""`` for one without a name; other unknown
        columns are errors (templated).
    :param match_by: field by which Damstra matches users: ``employee_number``, ``email_address`` or
        ``user_name`` (templated).
    :param batch_size: users per request.
    :param reactivate: activate users who are inactive, after the import, with one ``activateUser`` each.
    :param keep_roles: keep the roles of users whose row has none; without it the API resets them to trainee.
    :param result_path: path or URL, on any object storage, of a file to write a line of JSON for each user
        to (templated): ``outcome`` (``created``, ``updated``, ``unchanged``) and whether it is ``inactive``.
    :return: the users' ids in the order of the rows; with ``result_path`` the file's ``path``, ``rows`` and
        ``sha256``.
    :raises DamstraConflictError: if a row matches several users, or ``keep_roles`` cannot keep roles.
    """

    xcom_keys = ("created", "updated", "unchanged", "reactivated", "inactive", *FILE_XCOM_KEYS)
    template_fields = (*USER_ROW_FIELDS, "result_path", "damstra_conn_id")

    def __init__(
        self,
        *,
        reactivate: bool = False,
        result_path: Text | None = None,
        **kwargs: Unpack[UserRowsArguments],
    ) -> None:
        super().__init__(result_path=result_path, **kwargs)
        validate_booleans(reactivate=reactivate)
        self.reactivate = reactivate

    def _execute(self, context: Context) -> Any:
        from airflow_provider_damstra.services.user_import.upsert import upsert_users

        self.validate_paths("result_path")
        result = upsert_users(
            self.client,
            [row.user for row in self.read_rows()],
            task_state=self.task_state,
            match_by=self.match_by,
            batch_size=self.batch_size,
            keep_roles=self.keep_roles,
            reactivate=self.reactivate,
        )
        self.push_ids(context, result.ids_by_name())
        if self.result_path is None:
            return result.user_ids
        return self.return_or_write(result.lines())


class DamstraCreateUserOperator(RollbackOnKillMixin):
    """Return the id of a user; create the user if it does not exist.

    Calls ``listUsers`` and, if there is no user with the same employee number, else e-mail address, else user
    name, ``createUser``; with ``if_exists="update"`` also ``getUser`` and ``updateUser``. A retry finds the
    user that an earlier try created.

    These are compared regardless of case and surrounding blanks. Before a user is created, the listing of all
    users is read for another spelling: one request per page. For many users, ``DamstraUpsertUsersOperator``
    reads it once.

    Pushes the XComs ``created``, whether the task created the user, in this try or an earlier one;
    ``existing``, the opposite; ``reactivated``; and ``inactive``, whether the user is inactive still.

    A password is refused because Airflow would show it: the welcome e-mail lets the user choose one.

    :param user: the user's fields by snake_case or API names (templated).
    :param if_exists: ``return`` an existing user, ``update`` what differs, or ``fail``. A user that an
        earlier try of the task created does not count as existing.
    :param reactivate: activate an existing user who is inactive, after the update if there is one.
    :param cancel_on_kill: make the user inactive, if this try created or reactivated it, when the task is
        killed; the next try activates it.
    :return: the user's id.
    :raises DamstraConflictError: if the user exists and ``if_exists`` is ``fail``, or several users match.
    """

    xcom_keys = (*CREATED_XCOM_KEYS, "reactivated", "inactive")
    template_fields = ("user", "damstra_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"user": "json"}

    def __init__(
        self,
        *,
        user: Fields,
        if_exists: Literal["return", "update", "fail"] = "return",
        reactivate: bool = False,
        **kwargs: Unpack[RollbackArguments],
    ) -> None:
        super().__init__(**kwargs)
        validate_choice("if_exists", if_exists, "return", "update", "fail")
        validate_booleans(reactivate=reactivate)
        if reactivate and if_exists == "fail":
            raise ValueError("reactivate=True has no effect with if_exists='fail': it rejects existing users")
        validate_no_password(user)
        self.user = user
        self.if_exists = if_exists
        self.reactivate = reactivate

    def _execute(self, context: Context) -> int:
        from airflow_provider_damstra.endpoints import CreateUser
        from airflow_provider_damstra.services.user import get_or_create_user

        validate_no_password(self.user)
        request = CreateUser.model_validate(parse_mapping("user", self.user))
        result = get_or_create_user(
            self.client, request, if_exists=self.if_exists, reactivate=self.reactivate
        )
        state = "created" if result.created else "is there already"
        self.log.info("User %d %s%s", result.user_id, state, ", inactive" if result.inactive else "")
        self.push_xcoms(
            context,
            created=result.created,
            existing=not result.created,
            reactivated=result.reactivated,
            inactive=result.inactive,
        )
        return result.user_id


class DamstraUpdateUserOperator(UserMixin):
    """Change fields of a user.

    Calls ``getUser`` and, if something differs, ``updateUser``. Fields that are not given keep their values,
    although the API replaces a user as a whole. A retry sends only what still differs.

    :param user_id: id of the user (templated); or
    :param employee_number: employee number of the user (templated); or
    :param email_address: e-mail address of the user (templated).
    :param changes: the fields to change, by snake_case or API names (templated).
    :return: whether the task changed the user, in this try or an earlier one.
    """

    template_fields = (*USER_FIELDS, "changes", "damstra_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"changes": "json"}

    def __init__(self, *, changes: Fields, **kwargs: Unpack[UserArguments]) -> None:
        super().__init__(**kwargs)
        validate_no_password(changes)
        self.changes = changes

    def _execute(self, context: Context) -> bool:
        from airflow_provider_damstra.services.user import update_user

        validate_no_password(self.changes)
        changes = parse_mapping("changes", self.changes)
        user_id = self.resolved_ids.get("user_id", self.user_id)
        return update_user(self.client, {**changes, "user_id": user_id})


class _UserStatusOperator(UserMixin, ChangeStatusOperator):
    """Base of the operators that activate or inactivate a user."""

    template_fields = (*USER_FIELDS, "damstra_conn_id")

    def __init__(self, **kwargs: Unpack[UserStatusArguments]) -> None:
        super().__init__(**kwargs)


class DamstraActivateUserOperator(_UserStatusOperator):
    """Activate a user.

    Calls ``getUser`` and, if the user is inactive, ``activateUser``. A retry finds out whether an earlier try
    did it.

    :param user_id: id of the user (templated); or
    :param employee_number: employee number of the user (templated); or
    :param email_address: e-mail address of the user (templated).
    :param strict: fail if the user was active before this task.
    :return: whether the task activated the user, in this try or an earlier one.
    :raises DamstraConflictError: if the user was active before, and ``strict``.
    """

    endpoint_name = "ActivateUser"


class DamstraInactivateUserOperator(_UserStatusOperator):
    """Make a user inactive. Its learning record is kept.

    Calls ``getUser`` and, if the user is active, ``inactivateUser``. A retry finds out whether an earlier try
    did it.

    :param user_id: id of the user (templated); or
    :param employee_number: employee number of the user (templated); or
    :param email_address: e-mail address of the user (templated).
    :param strict: fail if the user was inactive before this task.
    :return: whether the task made the user inactive, in this try or an earlier one.
    :raises DamstraConflictError: if the user was inactive before, and ``strict``.
    """

    endpoint_name = "InactivateUser"


class DamstraGenerateLoginUrlOperator(UserMixin):
    """Generate a URL that logs a user in without a password, and write it to a file or return it.

    Calls ``generateLoginUrl``; every try generates a new URL. The URL is a secret: it is masked in logs, but
    XCom would show it, so ``path`` or ``return_in_clear`` is required.

    :param user_id: id of the user (templated); or
    :param employee_number: employee number of the user (templated); or
    :param email_address: e-mail address of the user (templated).
    :param path: path or URL, on any object storage, of the file to write the URL to (templated); or
    :param return_in_clear: return the URL itself; users with access to XComs can read it.
    :param expires_in: validity of the URL: ``day``, ``week``, ``month``, ``year``, ``never`` or ``disabled``;
        if it is not given, the API decides (templated).
    :return: the path of the file, or the URL.
    """

    template_fields = (*USER_FIELDS, "path", "expires_in", "damstra_conn_id")

    def __init__(
        self,
        *,
        path: Text | None = None,
        return_in_clear: bool = False,
        expires_in: Literal["day", "week", "month", "year", "never", "disabled"] | Text | None = None,
        **kwargs: Unpack[UserArguments],
    ) -> None:
        super().__init__(**kwargs)
        validate_booleans(return_in_clear=return_in_clear)
        validate_exactly_one(path=path, return_in_clear=return_in_clear or None)
        validate_literal("expires_in", expires_in, "day", "week", "month", "year", "never", "disabled")
        self.path = cast("str | None", path)
        self.expires_in = expires_in

    def _execute(self, context: Context) -> str:
        from airflow_provider_damstra.endpoints import GenerateLoginUrl

        endpoint = GenerateLoginUrl(**self.request_fields(GenerateLoginUrl))
        return self.return_or_write_secret(endpoint, self.path)

"""Operators for one user's account. DAGs import them from ``operators.user``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_damstra.arguments import exactly_one, flags, mapping, one_of, refuse_password
from airflow_provider_damstra.operators.base import CancelledOnKill, DamstraOperator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context

    from airflow_provider_damstra.arguments import Id


class DamstraCreateUserOperator(CancelledOnKill):
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
        one_of("if_exists", if_exists, "return", "update", "fail")
        refuse_password(user)
        self.user = user
        self.if_exists = if_exists

    def act(self, context: Context) -> int:
        """Return the user's id."""
        from airflow_provider_damstra.actions.user_accounts import ensure_user
        from airflow_provider_damstra.endpoints import CreateUser

        refuse_password(self.user)
        wanted = CreateUser.model_validate(mapping("user", self.user))
        user_id, was_created = ensure_user(self.caller, wanted, if_exists=self.if_exists)
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
        refuse_password(changes)
        self.user_id = user_id
        self.changes = changes

    def act(self, context: Context) -> bool:
        """Return whether something was changed."""
        from airflow_provider_damstra.actions.user_accounts import update_user

        refuse_password(self.changes)
        return update_user(self.caller, user_id=self.user_id, changes=mapping("changes", self.changes))


class _ActivationOperator(DamstraOperator):
    """Makes a user active or inactive, and returns False if it was so before."""

    endpoint_name: ClassVar[str]
    template_fields = ("user_id", "damstra_conn_id")

    def __init__(self, *, user_id: Id, strict: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        flags(strict=strict)
        self.user_id = user_id
        self.strict = strict

    def act(self, context: Context) -> bool:
        """Return whether something was changed."""
        from airflow_provider_damstra import endpoints
        from airflow_provider_damstra.actions.user_accounts import set_active

        wanted = getattr(endpoints, self.endpoint_name)(user_id=self.user_id)
        return set_active(self.caller, wanted, strict=self.strict)


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
        flags(return_in_clear=return_in_clear)
        exactly_one(path=path, return_in_clear=return_in_clear or None)
        self.user_id = user_id
        self.path = path
        self.expires_in = expires_in

    def act(self, context: Context) -> str:
        """Return the path of the file that holds the URL, or the URL itself."""
        from airflow_provider_damstra.endpoints import GenerateLoginUrl

        return self.deliver_secret(
            GenerateLoginUrl(user_id=self.user_id, expires_in=self.expires_in), self.path
        )

"""Base classes of the operators for users, given by id, employee number or e-mail address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_damstra.id_arguments import USER_LIST_FIELDS
from airflow_provider_damstra.operators.base import DamstraOperator, StrictMixin
from airflow_provider_damstra.validation import is_empty, validate_choice, validate_exactly_one

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_damstra.arguments import Id, Ids, Text, Texts


class UserMixin(DamstraOperator):
    """Operator for one user.

    :param user_id: id of the user (templated); or
    :param employee_number: employee number of the user (templated); or
    :param email_address: e-mail address of the user (templated).
    """

    def __init__(
        self,
        *,
        user_id: Id | None = None,
        employee_number: Id | None = None,
        email_address: Text | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        validate_exactly_one(user_id=user_id, employee_number=employee_number, email_address=email_address)
        self.user_id = user_id
        self.employee_number = employee_number
        self.email_address = email_address


class UserListMixin(DamstraOperator):
    """Operator for a list of users.

    :param user_ids: ids of the users: a list, or a string such as ``1,2`` (templated); or
    :param employee_numbers: employee numbers of the users (templated); or
    :param email_addresses: e-mail addresses of the users (templated).
    """

    def __init__(
        self,
        *,
        user_ids: Ids | None = None,
        employee_numbers: Ids | None = None,
        email_addresses: Texts | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        validate_exactly_one(
            user_ids=user_ids, employee_numbers=employee_numbers, email_addresses=email_addresses
        )
        self.user_ids = user_ids
        self.employee_numbers = employee_numbers
        self.email_addresses = email_addresses


class OnEmptyMixin(UserListMixin):
    """Operator for a list of users, which may be empty.

    :param on_empty: ``fail``, or ``skip`` the task, if the list is empty.
    """

    def __init__(self, *, on_empty: Literal["fail", "skip"] = "fail", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        validate_choice("on_empty", on_empty, "fail", "skip")
        self.on_empty = on_empty

    def skip_if_empty(self) -> None:
        """Skip the task if there are no users and ``on_empty`` is ``skip``; the first step of ``_execute``.

        :raises AirflowSkipException: to skip it.
        """
        empty = [name for name in USER_LIST_FIELDS if is_empty(getattr(self, name))]
        if self.on_empty == "skip" and empty:
            from airflow.providers.common.compat.sdk import AirflowSkipException

            raise AirflowSkipException(f"{empty[0]} is empty: there is nothing to do.")


class ChangeUsersOperator(OnEmptyMixin, StrictMixin):
    """Base of the operators that add users to a group or an ILT session, or remove them."""

    def _execute(self, context: Context) -> list[int]:
        from airflow_provider_damstra.services.idempotency import format_ids
        from airflow_provider_damstra.services.membership import change_users

        self.skip_if_empty()
        request = self.create_request()
        changed = change_users(self.client, request, strict=self.strict)
        self.log.info("%s for users %s", request.request(), format_ids(changed))
        return changed

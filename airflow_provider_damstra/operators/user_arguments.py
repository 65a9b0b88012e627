"""Base classes of the operators for users, given by id, employee number or e-mail address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_damstra.id_arguments import INSTRUCTOR_FIELDS, USER_LIST_FIELDS
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


class InstructorMixin(DamstraOperator):
    """Operator that names an instructor.

    :param instructor_id: user id of the instructor (templated); or
    :param instructor_employee_number: employee number of the instructor (templated); or
    :param instructor_email_address: e-mail address of the instructor (templated).
    """

    def __init__(
        self,
        *,
        instructor_id: Id | None = None,
        instructor_employee_number: Id | None = None,
        instructor_email_address: Text | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.instructor_id = instructor_id
        self.instructor_employee_number = instructor_employee_number
        self.instructor_email_address = instructor_email_address

    @property
    def instructor(self) -> dict[str, Any]:
        """Return the three arguments by name; at most one is not None."""
        return {name: getattr(self, name) for name in INSTRUCTOR_FIELDS}


class OnEmptyMixin(DamstraOperator):
    """Operator for lists that may be empty because there is nothing to do.

    :param on_empty: ``fail``, or ``skip`` the task, if a list is empty.
    """

    def __init__(self, *, on_empty: Literal["fail", "skip"] = "fail", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        validate_choice("on_empty", on_empty, "fail", "skip")
        self.on_empty = on_empty

    def validate_not_empty(self, *names: str) -> None:
        """Skip or fail the task if an argument is an empty list; the first step of ``_execute``.

        :param names: names of the arguments.
        :raises AirflowSkipException: if ``on_empty`` is ``skip``.
        :raises ValueError: if it is ``fail``.
        """
        empty = next((name for name in names if is_empty(getattr(self, name))), None)
        if empty is None:
            return
        if self.on_empty == "fail":
            raise ValueError(f"{empty} is empty; if that can be right, on_empty='skip' skips the task")
        from airflow.providers.common.compat.sdk import AirflowSkipException

        raise AirflowSkipException(f"{empty} is empty: there is nothing to do.")


class ChangeUsersOperator(UserListMixin, OnEmptyMixin, StrictMixin):
    """Base of the operators that add users to a group or an ILT session, or remove them."""

    def _execute(self, context: Context) -> list[int]:
        from airflow_provider_damstra.services.idempotency import format_ids
        from airflow_provider_damstra.services.membership import change_users

        self.validate_not_empty(*USER_LIST_FIELDS)
        request = self.create_request()
        changed, others = change_users(self.client, request, strict=self.strict)
        self.log.info("%s for users %s", request.request(), format_ids(changed))
        self.push_xcoms(context, **dict(zip(self.xcom_keys, (changed, others), strict=False)))
        return changed

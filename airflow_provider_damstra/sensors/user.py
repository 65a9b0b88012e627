"""The sensor that waits for a user."""

from __future__ import annotations

from typing import Any

from airflow_provider_damstra.sensors.base import DamstraSensor
from airflow_provider_damstra.validation import validate_exactly_one


class DamstraUserSensor(DamstraSensor):
    """Wait until an active user is there, and return a list with its id; fail if there are several.

    Calls ``listUsers``.

    :param emp_id: the employee number (templated). A whole number is taken as its digits; leading zeros are
        only kept in a text; or
    :param email_address: the e-mail address (templated).
    """

    condition_name = "UserCondition"
    condition_arguments = ("emp_id", "email_address")
    template_fields = ("emp_id", "email_address", "damstra_conn_id")

    def __init__(
        self, *, emp_id: str | int | None = None, email_address: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        validate_exactly_one(emp_id=emp_id, email_address=email_address)
        self.emp_id = emp_id
        self.email_address = email_address
        self.start_where_asked()

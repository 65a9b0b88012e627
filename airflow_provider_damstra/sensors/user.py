"""The sensor that waits until a user exists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from airflow_provider_damstra.sensors.base import DamstraSensor
from airflow_provider_damstra.validation import validate_exactly_one

if TYPE_CHECKING:
    from airflow_provider_damstra.arguments import Id, SensorArguments, Text


class DamstraUserSensor(DamstraSensor):
    """Wait until an active user with an employee number or an e-mail address exists.

    Each poll calls ``listUsers``. Returns (XCom) a list with the user's id.

    Fails immediately if several users match.

    Modes, common arguments and error handling: see ``DamstraSensor``.

    Damstra's search may compare the exact text: give the spelling in Damstra. Surrounding blanks are removed.

    :param emp_id: employee number (templated). An integer is converted to a string; leading zeros need a
        string; or
    :param email_address: e-mail address (templated).
    :raises ValueError: if not exactly one of them is given.
    """

    condition_name = "UserCondition"
    condition_arguments = ("emp_id", "email_address")
    template_fields = ("emp_id", "email_address", "damstra_conn_id")

    def __init__(
        self,
        *,
        emp_id: Id | None = None,
        email_address: Text | None = None,
        **kwargs: Unpack[SensorArguments],
    ) -> None:
        super().__init__(**kwargs)
        validate_exactly_one(emp_id=emp_id, email_address=email_address)
        self.emp_id = emp_id
        self.email_address = email_address
        self._configure_trigger_start()

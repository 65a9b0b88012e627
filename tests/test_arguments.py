"""The types of arguments agree with Airflow's arguments and with what operators validate at parse time."""

from __future__ import annotations

import ast
import inspect
import re
from typing import Any

import pytest
from airflow.sdk import BaseOperator, BaseSensorOperator

from airflow_provider_damstra import arguments
from airflow_provider_damstra.operators.base import DamstraOperator, RollbackOnKillMixin, StrictMixin
from airflow_provider_damstra.operators.user_arguments import OnEmptyMixin, UserListMixin, UserMixin
from airflow_provider_damstra.operators.user_rows import UserRowsMixin
from airflow_provider_damstra.sensors.base import DamstraSensor
from airflow_provider_damstra.transfers.base import ResourceTransfer
from airflow_provider_damstra.transfers.completion_delivery import DamstraDeliverCompletionsOperator
from airflow_provider_damstra.transfers.export import DamstraExportOperator
from airflow_provider_damstra.transfers.sql_views import DamstraCreateSqlViewsOperator
from airflow_provider_damstra.transfers.to_sql import DamstraToSqlOperator
from airflow_provider_damstra.transfers.training_matrix import DamstraTrainingMatrixOperator
from airflow_provider_damstra.transfers.training_status import DamstraTrainingStatusOperator
from tests.operators.all_cases import CASES as OPERATOR_CASES
from tests.sensors.cases import CASES as SENSOR_CASES

OPERATOR = set(arguments.OperatorArguments.__annotations__)
USER_LIST = set(arguments.UserListArguments.__annotations__)
SAMPLES: dict[type[BaseOperator], dict[str, Any]] = {
    **{case.operator: dict(case.arguments) for case in OPERATOR_CASES},
    **{case.sensor: dict(case.arguments) for case in SENSOR_CASES},
    DamstraDeliverCompletionsOperator: {
        "lesson_schedule_ids": [1],
        "http_conn_id": "hr",
        "receipt_path": "receipts",
    },
    DamstraExportOperator: {"resource": "users", "target_path": "users"},
    DamstraToSqlOperator: {"resource": "users", "sql_conn_id": "warehouse", "table": "users"},
    DamstraCreateSqlViewsOperator: {"sql_conn_id": "warehouse"},
    DamstraTrainingMatrixOperator: {"group_id": 101, "target_path": "matrix"},
    DamstraTrainingStatusOperator: {"requirements": [{"lessons": [201], "all": True}]},
}
"""Arguments of each operator, sensor and transfer."""

ALTERNATIVES = {"state": "status", "status": "state", "scope": "group_id"}
"""Arguments of which only one can be given."""

LISTS: dict[str, list[str]] = {"accepted_states": ["current"], "fail_on": [], "views": []}
"""Arguments that are lists of choices, with the choices that they need."""

NEEDED: dict[str, dict[str, Any]] = {
    "not_passed": {"require_passed": True},
    "expired": {"valid_for": "12 months"},
}
"""Arguments that a value of another argument needs."""


def parameters_of(kind: type) -> set[str]:
    """Return the keyword arguments that a class takes itself."""
    parameters = inspect.signature(kind.__init__).parameters.values()  # type: ignore[misc]
    return {parameter.name for parameter in parameters if parameter.kind == parameter.KEYWORD_ONLY}


def test_base_operator_arguments_include_those_of_airflow() -> None:
    assert set(arguments.BaseOperatorArguments.__annotations__) >= parameters_of(BaseOperator)


@pytest.mark.needs_airflow("3.3")
def test_base_operator_arguments_are_those_of_airflow() -> None:
    assert set(arguments.BaseOperatorArguments.__annotations__) == parameters_of(BaseOperator)


@pytest.mark.parametrize(
    ("kind", "typed"),
    [
        (DamstraOperator, OPERATOR - set(arguments.BaseOperatorArguments.__annotations__)),
        (StrictMixin, set(arguments.StrictArguments.__annotations__) - OPERATOR),
        (RollbackOnKillMixin, set(arguments.RollbackArguments.__annotations__) - OPERATOR),
        (UserMixin, set(arguments.UserArguments.__annotations__) - OPERATOR),
        (UserListMixin, USER_LIST - OPERATOR),
        (UserRowsMixin, set(arguments.UserRowsArguments.__annotations__) - OPERATOR),
        (OnEmptyMixin, set(arguments.OnEmptyArguments.__annotations__) - USER_LIST),
        (ResourceTransfer, set(arguments.ResourceArguments.__annotations__) - OPERATOR),
    ],
)
def test_typed_arguments_are_those_of_base_class(kind: type, typed: set[str]) -> None:
    assert typed == parameters_of(kind)


def test_sensor_arguments_are_those_of_airflow_and_of_base_class() -> None:
    own = parameters_of(BaseSensorOperator) | parameters_of(DamstraSensor)
    assert set(arguments.SensorArguments.__annotations__) - OPERATOR == own - {"damstra_conn_id"}


def choices_of(kind: type[BaseOperator]) -> dict[str, list[Any]]:
    """Return the values of each argument that is a Literal, or a sequence of one, and not templated."""
    parameters = [
        parameter
        for base in kind.__mro__
        if base.__module__.startswith("airflow_provider_damstra.")
        for parameter in inspect.signature(base.__init__).parameters.values()  # type: ignore[misc]
    ]
    return {
        parameter.name: list(ast.literal_eval(f"({literal[1]},)"))
        for parameter in parameters
        if (literal := re.search(r"Literal\[(.*?)\]", str(parameter.annotation)))
        and "Text" not in str(parameter.annotation)
    }


CHOICES = [(kind, name, values) for kind in SAMPLES for name, values in choices_of(kind).items()]


def test_choices_of_many_operators_are_literals() -> None:
    assert len(CHOICES) > 25


@pytest.mark.parametrize(("kind", "name", "values"), CHOICES)
def test_literals_are_the_values_that_are_valid_at_parse_time(
    kind: type[BaseOperator], name: str, values: list[str]
) -> None:
    sample = {key: value for key, value in SAMPLES[kind].items() if key != ALTERNATIVES.get(name)}
    for value in values:
        kind(
            task_id="step",
            **{**sample, **NEEDED.get(value, {}), name: [*LISTS[name], value] if name in LISTS else value},
        )
    with pytest.raises(ValueError, match=rf"^{name} is .* can (be|hold) ") as error:
        kind(task_id="step", **{**sample, name: "other"})
    valid = re.split(r" can (?:be|hold) ", str(error.value))[1]
    assert set(re.split(" or | and ", valid)) == set(values)

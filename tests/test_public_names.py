"""The public names that DAGs use: import paths, base classes and required arguments."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import BaseHook, BaseOperator
from pydantic.alias_generators import to_camel

from airflow_provider_damstra import endpoints, errors
from airflow_provider_damstra.get_provider_info import get_provider_info
from airflow_provider_damstra.operators.base import DamstraOperator
from airflow_provider_damstra.sensors.base import DamstraSensor
from tests.contract import openapi

PACKAGE = "airflow_provider_damstra"
OPERATORS = {
    "operators.user": (
        "DamstraUpsertUsersOperator",
        "DamstraCreateUserOperator",
        "DamstraUpdateUserOperator",
        "DamstraActivateUserOperator",
        "DamstraInactivateUserOperator",
        "DamstraGenerateLoginUrlOperator",
    ),
    "operators.roster": ("DamstraSyncUsersOperator",),
    "operators.group": (
        "DamstraCreateGroupOperator",
        "DamstraUpdateGroupOperator",
        "DamstraAddGroupMembersOperator",
        "DamstraRemoveGroupMembersOperator",
        "DamstraAddGroupSupervisorsOperator",
        "DamstraRemoveGroupSupervisorsOperator",
        "DamstraSyncGroupMembersOperator",
        "DamstraInactivateGroupOperator",
    ),
    "operators.lesson": (
        "DamstraScheduleLessonsOperator",
        "DamstraCompleteLessonOperator",
        "DamstraDownloadCertificateOperator",
        "DamstraGetEmbedUrlOperator",
    ),
    "operators.ilt_session": (
        "DamstraCreateIltSessionOperator",
        "DamstraUpdateIltSessionOperator",
        "DamstraRegisterIltSessionUsersOperator",
        "DamstraDeregisterIltSessionUsersOperator",
        "DamstraSaveIltSessionProgressOperator",
        "DamstraCompleteIltSessionOperator",
        "DamstraCancelIltSessionOperator",
    ),
    "operators.training_gate": ("DamstraTrainingGateOperator",),
    "operators.call": ("DamstraCallOperator",),
    "transfers.completion_delivery": ("DamstraDeliverCompletionsOperator",),
    "transfers.export": ("DamstraExportOperator",),
    "transfers.to_sql": ("DamstraToSqlOperator",),
    "transfers.sql_views": ("DamstraCreateSqlViewsOperator",),
    "transfers.training_matrix": ("DamstraTrainingMatrixOperator",),
    "transfers.training_status": ("DamstraTrainingStatusOperator",),
}
SENSORS = {
    "sensors.lesson_schedule": ("DamstraLessonScheduleSensor", "DamstraUserLessonsSensor"),
    "sensors.group": ("DamstraGroupLessonSensor",),
    "sensors.ilt_session": ("DamstraIltSessionSensor",),
    "sensors.training_gate": ("DamstraTrainingGateSensor",),
    "sensors.user": ("DamstraUserSensor",),
}
OTHERS = {
    "hooks.damstra": ("DamstraHook",),
    "triggers.event": ("DamstraEventTrigger",),
    "retry_policy": ("DamstraRetryPolicy",),
    "assets": ("damstra_event",),
    "testing": ("DamstraEmulator", "damstra_emulator"),
}
ERRORS = {
    "DamstraAuthError",
    "DamstraPermissionError",
    "DamstraNotFoundError",
    "DamstraConflictError",
    "DamstraRequestError",
    "DamstraRateLimitError",
    "DamstraServerError",
    "DamstraTransportError",
    "DamstraResponseError",
    "DamstraConfigurationError",
}
HOOK_METHODS = {"call", "iterate", "test_connection", "async_client", "get_conn"}


def cases(table: dict[str, tuple[str, ...]]) -> list[Any]:
    return [pytest.param(module, name, id=name) for module, names in table.items() for name in names]


def public_object(module: str, name: str) -> Any:
    return getattr(importlib.import_module(f"{PACKAGE}.{module}"), name)


@pytest.mark.parametrize(("module", "name"), cases({**OPERATORS, **SENSORS}))
def test_operator_is_defined_in_its_public_module(module: str, name: str) -> None:
    operator = public_object(module, name)
    assert issubclass(operator, DamstraSensor if module in SENSORS else DamstraOperator)
    assert issubclass(operator, BaseOperator)
    assert operator.__module__ == f"{PACKAGE}.{module}"
    assert operator.__doc__
    assert "damstra_conn_id" in operator.template_fields


@pytest.mark.parametrize(("module", "name"), cases(OTHERS))
def test_name_is_importable_and_documented(module: str, name: str) -> None:
    assert public_object(module, name).__doc__


def test_public_operators_and_sensors_are_complete() -> None:
    info = get_provider_info()
    listed = [
        *(
            module
            for kind in ("operators", "sensors")
            for entry in info[kind]
            for module in entry["python-modules"]
        ),
        *(entry["python-module"] for entry in info["transfers"]),
    ]
    assert sorted(listed) == sorted(f"{PACKAGE}.{module}" for module in {**OPERATORS, **SENSORS})
    for module, names in {**OPERATORS, **SENSORS}.items():
        defined = inspect.getmembers(importlib.import_module(f"{PACKAGE}.{module}"), inspect.isclass)
        public = {
            name
            for name, kind in defined
            if name.startswith("Damstra") and kind.__module__ == f"{PACKAGE}.{module}"
        }
        assert public == set(names)


def test_hook_has_public_methods() -> None:
    hook = public_object("hooks.damstra", "DamstraHook")
    assert issubclass(hook, BaseHook)
    assert all(getattr(hook, method).__doc__ for method in HOOK_METHODS)


def test_errors_are_complete_and_share_a_base_class() -> None:
    defined = {
        name for name, kind in vars(errors).items() if inspect.isclass(kind) and name.startswith("Damstra")
    }
    assert defined == {*ERRORS, "DamstraError"}
    assert all(issubclass(getattr(errors, name), errors.DamstraError) for name in ERRORS)


@pytest.mark.parametrize("operation_id", sorted(openapi.operations()))
def test_every_operation_has_a_documented_endpoint(operation_id: str) -> None:
    name = operation_id[0].upper() + operation_id[1:]
    assert name in endpoints.__all__
    endpoint = getattr(endpoints, name)
    method, path, _ = openapi.operations()[operation_id]
    assert endpoint.__doc__
    camel_path = re.sub(r"(?<=\{)\w+", lambda parameter: to_camel(parameter[0]), endpoint.path)
    assert (endpoint.method, camel_path) == (method, path)

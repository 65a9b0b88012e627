"""Forms of arguments: ids as text, templates, mapped tasks, upstream outputs, and the connection."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

from airflow_provider_damstra.operators.base import DamstraOperator
from airflow_provider_damstra.operators.user import DamstraCreateUserOperator, DamstraUpsertUsersOperator
from tests.operators.all_cases import CASES, operator_classes
from tests.operators.task_runner import run
from tests.operators.user_group_cases import ADA, NEW_USER

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.operators.conftest import ConnectionFactory
    from tests.operators.operator_case import OperatorCase, Scenario

# Options that are fixed when a DAG is written; an invalid one is rejected when the file is parsed.
OPTIONS = {
    "accepted_states",
    "all_lesson_types",
    "allow_empty",
    "batch_size",
    "cancel_on_kill",
    "create_groups",
    "delimiter",
    "dry_run",
    "encoding",
    "if_completed",
    "if_exists",
    "ignore_downstream_trigger_rules",
    "include_child_groups",
    "keep_roles",
    "max_creations",
    "max_inactivations",
    "max_removals",
    "notify_instructor",
    "notify_trainees",
    "on_ambiguous",
    "on_empty",
    "on_missing",
    "on_no_requirements",
    "on_partial_failure",
    "on_untrained",
    "reactivate",
    "return_in_clear",
    "scope",
    "strict",
    "time_zone",
    "who",
}

WITH_IDS = [case for case in CASES if any(name.endswith(("_id", "_ids")) for name in case.arguments)]


def ids_of(case: OperatorCase) -> dict[str, Any]:
    return {name: value for name, value in case.arguments.items() if name.endswith(("_id", "_ids"))}


def digits(value: Any) -> Any:
    return [str(one) for one in value] if isinstance(value, list) else str(value)


def joined(value: Any) -> Any:
    return ",".join(map(str, value)) if isinstance(value, list) else f" {value} "


def templates_for(value: Any, name: str) -> Any:
    """Return templates that render to a value; of a mapping or a list of strings, one for each string."""
    if isinstance(value, dict):
        parts = {one: f"{name}[{one!r}]" for one in value}
        return {one: templates_for(value[one], part) for one, part in parts.items()}
    if isinstance(value, list) and not isinstance(value[0], int):
        return [templates_for(part, f"{name}[{place}]") for place, part in enumerate(value)]
    is_in_mapping = name.endswith("]")
    return value if is_in_mapping and not isinstance(value, str) else f"{{{{ {name} }}}}"


@pytest.mark.parametrize("kind", operator_classes(), ids=lambda kind: kind.__name__)
def test_all_arguments_but_options_are_templated(kind: type[DamstraOperator]) -> None:
    bases = [base for base in kind.__mro__ if issubclass(base, DamstraOperator)]
    taken = {name for base in bases for name in inspect.signature(base.__init__).parameters}
    arguments = taken - {"self", "kwargs"}
    # BaseOperator has a method dry_run, so a templated argument of this name has another attribute.
    fields = set(kind.template_fields) - {"is_dry_run"}
    assert fields == (arguments - OPTIONS) | {"damstra_conn_id"}


@pytest.mark.parametrize("form", [digits, joined])
@pytest.mark.parametrize("case", WITH_IDS, ids=str)
def test_ids_are_accepted_as_text(form: Any, scenario: Scenario) -> None:
    ids = {name: form(value) for name, value in ids_of(scenario.case).items()}
    scenario.verify(scenario.run(**ids))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_templates_are_rendered(scenario: Scenario) -> None:
    params = vars(scenario.operator())
    given = {name: value for name, value in scenario.case.arguments.items() if name not in OPTIONS}
    templates = {name: templates_for(value, f"params.{name}") for name, value in given.items()}
    scenario.verify(run(scenario.operator(**templates), params=params))


@pytest.mark.needs_airflow("3.2")  # before it only a whole DAG has that option
@pytest.mark.parametrize("case", CASES, ids=str)
def test_templates_are_rendered_as_native_objects(scenario: Scenario) -> None:
    params = vars(scenario.operator())
    given = [name for name in scenario.case.arguments if name not in OPTIONS]
    step = scenario.operator(**{name: f"{{{{ params.{name} }}}}" for name in given})
    step.render_template_as_native_obj = True
    scenario.verify(run(step, params=params))


@pytest.mark.parametrize(
    ("number", "found"), [(4711, NEW_USER), ("4711", NEW_USER), ("04711", NEW_USER + 1)], ids=repr
)
def test_employee_number_of_digits_is_accepted_as_number(
    number: int | str, found: int, damstra_emulator: DamstraEmulator
) -> None:
    people = [{**ADA, "employeeNumber": one} for one in (4711, "04711")]
    assert run(DamstraUpsertUsersOperator(task_id="step", users=people)).value == [NEW_USER, NEW_USER + 1]
    step = DamstraCreateUserOperator(task_id="step", user={"employee_number": "{{ number }}"})
    step.render_template_as_native_obj = True
    assert run(step, number=number).value == found
    again = DamstraUpsertUsersOperator(task_id="step", users=people)
    assert run(again).xcoms["unchanged"] == [NEW_USER, NEW_USER + 1]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_all_arguments_but_options_can_be_mapped(scenario: Scenario) -> None:
    case = scenario.case
    operator = scenario.operator()
    arguments = {name: getattr(operator, name) for name in case.arguments if name not in OPTIONS}
    options = {name: value for name, value in case.arguments.items() if name in OPTIONS}
    for name, value in arguments.items():
        scenario.set_up()
        rest = {other: one for other, one in arguments.items() if other != name}
        with DAG("mapped"):
            step = case.operator.partial(task_id="step", **rest, **options).expand(**{name: [value, value]})
        scenario.verify(run(step, map_index=1))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_output_of_upstream_task_is_accepted(case: OperatorCase, tmp_path: Path) -> None:
    given = [name for name in case.arguments if name not in OPTIONS]
    with DAG("chained"):
        upstream = EmptyOperator(task_id="upstream")
        operator = case.create_operator(tmp_path, **dict.fromkeys(given, upstream.output))
    assert operator.upstream_task_ids == {"upstream"}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_templated_connection_id_is_used(scenario: Scenario, connect: ConnectionFactory) -> None:
    connect(password="wrong")
    connect("other")
    assert run(scenario.operator(damstra_conn_id="{{ which }}"), which="other") == scenario.expected

"""Boolean options of operators are True or False, or a template that renders to one of them."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from airflow_provider_damstra.operators.base import DamstraOperator
from tests.operators.all_cases import CASES

FLAGS = {
    "all_lesson_types",
    "allow_empty",
    "cancel_on_kill",
    "ignore_downstream_trigger_rules",
    "keep_roles",
    "notify_instructor",
    "notify_trainees",
    "reactivate",
    "return_in_clear",
    "strict",
}
TEMPLATED_FLAGS = {"dry_run"}


def arguments_of(operator: type[DamstraOperator]) -> set[str]:
    """Return the arguments of an operator, also those that its base classes take."""
    kinds = [kind for kind in operator.__mro__ if issubclass(kind, DamstraOperator)]
    return {name for kind in kinds for name in inspect.signature(kind.__init__).parameters}


def is_templated(operator: type[DamstraOperator], name: str) -> bool:
    """Return whether an option is a template field, for which ``BaseOperator`` may need another name."""
    return not {name, f"is_{name}"}.isdisjoint(operator.template_fields)


@pytest.mark.parametrize("name", sorted(FLAGS))
@pytest.mark.parametrize("wrong", ["false", 1, None], ids=repr)
def test_boolean_option_rejects_other_types_at_parse_time(name: str, wrong: Any) -> None:
    with_it = [
        case
        for case in CASES
        if name in arguments_of(case.operator) and not is_templated(case.operator, name)
    ]
    assert with_it
    for case in with_it:
        with pytest.raises(ValueError, match=f"^{name} is {wrong!r}; it can be True or False$"):
            case.operator(task_id="refused", **{**case.arguments, name: wrong})


@pytest.mark.parametrize("wrong", ["maybe", 1, None], ids=repr)
def test_templated_boolean_option_rejects_what_is_no_boolean_at_parse_time(wrong: Any) -> None:
    with_it = [
        (case, name)
        for case in CASES
        for name in (FLAGS | TEMPLATED_FLAGS) & arguments_of(case.operator)
        if is_templated(case.operator, name)
    ]
    assert with_it
    for case, name in with_it:
        with pytest.raises(ValueError, match=f"^{name} is {wrong!r}; it can be true or false$"):
            case.operator(task_id="refused", **{**case.arguments, name: wrong})

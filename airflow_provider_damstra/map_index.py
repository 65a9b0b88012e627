"""What a mapped task is called in the grid: who or what it is about, instead of a number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow.sdk import BaseOperator, Context

_TEMPLATE = "map_index_template"
_LONGEST = 60
_USER = "user "
_NAMES_OF_A_USER = ("user_id", "employee_number", "user_name", "email_address")


def map_index_template_for(operator: BaseOperator, context: Context) -> None:
    """Name a mapped task after the argument that tells it from the others, unless the DAG's author does."""
    is_mapped = getattr(context.get("ti"), "map_index", -1) >= 0
    if is_mapped and not context.get(_TEMPLATE):
        name = next(_names(operator), "")
        if name and "{" not in name:
            context[_TEMPLATE] = name[:_LONGEST]  # type: ignore[literal-required]


def _names(operator: BaseOperator) -> Iterator[str]:
    """Yield names after the arguments that are mapped, and after the others."""
    others = (field for field in operator.template_fields if field != "damstra_conn_id")
    for field in dict.fromkeys([*_mapped(operator), *others]):
        kind = field.removesuffix("s").removesuffix("_id").removesuffix("_name").replace("_", " ")
        value = _shown(getattr(operator, field, None))
        if value:
            says_what_it_is = kind == "name" or value.startswith(_USER)
            yield value if says_what_it_is else f"{kind} {value}"


def _mapped(operator: BaseOperator) -> Iterable[str]:
    """Return the arguments that ``.expand()`` was given, as far as the DAG says."""
    dag: Any = operator.get_dag()
    mapped: Any = dag.task_dict.get(operator.task_id) if dag else None
    given = getattr(getattr(mapped, "expand_input", None), "value", None)
    return given if isinstance(given, dict) else ()


def _shown(value: Any) -> str:
    """Return a short text for a value, or none for what has no short one."""
    if isinstance(value, (list, tuple)):
        shown = [_shown(one) for one in value[:2]]
        more = f" and {len(value) - 2} more" if len(value) > 2 else ""
        return ", ".join(shown) + more if all(shown) else ""
    if isinstance(value, dict):
        members = {name.replace("_", "").lower(): one for name, one in value.items()}
        names = (_shown(members.get(name.replace("_", ""))) for name in _NAMES_OF_A_USER)
        return next((f"{_USER}{one}" for one in names if one), "")
    return str(value) if isinstance(value, (int, str)) else ""

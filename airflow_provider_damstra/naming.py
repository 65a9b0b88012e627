"""What a mapped task is called in the grid: who or what it is about, instead of a number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context

_TEMPLATE = "map_index_template"
_LONGEST = 60


def name_in_grid(operator: BaseOperator, context: Context) -> None:
    """Name a mapped task after its first argument, unless the DAG's author names it."""
    is_mapped = getattr(context.get("ti"), "map_index", -1) >= 0
    if is_mapped and not context.get(_TEMPLATE):
        name = _name(operator)
        if name and "{" not in name:
            context[_TEMPLATE] = name  # type: ignore[literal-required]


def _name(operator: BaseOperator) -> str | None:
    field = next(iter(operator.template_fields))
    kind = field.removesuffix("s").removesuffix("_id").replace("_", " ")
    value: Any = getattr(operator, field)
    if isinstance(value, (list, tuple)) and len(value) == 1:
        value = value[0]
    if isinstance(value, dict) and "user_id" in value:
        kind, value = "user", value["user_id"]
    return f"{kind} {value}"[:_LONGEST] if isinstance(value, (int, str)) else None

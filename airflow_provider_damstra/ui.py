"""Presentation of tasks in Airflow's UI: their link to Damstra Learning, and the names of mapped tasks.

The grid shows a mapped task by its user or lesson instead of an index (``map_index_template``).
"""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk import BaseOperatorLink

from airflow_provider_damstra.errors import DamstraError

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.definitions.mappedoperator import OperatorPartial
    from airflow.sdk.types import TaskInstanceKey

    from airflow_provider_damstra.clients.settings import ClientSettings, RecordKind

_TEMPLATE = "{{ task.map_index_name or 'index ' ~ ti.map_index }}"
_MAX_LENGTH = 60
_MAX_LIST_ITEMS = 2
_USER = "user "
_USER_KEYS = ("user_id", "employee_number", "user_name", "email_address")


class DamstraLink(BaseOperatorLink):
    """Link to the record that the task is about, in the web application of its connection.

    Damstra documents no addresses of records: the connection's extra ``link_urls`` has those that are known,
    and the first of its kinds of which the task has one record is linked; otherwise the start page. Airflow
    stores the URL in XCom when the task runs, so failed and mapped tasks have it too.
    """

    name = "Open in Damstra"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """Return the URL, or an empty string if the connection is missing, invalid or cannot be read."""
        from airflow.providers.common.compat.sdk import AirflowNotFoundException

        try:
            settings: ClientSettings = operator.hook.settings
        except (AirflowNotFoundException, DamstraError):
            return ""
        for kind in settings.link_urls or {}:
            if record_id := _single_id(operator, kind):
                return settings.record_url(kind, record_id)
        return settings.web_url


def _single_id(operator: Any, kind: RecordKind) -> int | None:
    """Return the id of the only record of a kind in the task's arguments, or None if there is not one."""
    for value in (getattr(operator, f"{kind}_{suffix}", None) for suffix in ("id", "ids")):
        record_id = value[0] if isinstance(value, list) and len(value) == 1 else value
        if str(record_id).isdecimal():
            return int(str(record_id))
    return None


class NamedMapIndexMixin:
    """Name mapped tasks after the argument that distinguishes them, unless ``map_index_template`` is set.

    Airflow renders the template before and after each process of a task, so the name is shown while the task
    runs, is deferred or rescheduled, and afterwards. Airflow 3.0 and 3.1 render it only when the task ends.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        operator = cast("BaseOperator", self)
        if operator.map_index_template is None and operator.get_closest_mapped_task_group():
            operator.map_index_template = _TEMPLATE

    @classmethod
    def partial(cls, **kwargs: Any) -> OperatorPartial:
        """Return a partial operator for ``expand``, as ``BaseOperator.partial`` does, with the template."""
        operator: OperatorPartial = super().partial(**kwargs)  # type: ignore[misc]
        if operator.kwargs.get("map_index_template") is None:
            operator.kwargs["map_index_template"] = _TEMPLATE
        return operator

    @property
    def map_index_name(self) -> str:
        """Return a name made of a mapped argument, or else of another templated one; empty without any."""
        return next(_candidate_names(cast("BaseOperator", self)), "")[:_MAX_LENGTH]


def _candidate_names(operator: BaseOperator) -> Iterator[str]:
    """Yield names made of the mapped arguments first, then of the other templated ones."""
    others = (field for field in operator.template_fields if field != "damstra_conn_id")
    for field in dict.fromkeys([*_mapped_fields(operator), *others]):
        kind = _singular(field).removesuffix("_id").removesuffix("_name").replace("_", " ")
        value = _format_value(getattr(operator, field, None))
        if value:
            is_self_explaining = value.startswith(_USER) or (kind == "name" and not _is_literal(value))
            yield value if is_self_explaining else f"{kind} {value}"


def _singular(field: str) -> str:
    """Return the name of a field in the singular: ``user_id``, ``email_address``."""
    if field.endswith("addresses"):
        return field.removesuffix("es")
    return field if field.endswith("ss") else field.removesuffix("s")


def _is_literal(text: str) -> bool:
    """Return whether ``render_template_as_native_obj`` would convert a text to another type."""
    try:
        literal_eval(text)
    except (ValueError, SyntaxError, MemoryError):
        return False
    except Exception:  # such as the TypeError of "{{1}}", an unhashable element
        return True
    return True


def _mapped_fields(operator: BaseOperator) -> Iterable[str]:
    """Return the arguments of ``.expand()``; none for ``.expand_kwargs()`` of an XCom."""
    dag: Any = operator.get_dag()
    mapped: Any = dag.task_dict.get(operator.task_id) if dag else None
    value = getattr(getattr(mapped, "expand_input", None), "value", None)
    return value if isinstance(value, dict) else ()


def _format_value(value: Any) -> str:
    """Return a short text for a value, or an empty one if there is none."""
    if isinstance(value, (list, tuple)):
        items = [_format_value(item) for item in value[:_MAX_LIST_ITEMS]]
        more = f" and {len(value) - _MAX_LIST_ITEMS} more" if len(value) > _MAX_LIST_ITEMS else ""
        return ", ".join(items) + more if all(items) else ""
    if isinstance(value, dict):
        fields = {name.replace("_", "").lower(): item for name, item in value.items()}
        names = (_format_value(fields.get(name.replace("_", ""))) for name in _USER_KEYS)
        return next((f"{_USER}{name}" for name in names if name), "")
    return str(value) if isinstance(value, (int, str)) else ""

"""Format pydantic's validation errors in one line, without the invalid values: they may be secrets.

Models, endpoints, exports and the receiver share it, so it stands below them and imports none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_damstra.id_arguments import id_argument_hint
from airflow_provider_damstra.text import join_first

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

FAST_PATH, FALLBACK = "<fast>", "<fallback>"
"""Tags of the two schemas of a lenient field (``models.base``); both are tried, one is reported."""

_MAX_PROBLEMS = 10
_NOT_A_NUMBER = ", not a number"
_TEMPLATE_HINT = (
    ". If it is a template: render_template_as_native_obj turns strings into numbers, and quotes keep them: "
    "\"'{{ ... }}'\""
)


def format_validation_error(error: ValidationError) -> str:
    """Return in one line which fields are invalid and why, at most ten of them."""
    problems = [
        f"{'.'.join(map(str, detail['loc'])) or 'the whole'}: {_reason(detail)}"
        for detail in error_details(error)
    ]
    return join_first(problems, _MAX_PROBLEMS, separator="; ")


def format_value_error(error: ValueError) -> str:
    """Return why a value is invalid, in one line also if pydantic found it."""
    from pydantic import ValidationError

    return format_validation_error(error) if isinstance(error, ValidationError) else str(error)


def format_argument_error(error: ValidationError) -> str:
    """Return the same for the author of a DAG, with hints: texts instead of ids, and numbers of templates."""
    reason = format_validation_error(error)
    names = [str(detail["loc"][0]) for detail in error_details(error) if detail["type"] == "int_parsing"]
    hints = [hint for name in dict.fromkeys(names) if (hint := id_argument_hint(name))]
    reason = ". ".join([reason, *hints])
    return reason + _TEMPLATE_HINT if _NOT_A_NUMBER in reason else reason


def error_details(error: ValidationError) -> list[ErrorDetails]:
    """Return pydantic's error details, each once although a lenient field tries two schemas."""
    details = error.errors(include_url=False, include_context=False)
    details = [detail for detail in details if FAST_PATH not in detail["loc"]]
    for detail in details:
        detail["loc"] = tuple(part for part in detail["loc"] if part != FALLBACK)
    return details


def _reason(detail: ErrorDetails) -> str:
    if detail["type"] == "too_short":
        return "it is empty"
    text = detail["msg"].removeprefix("Value error, ")
    is_number = isinstance(detail["input"], (int, float)) and not isinstance(detail["input"], bool)
    return text + _NOT_A_NUMBER if is_number and detail["type"] == "string_type" else text

"""The OpenAPI description of the API, and checks of values against its schemas and against examples."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

PATH = Path(__file__).with_name("damstra-openapi.yaml")
SPEC: dict[str, Any] = yaml.safe_load(PATH.read_text(encoding="utf-8"))


def operations() -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Return the method, the path and the description of each operation, by its id."""
    return {
        operation["operationId"]: (method.upper(), path, operation)
        for path, methods in SPEC["paths"].items()
        for method, operation in methods.items()
    }


def response_schemas(operation_id: str, status: int) -> dict[str, Any]:
    """Return the schemas of an operation's response by content type; none where any body is allowed."""
    operation = operations()[operation_id][2]
    content = operation["responses"].get(str(status), {}).get("content", {})
    return {content_type: described["schema"] for content_type, described in content.items()}


def schema_errors(schema: dict[str, Any], value: Any) -> list[str]:
    """Return why a value does not match a schema of the description."""
    with_components = {**schema, "components": SPEC["components"]}
    return [
        f"{error.json_path}: {error.message}"
        for error in Draft202012Validator(with_components).iter_errors(value)
    ]


def shape_differences(example: Any, value: Any, name: str = "$") -> list[str]:
    """Return where a value has a field that its example lacks, or a value of another JSON type.

    Dates must have the example's format; each item of a list is compared with the first item of the example.
    """
    if isinstance(example, dict) and isinstance(value, dict):
        unknown = [f"{name}.{key} is not on the page" for key in value if key not in example]
        shared = [key for key in value if key in example]
        return unknown + [
            found for key in shared for found in shape_differences(example[key], value[key], f"{name}.{key}")
        ]
    if isinstance(example, list) and isinstance(value, list):
        items = value if example else []
        return [found for item in items for found in shape_differences(example[0], item, f"{name}[]")]
    if json_type(example) != json_type(value):
        return [f"{name} is {value!r}, unlike {example!r}"]
    if name.endswith(("Date", "Datetime")) and date_format(example) != date_format(value):
        return [f"{name} is written {value}, unlike {example}"]
    return []


def json_type(value: Any) -> str:
    """Return the JSON type of a value."""
    return "number" if type(value) in {int, float} else type(value).__name__


def date_format(date: str) -> str:
    """Return a date with every digit replaced by 0 and every offset made positive."""
    return re.sub(r"-(?=\d{4}$)", "+", re.sub(r"\d", "0", date))

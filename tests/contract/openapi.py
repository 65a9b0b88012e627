"""The OpenAPI description of the API, and what it says of an answer."""

from __future__ import annotations

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


def content_of(operation_id: str, status: int) -> dict[str, Any]:
    """Return the schemas of an operation's answer by their content types; none where the body is free."""
    operation = operations()[operation_id][2]
    content = operation["responses"].get(str(status), {}).get("content", {})
    return {content_type: described["schema"] for content_type, described in content.items()}


def complaints(schema: dict[str, Any], value: Any) -> list[str]:
    """Return what is wrong with a value, by a schema of the description."""
    with_components = {**schema, "components": SPEC["components"]}
    return [
        f"{error.json_path}: {error.message}"
        for error in Draft202012Validator(with_components).iter_errors(value)
    ]

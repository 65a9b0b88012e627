"""What users configure: the extra of a connection and the sections of ``airflow.cfg``."""

from __future__ import annotations

from typing import Any

from airflow_provider_damstra.get_provider_info import get_provider_info
from docs._extensions.markdown import blocks, code, escape, table


def render_connection_extras() -> str:
    """Return a table of the extra's fields, as the connection form shows them."""
    [connection] = get_provider_info()["connection-types"]
    rows = [
        (code(name), field["label"], _type(field["schema"]), escape(field["description"]))
        for name, field in connection["conn-fields"].items()
    ]
    return table(("extra", "label in the form", "type", "description"), rows)


def render_configuration() -> str:
    """Return the sections of ``airflow.cfg`` with their options."""
    return blocks(*(_section(name, section) for name, section in get_provider_info()["config"].items()))


def _type(schema: dict[str, Any]) -> str:
    return "secret" if schema.get("format") == "password" else schema["type"][0]


def _section(name: str, section: dict[str, Any]) -> str:
    options = (_option(name, key, option) for key, option in section["options"].items())
    return blocks(f"## Section {name}", section["description"], *options)


def _option(section: str, name: str, option: dict[str, Any]) -> str:
    facts = [
        f"Type: {option['type']}",
        f"Default: {code(option['default']) or 'none'}",
        f"Environment variable: {code(f'AIRFLOW__{section}__{name}'.upper())}",
    ]
    if option["example"]:
        facts.append(f"Example: {code(option['example'])}")
    return blocks(f"### {name}", escape(option["description"]), "\n".join(f"- {fact}" for fact in facts))

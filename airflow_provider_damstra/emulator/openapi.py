"""The OpenAPI document of the emulator: the control plane, and the operations of the API."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from airflow_provider_damstra.emulator.routing import OPERATIONS
from airflow_provider_damstra.emulator.settings import API_PREFIX
from airflow_provider_damstra.endpoints.base import Endpoint, ListEndpoint

_REFERENCES = "#/components/schemas/{model}"
_KEY_SCHEME = "AccessKey"
_PAGING = {
    "startIndex": "Index of the first row; default 0.",
    "maxResults": "Number of rows; default 20, at most the emulator's page cap.",
}


class EmulatorApp(FastAPI):
    """An application whose OpenAPI document also describes the API, which consists of plain routes."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        if self.openapi_schema is None:
            document = super().openapi()
            components = document.setdefault("components", {})
            schemas = components.setdefault("schemas", {})
            paths: dict[str, dict[str, Any]] = {}
            for operation in OPERATIONS:
                endpoint = operation.endpoint
                path = paths.setdefault(API_PREFIX + endpoint.path, {})
                path[endpoint.method.lower()] = _describe(endpoint, schemas)
            key = {"type": "apiKey", "in": "header", "name": "AccessKey"}
            components["securitySchemes"] = {_KEY_SCHEME: key}
            document["paths"] = paths | document["paths"]
        return self.openapi_schema or {}


def _describe(endpoint: type[Endpoint[Any]], schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the description of an operation.

    :param schemas: the schemas of the document; those of the operation's fields are added.
    """
    schema = endpoint.model_json_schema(by_alias=True, ref_template=_REFERENCES)
    schemas |= schema.pop("$defs", {})
    locations = endpoint.field_locations()
    names = {name: field.serialization_alias or name for name, field in endpoint.model_fields.items()}
    properties = {name: schema["properties"][alias] for name, alias in names.items()}
    required = schema.get("required", ())
    parameters = [
        {
            "name": name if location == "path" else names[name],
            "in": location,
            "required": names[name] in required,
            "schema": properties[name],
        }
        for name, location in locations.items()
        if location != "body"
    ]
    if issubclass(endpoint, ListEndpoint):
        integer = {"type": "integer", "minimum": 0}
        parameters += (
            {"name": name, "in": "query", "required": False, "schema": integer, "description": text}
            for name, text in _PAGING.items()
        )
    return {
        "operationId": endpoint.__name__,
        "summary": (endpoint.__doc__ or "").split("\n")[0],
        "tags": [endpoint.__module__.rpartition(".")[2]],
        "security": [{_KEY_SCHEME: []}],
        "parameters": parameters,
        **_request_body(
            {names[name]: properties[name] for name, where in locations.items() if where == "body"}, required
        ),
        "responses": {"200": {"description": "The result"}, "403": {"description": "The key is wrong"}},
    }


def _request_body(properties: dict[str, Any], required: Any) -> dict[str, Any]:
    """Return the request body with these fields, nothing if there are none."""
    if not properties:
        return {}
    schema = {
        "type": "object",
        "properties": properties,
        "required": [name for name in required if name in properties],
        "additionalProperties": False,
    }
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}

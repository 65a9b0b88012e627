"""Any operation by its name, with its result as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from airflow_provider_damstra import endpoints
from airflow_provider_damstra.endpoints.base import Endpoint, ListEndpoint
from airflow_provider_damstra.errors import DamstraConflictError

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.base import SupportsCalls
    from airflow_provider_damstra.services.intent_log import RecordingClient


def create_endpoint(name: str, arguments: Mapping[str, Any], *, allow_secret: bool = False) -> Endpoint[Any]:
    """Return the operation with its arguments.

    :param name: a class in ``airflow_provider_damstra.endpoints``.
    :param arguments: its fields, by snake_case or API names.
    :param allow_secret: accept an operation whose result is a secret.
    :raises ValueError: if there is no such operation, its result is not JSON, or it is a secret.
    :raises pydantic.ValidationError: naming the arguments that are wrong.
    """
    if name not in endpoints.__all__:
        raise ValueError(f"there is no operation {name!r}; there are {', '.join(endpoints.__all__)}")
    kind: type[Endpoint[Any]] = getattr(endpoints, name)
    if kind.result_type() is bytes:
        raise ValueError(f"{name} returns a file, not JSON: DamstraDownloadCertificateOperator saves it")
    if kind.response_is_secret and not allow_secret:
        raise ValueError(
            f"{name} returns a secret, which XCom would show: set return_in_clear=True if that is intended"
        )
    return kind.model_validate(dict(arguments))


def call_as_json(client: SupportsCalls, endpoint: Endpoint[Any]) -> Any:
    """Return the result with the API's own names, ready for JSON; all rows of a listing."""
    result = list(client.iterate(endpoint)) if isinstance(endpoint, ListEndpoint) else client.call(endpoint)
    return [_to_json(item) for item in result] if isinstance(result, list) else _to_json(result)


def call_as_json_lines(client: SupportsCalls, endpoint: Endpoint[Any]) -> list[bytes]:
    """Return the result as lines of JSON: one, or one for each item of a list."""
    result = call_as_json(client, endpoint)
    return [json.dumps(item).encode() for item in (result if isinstance(result, list) else [result])]


def validate_not_sent(client: RecordingClient, endpoint: Endpoint[Any]) -> None:
    """Raise if an earlier try of the task sent the request, and delete the log.

    A retry then does not repeat a harmful request, and a cleared task sends it.

    :raises DamstraConflictError: naming what to do.
    """
    if client.intents.was_sent(endpoint):
        client.intents.clear()
        raise DamstraConflictError(
            f"{endpoint.request()} was sent by an earlier try of this task, which received no response: "
            "check in Damstra whether it was carried out. If it was not, clear the task: that sends it."
        )


def _to_json(result: Any) -> Any:
    if isinstance(result, BaseModel):
        return result.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return result

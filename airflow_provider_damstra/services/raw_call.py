"""Any call by its name, and its answer as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from airflow_provider_damstra import endpoints
from airflow_provider_damstra.endpoints.base import Endpoint, ListEndpoint
from airflow_provider_damstra.errors import DamstraConflictError
from airflow_provider_damstra.services.intent_log import send, was_sent_before

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_damstra.services.idempotency import SupportsCalls
    from airflow_provider_damstra.services.intent_log import RecordingClient


def named_endpoint(
    name: str, arguments: Mapping[str, Any], *, secret_in_clear: bool = False
) -> Endpoint[Any]:
    """Return the call.

    :param secret_in_clear: whether an answer that is a secret is wanted as it is.
    :raises ValueError: if there is no such operation, its answer is no JSON, or it is a secret.
    :raises pydantic.ValidationError: naming the arguments that do not fit.
    """
    if name not in endpoints.__all__:
        raise ValueError(f"there is no operation {name!r}; there are {', '.join(endpoints.__all__)}")
    kind: type[Endpoint[Any]] = getattr(endpoints, name)
    if kind.result_type() is bytes:
        raise ValueError(f"{name} answers a file, not JSON: DamstraDownloadCertificateOperator saves it")
    if kind.response_is_secret and not secret_in_clear:
        raise ValueError(
            f"{name} answers a secret, which XCom would show: say return_in_clear=True if that is meant"
        )
    return kind.model_validate(dict(arguments))


def json_answer(client: SupportsCalls, call: Endpoint[Any]) -> Any:
    """Return the answer with the API's own names, fit for JSON; a listing whole."""
    answer = list(client.iterate(call)) if isinstance(call, ListEndpoint) else _answer(client, call)
    return [_plain(one) for one in answer] if isinstance(answer, list) else _plain(answer)


def json_lines(client: SupportsCalls, call: Endpoint[Any]) -> list[bytes]:
    """Return the answer as lines of JSON: one, or one for each id of a list."""
    answer = json_answer(client, call)
    return [json.dumps(one).encode() for one in (answer if isinstance(answer, list) else [answer])]


def refuse_to_repeat(client: RecordingClient, call: Endpoint[Any]) -> None:
    """Refuse, once, what an earlier attempt of the task sent: doing it twice may do harm.

    :raises DamstraConflictError: saying what to do.
    """
    if was_sent_before(client, call):
        client.forget()
        raise DamstraConflictError(
            f"{call.request()} was sent by an earlier attempt of this task, which did not learn what became "
            "of it: look in Damstra whether it was carried out. If it was not, clear the task: that sends it."
        )


def _answer(client: SupportsCalls, call: Endpoint[Any]) -> Any:
    return client.call(call) if call.request().is_idempotent else send(client, call)


def _plain(answer: Any) -> Any:
    if isinstance(answer, BaseModel):
        return answer.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return answer

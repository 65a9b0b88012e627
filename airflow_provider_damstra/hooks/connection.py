"""Client settings from an Airflow connection of type ``damstra``, and the test of that connection."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError

from airflow_provider_damstra import errors
from airflow_provider_damstra.addresses import is_loopback, without_login
from airflow_provider_damstra.clients.environment import validate_ca_bundle
from airflow_provider_damstra.clients.settings import ClientOptions, ClientSettings
from airflow_provider_damstra.text import escape_unprintable
from airflow_provider_damstra.validation_errors import format_validation_error

if TYPE_CHECKING:
    from airflow.sdk import Connection

DEFAULT_HOST = "app.velpic.com"
API_PATH = "/api/v2"
MIN_HASH_KEY_LENGTH = 32

_SCHEMES = ("http", "https")

_PROBLEMS: tuple[tuple[type[errors.DamstraError], str], ...] = (
    (errors.DamstraConfigurationError, "The connection is not configured correctly"),
    (errors.DamstraAuthError, "Key problem: the server is reachable, but rejects the access key"),
    (errors.DamstraPermissionError, "Permission problem: the access key is accepted, but may not list users"),
    (errors.DamstraNotFoundError, "Address problem: the server has no Damstra API at this address"),
    (errors.DamstraResponseError, "Address problem: the server does not respond like the Damstra API"),
)


def _validate_hash_key(key: SecretStr | None) -> SecretStr | None:
    # A key that is shorter than the hash could be found by trying.
    if key and len(key.get_secret_value().strip()) < MIN_HASH_KEY_LENGTH:
        raise ValueError(f"it has fewer than {MIN_HASH_KEY_LENGTH} characters")
    return key


class DamstraConnectionExtra(ClientOptions):
    """The extra of a ``damstra`` connection."""

    allow_http: Annotated[bool, Field(description="Allow http:// to a host other than this machine.")] = False
    webhook_token: Annotated[SecretStr | None, Field(description="Secret of the webhook receiver.")] = None
    webhook_tokens_previous: Annotated[
        SecretStr | None,
        Field(description="Tokens that are accepted until a time: <token>:<time> ..."),
    ] = None
    hash_key: Annotated[
        SecretStr | None,
        AfterValidator(_validate_hash_key),
        Field(description="Secret with which exports hash columns; at least 32 characters."),
    ] = None


def settings_from_connection(connection: Connection) -> ClientSettings:
    """Return the client settings of a connection.

    :raises DamstraConfigurationError: naming every invalid field of the connection.
    """
    try:
        extra = _validated_extra(connection)
        if isinstance(extra.verify, str):
            validate_ca_bundle(extra.verify)
        options = extra.model_dump(include=set(ClientOptions.model_fields))
        return ClientSettings(
            base_url=_api_url(connection, allow_http=extra.allow_http),
            access_key=SecretStr(connection.password or ""),
            **options,
        )
    except ValidationError as error:
        reason = _validation_problem(error)
    except ValueError as error:
        reason = f"{error}."
    raise errors.DamstraConfigurationError(f"Connection {connection.conn_id!r} cannot be used: {reason}")


def hash_key_from_connection(connection: Connection) -> bytes:
    """Return the secret with which the exports of a connection hash columns.

    :raises DamstraConfigurationError: if there is none, or it is not usable.
    """
    try:
        key = _validated_extra(connection).hash_key
        reason = (
            "hash_columns needs its extra hash_key, a secret of at least "
            f"{MIN_HASH_KEY_LENGTH} characters, such as openssl rand -hex 32 prints."
        )
    except ValidationError as error:
        key, reason = None, _validation_problem(error)
    except ValueError as error:
        key, reason = None, f"{error}."
    if key is None:
        raise errors.DamstraConfigurationError(f"Connection {connection.conn_id!r} cannot be used: {reason}")
    return key.get_secret_value().strip().encode()


def _validated_extra(connection: Connection) -> DamstraConnectionExtra:
    return DamstraConnectionExtra.model_validate(parse_extra(connection))


def _validation_problem(error: ValidationError) -> str:
    reason = format_validation_error(error)
    if error.title == ClientSettings.__name__:
        reason = reason.replace("access_key:", "the access key (field Password) is not usable:")
    known = ", ".join(DamstraConnectionExtra.model_fields)
    hint = f" Known extras: {known}." if "Extra inputs" in reason else ""
    return reason.replace("Extra inputs are not permitted", "there is no such extra") + "." + hint


def find_connection(conn_id: str) -> tuple[Any, Any] | None:
    """Return a connection and the secrets backend that contains it, or None if no backend does.

    Used in the API server and on the command line; tasks and triggers use the Task SDK. Airflow's own
    lookup treats a failing backend like one that does not contain the connection.

    :raises DamstraTransportError: if a secrets backend fails, or the connection in it cannot be parsed.
    """
    from airflow.configuration import ensure_secrets_loaded

    from airflow_provider_damstra.hooks.connection_lookup import describe_backend

    for backend in ensure_secrets_loaded():
        try:
            connection = backend.get_connection(conn_id)
        except Exception as error:
            # Only the type: the text may contain a part of the access key, which a URI has before its port.
            problem = type(error).__name__
        else:
            if connection:
                return connection, backend
            continue
        # Not raised in the except block: the backend's error would be its context.
        raise errors.DamstraTransportError(
            f"Connection {conn_id!r} cannot be read from {describe_backend(backend, conn_id)} ({problem}).",
            was_sent=False,
        )
    return None


def load_settings(conn_id: str) -> ClientSettings:
    """Return the client settings of a connection, in the API server.

    :raises DamstraConfigurationError: if there is no such connection, or it cannot be used.
    :raises DamstraTransportError: if a secrets backend fails.
    """
    stored = find_connection(conn_id)
    if stored is None:
        raise errors.DamstraConfigurationError(f"There is no connection {conn_id!r}.")
    return settings_from_connection(stored[0])


def parse_extra(connection: Connection) -> dict[str, Any]:
    """Return a connection's extra without blank values.

    :raises ValueError: if it is not a JSON object.
    """
    # Not extra_dejson: it masks secrets with a blocking call to the supervisor, also in an event loop.
    try:
        extra = json.loads(connection.extra) if connection.extra else {}
    except ValueError:
        extra = None
    if not isinstance(extra, dict):
        raise ValueError("its extra is not a JSON object")
    return {name: value for name, value in extra.items() if value is not None and str(value).strip()}


def base_url_of(connection: Connection, *, default_host: str = "", allow_http: bool, content: str) -> str:
    """Return scheme, host, port and path of a connection, without a slash at the end.

    :param allow_http: permit ``http`` to another machine than this.
    :param content: what must not be sent unencrypted, for the message.
    :raises ValueError: if the fields are no address, or ``http`` is not permitted.
    """
    host = (connection.host or "").strip() or default_host
    shown = without_login(host)
    url = host if "://" in host else f"{_scheme(connection)}://{host}"
    try:
        parts = urlsplit(url)
        port = parts.port or connection.port
    except ValueError:
        # Its text may be a part of a password.
        raise ValueError(f"its host {shown!r} has an invalid port or IP address") from None
    if "@" in parts.netloc or parts.query or parts.fragment:
        # A query may be a secret, too.
        raise ValueError(
            f"its host {parts.hostname or ''!r} must be a host name or a base address and nothing else"
        )
    if not parts.hostname:
        raise ValueError(f"its host {shown!r} is not a host name")
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    authority = f"{parts.scheme}://{name}{f':{port}' if port else ''}"
    if parts.scheme == "http" and not (allow_http or is_loopback(parts.hostname)):
        raise ValueError(
            f"{authority} would send {content} unencrypted: use https, or set the extra allow_http"
        )
    return authority + parts.path.rstrip("/")


def _api_url(connection: Connection, *, allow_http: bool) -> str:
    url = base_url_of(connection, default_host=DEFAULT_HOST, allow_http=allow_http, content="the access key")
    return url if urlsplit(url).path else url + API_PATH


def _scheme(connection: Connection) -> str:
    """Return the URL scheme of a connection whose host has none.

    As in Airflow's HTTP connections, the field Schema is one; a URI such as ``http://host`` has it as type.

    :raises ValueError: if the field Schema is not a scheme of HTTP.
    """
    scheme = (connection.schema or "").strip().lower()
    if scheme not in ("", *_SCHEMES):
        raise ValueError(f"its schema {scheme!r} is neither http nor https")
    return scheme or (connection.conn_type if connection.conn_type in _SCHEMES else "https")


def check_connection(read_settings: Callable[[], ClientSettings]) -> tuple[bool, str]:
    """Return whether one request for one user succeeds, and a message that names the cause if not.

    Calls ``listUsers`` for one row, without retries.
    """
    from airflow_provider_damstra.clients.client import Client
    from airflow_provider_damstra.endpoints.user import ListUsers

    try:
        settings = read_settings().model_copy(update={"max_retries": 0, "page_size": 1})
        with Client(settings) as client:
            next(client.iterate(ListUsers(), concurrency=1), None)
    except errors.DamstraError as error:
        return False, escape_unprintable(f"{_problem(error)}. {error}")
    return True, f"Connected to {settings.host}: the access key is accepted."


def _problem(error: errors.DamstraError) -> str:
    if isinstance(error, errors.DamstraTransportError):
        return "Network problem" if error.is_transient else "TLS problem"
    problems = (text for kind, text in _PROBLEMS if isinstance(error, kind))
    return next(problems, "Damstra responds, but with an error")

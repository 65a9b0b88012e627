"""Settings of an HTTP endpoint from a connection of type ``http``, without Airflow's HTTP provider."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from airflow_provider_damstra.clients.environment import validate_ca_bundle
from airflow_provider_damstra.errors import DamstraConfigurationError
from airflow_provider_damstra.exports.completions.endpoint import EndpointSettings
from airflow_provider_damstra.hooks.connection import base_url_of, parse_extra
from airflow_provider_damstra.validation_errors import format_validation_error

_IGNORED_EXTRAS = {"stream", "allow_redirects", "max_redirects", "trust_env", "check_response", "srv_lookup"}
"""Options of Airflow's ``HttpHook`` that have no meaning here."""

_HEADERS_SET_BY_REQUEST = {"content-type", "content-length", "idempotency-key"}


class HttpConnectionExtra(BaseModel):
    """The extra of an HTTP connection: options of ``HttpHook``, and all others are headers."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)

    timeout: Annotated[float, Field(gt=0, le=86400)] = 30.0
    verify: Annotated[
        bool | str, Field(union_mode="left_to_right", validation_alias=AliasChoices("verify", "verify_ssl"))
    ] = True
    cert: str | tuple[str, str] | None = None
    allow_http: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers.

        :raises ValueError: naming a header whose value cannot be one; the value is not shown.
        """
        extras = {
            name: value
            for name, value in (self.model_extra or {}).items()
            if name not in _IGNORED_EXTRAS and name.lower() not in _HEADERS_SET_BY_REQUEST
        }
        for name, value in extras.items():
            if name in ("proxy", "proxies"):
                raise ValueError(f"its extra {name!r} is not used: set https_proxy in the environment")
            if not (isinstance(value, str) and value.isprintable() and value.isascii()):
                raise ValueError(f"its extra {name!r} is no option, and its value cannot be that of a header")
        return extras


def read_endpoint_settings(http_conn_id: str, endpoint: str | None, *, max_retries: int) -> EndpointSettings:
    """Return the settings of an endpoint; its secrets are masked in Airflow's logs.

    :param endpoint: path below the connection's address, or None.
    :param max_retries: attempts after the first.
    :raises DamstraConfigurationError: naming what is invalid in the connection.
    :raises AirflowNotFoundException: if there is no such connection.
    """
    from airflow.providers.common.compat.sdk import BaseHook, mask_secret

    connection: Any = BaseHook.get_connection(http_conn_id)
    try:
        extra = HttpConnectionExtra.model_validate(parse_extra(connection))
        if isinstance(extra.verify, str):
            validate_ca_bundle(extra.verify)
        base_url = base_url_of(connection, allow_http=extra.allow_http, content="data about people")
        settings = EndpointSettings(
            url=f"{base_url}/{str(endpoint).lstrip('/')}" if endpoint else base_url,
            headers=extra.headers,
            auth=(connection.login, connection.password or "") if connection.login else None,
            timeout=extra.timeout,
            verify=extra.verify,
            cert=extra.cert,
            max_retries=max_retries,
        )
    except ValidationError as error:
        reason = format_validation_error(error)
    except ValueError as error:
        reason = str(error)
    else:
        for secret in settings.secrets:
            mask_secret(secret)
        return settings
    raise DamstraConfigurationError(f"HTTP connection {http_conn_id!r} cannot be used: {reason}.")

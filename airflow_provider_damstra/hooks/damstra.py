"""The hook: Airflow's connection, Damstra's API."""

from __future__ import annotations

import threading
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

try:
    from airflow.sdk import BaseHook
except ImportError:  # Airflow 3.0
    from airflow.hooks.base import BaseHook  # type: ignore[no-redef, attr-defined]

# Clients, models and requests take 0.3 s to import, and DAG files import this module: import them where used.
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from airflow_provider_damstra.clients.async_client import AsyncClient
    from airflow_provider_damstra.clients.client import Client
    from airflow_provider_damstra.clients.settings import ClientSettings
    from airflow_provider_damstra.endpoints.base import Endpoint, ListEndpoint
    from airflow_provider_damstra.models.base import Model

    Row = TypeVar("Row", bound=Model)

Result = TypeVar("Result")


class DamstraHook(BaseHook):
    """Calls Damstra Learning with the address and the access key of an Airflow connection.

    :param damstra_conn_id: id of a connection of type ``damstra``.
    """

    conn_name_attr = "damstra_conn_id"
    default_conn_name = "damstra_default"
    conn_type = "damstra"
    hook_name = "Damstra Learning"

    def __init__(self, *, damstra_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.damstra_conn_id = damstra_conn_id
        self._lock = threading.Lock()
        self._made: Client | None = None

    @cached_property
    def settings(self) -> ClientSettings:
        """Return what the connection says, checked.

        :raises DamstraConfigurationError: naming what is wrong with it.
        """
        from airflow_provider_damstra.hooks.connection import settings_from_connection

        settings = settings_from_connection(self.get_connection(self.damstra_conn_id))
        _mask(settings.access_key.get_secret_value())
        return settings

    def reload_connection(self) -> bool:
        """Read the connection again, and return whether it says something else: that counts from now on.

        For who has used the hook for hours, and was refused. What cannot be read now changes nothing.
        """
        try:
            settings = DamstraHook(damstra_conn_id=self.damstra_conn_id).settings
        except Exception:
            # What led here is what counts: who asks reports it, or bears it.
            return False
        if settings == self.settings:
            return False
        with self._lock:
            self.settings = settings
            before, self._made = self._made, None
        if before:
            before.close()
        return True

    @property
    def _client(self) -> Client:
        # Threads of a fan-out may be the first to ask, all at once.
        with self._lock:
            if self._made is None:
                self._made = self.create_client()
            return self._made

    def create_client(self, **changes: Any) -> Client:
        """Return a client of one's own, with some of the connection's settings changed. Close it after use.

        :param changes: names and values, such as ``max_concurrency=32``; None changes nothing.
        """
        from airflow_provider_damstra.clients.client import Client
        from airflow_provider_damstra.hooks.metrics import count_request

        given = {name: value for name, value in changes.items() if value is not None}
        settings = self.settings.model_copy(update=given)
        return Client(settings, observe=count_request, on_secret=_mask)

    def get_conn(self) -> Client:
        """Return the client behind this hook; it is made once."""
        return self._client

    def call(self, endpoint: Endpoint[Result]) -> Result:
        """Return the answer to one call. An answer that is a secret is masked in Airflow's logs.

        :param endpoint: the operation with its arguments, such as ``GetUser(user_id=7)``.
        :raises DamstraError: if it failed.
        """
        return self._client.call(endpoint)

    def iterate(self, endpoint: ListEndpoint[Row], *, concurrency: int | None = None) -> Iterator[Row]:
        """Yield the rows of a listing, page after page, as they are taken.

        :param endpoint: the listing with its filters, such as ``ListUsers(q="smith")``.
        :param concurrency: pages in flight at once; default as the connection's ``max_concurrency``.
        :raises DamstraError: if a page failed.
        """
        return self._client.iterate(endpoint, concurrency=concurrency)

    @asynccontextmanager
    async def async_client(self) -> AsyncIterator[AsyncClient]:
        """Yield a client for an event loop: ``async with hook.async_client() as client: ...``."""
        settings = await self.async_settings()
        from airflow_provider_damstra.clients.async_client import AsyncClient
        from airflow_provider_damstra.hooks.metrics import count_request

        async with AsyncClient(settings, observe=count_request, on_secret=_mask_in_loop) as client:
            yield client

    async def async_settings(self) -> ClientSettings:
        """Return for an event loop what the connection says at this moment, checked.

        :raises DamstraConfigurationError: naming what is wrong with it.
        """
        import asyncio

        # Imported in a thread first, for it takes 0.2 s, in which no other trigger would have its turn.
        await asyncio.to_thread(_import_what_an_event_loop_needs)
        from airflow.providers.common.compat.connection import get_async_connection

        from airflow_provider_damstra.hooks.connection import settings_from_connection

        settings = settings_from_connection(await get_async_connection(self.damstra_conn_id, hook=type(self)))
        await _mask_in_loop(settings.access_key.get_secret_value())
        return settings

    async def async_webhook_token(self) -> str | None:
        """Return the secret of the webhook receiver for an event loop, masked; None if there is none."""
        import asyncio

        await asyncio.to_thread(_import_what_an_event_loop_needs)
        from airflow.providers.common.compat.connection import get_async_connection

        from airflow_provider_damstra.hooks.connection import DamstraConnectionExtra, parse_extra

        connection = await get_async_connection(self.damstra_conn_id, hook=type(self))
        extra = DamstraConnectionExtra.model_validate(parse_extra(connection))
        if extra.webhook_token is None:
            return None
        token = extra.webhook_token.get_secret_value()
        await _mask_in_loop(token)
        return token

    def test_connection(self) -> tuple[bool, str]:
        """Return whether one cheap request succeeds, and in plain words what is wrong if it does not.

        Calls ``listUsers`` for one row, without retries.
        """
        from airflow_provider_damstra.hooks.connection_test import check_connection

        return check_connection(lambda: self.settings)


def _import_what_an_event_loop_needs() -> None:

    import airflow_provider_damstra.clients.async_client
    import airflow_provider_damstra.hooks.connection
    import airflow_provider_damstra.hooks.metrics  # noqa: F401


def _mask(secret: str) -> None:
    from airflow.providers.common.compat.sdk import mask_secret

    mask_secret(secret)


async def _mask_in_loop(secret: str) -> None:
    """Mask without blocking the event loop: the plain way asks the supervisor and waits."""
    try:
        from airflow.sdk.log import amask_secret
    except ImportError:  # Airflow before 3.3
        import asyncio

        await asyncio.to_thread(_mask, secret)
    else:
        await amask_secret(secret)

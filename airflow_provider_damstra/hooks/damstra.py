"""The hook for Damstra Learning."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

try:
    from airflow.sdk import BaseHook
except ImportError:  # Airflow 3.0
    from airflow.hooks.base import BaseHook  # type: ignore[no-redef, attr-defined]

# DAG files import this module: clients, models and endpoints are imported where they are used.
if TYPE_CHECKING:
    from airflow.sdk import Connection

    from airflow_provider_damstra.clients.async_client import AsyncClient
    from airflow_provider_damstra.clients.client import Client
    from airflow_provider_damstra.clients.settings import ClientSettings
    from airflow_provider_damstra.endpoints.base import Endpoint, ListEndpoint
    from airflow_provider_damstra.models.base import Model
    from airflow_provider_damstra.models.user import User

    Row = TypeVar("Row", bound=Model)

Result = TypeVar("Result")


class DamstraHook(BaseHook):
    """Call the API of Damstra Learning with the host and access key of an Airflow connection.

    The connection is read once, when it is first needed. The synchronous client is created once per hook and
    may be used by several threads.

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
        self._client: Client | None = None

    @cached_property
    def settings(self) -> ClientSettings:
        """Return the validated settings of the connection; the access key is masked in Airflow's logs.

        :raises DamstraConfigurationError: naming every invalid field.
        :raises AirflowNotFoundException: if there is no such connection.
        :raises DamstraTransportError: if it cannot be read, as a secrets backend or the metadata database
            failed.
        """
        from airflow_provider_damstra.hooks.connection import settings_from_connection

        settings = settings_from_connection(self._read_connection())
        _mask(settings.access_key.get_secret_value())
        return settings

    @cached_property
    def hash_key(self) -> bytes:
        """Return the extra ``hash_key`` of the connection, masked in Airflow's logs.

        :raises DamstraConfigurationError: if there is none, or it is not usable.
        """
        from airflow_provider_damstra.hooks.connection import hash_key_from_connection

        key = hash_key_from_connection(self._read_connection())
        _mask(key.decode())
        return key

    def _read_connection(self) -> Connection:
        from airflow.providers.common.compat.sdk import AirflowNotFoundException
        from airflow.sdk.exceptions import AirflowRuntimeError

        from airflow_provider_damstra.hooks.connection_lookup import lookup_error

        try:
            return self.get_connection(self.damstra_conn_id)
        except (AirflowNotFoundException, AirflowRuntimeError) as error:
            raise lookup_error(self.damstra_conn_id, error) from None

    def reload_connection(self) -> bool:
        """Read the connection again and return whether its settings have changed.

        If so, the next call uses a new client with the new settings, such as a rotated access key. If the
        connection cannot be read, the current settings are kept.
        """
        try:
            settings = DamstraHook(damstra_conn_id=self.damstra_conn_id).settings
        except Exception:
            # The caller reports the error that made it reload.
            return False
        if settings == self.settings:
            return False
        with self._lock:
            self.settings = settings
            replaced, self._client = self._client, None
        if replaced:
            replaced.close()
        return True

    def create_client(self, **changes: Any) -> Client:
        """Return a new client with some settings changed; the caller closes it.

        :param changes: fields of ``ClientSettings``, such as ``max_concurrency=32``; None keeps the
            connection's value.
        """
        from airflow_provider_damstra.clients.client import Client
        from airflow_provider_damstra.hooks.metrics import count_request

        changes = {name: value for name, value in changes.items() if value is not None}
        settings = self.settings.model_copy(update=changes)
        return Client(settings, observe=count_request, on_secret=_mask)

    def get_conn(self) -> Client:
        """Return the hook's client, which is created once."""
        # Several threads may make the first call at the same time.
        with self._lock:
            if self._client is None:
                self._client = self.create_client()
            return self._client

    def call(self, endpoint: Endpoint[Result]) -> Result:
        """Call one operation and return its result. A secret result is masked in Airflow's logs.

        :param endpoint: the operation with its arguments, such as ``GetUser(user_id=7)``.
        :raises DamstraError: if the call failed, after the client's retries.
        """
        return self.get_conn().call(endpoint)

    def iterate(self, endpoint: ListEndpoint[Row], *, concurrency: int | None = None) -> Iterator[Row]:
        """Iterate lazily over the rows of a listing, page by page.

        :param endpoint: the listing with its filters, such as ``ListUsers(q="smith")``.
        :param concurrency: maximum number of pages in flight; default: the connection's ``max_concurrency``.
        :raises DamstraError: if a page failed, after the client's retries.
        """
        return self.get_conn().iterate(endpoint, concurrency=concurrency)

    def list_supervisors(self, user_id: int | str) -> list[User]:
        """Return the active supervisors of a user, in the order of their names.

        They supervise a group of the user, or the user directly, which only lesson schedules show: a direct
        supervisor of a user without a lesson schedule is not found.

        Calls ``getUser``, ``listUserLessonSchedules``, ``listGroupSupervisors`` for each group,
        ``getLessonSchedule`` for the newest schedule, and ``getUser`` for each direct supervisor.

        :param user_id: id of the user.
        :raises DamstraNotFoundError: if the user does not exist.
        """
        from airflow_provider_damstra.services.supervisors import find_supervisors_of_user

        return find_supervisors_of_user(self.get_conn(), user_id)

    @asynccontextmanager
    async def async_client(self) -> AsyncIterator[AsyncClient]:
        """Open an asynchronous client: ``async with hook.async_client() as client: ...``.

        :raises DamstraConfigurationError: naming every invalid field of the connection.
        """
        settings = await self.async_settings()
        from airflow_provider_damstra.clients.async_client import AsyncClient
        from airflow_provider_damstra.hooks.metrics import count_request

        async with AsyncClient(settings, observe=count_request, on_secret=_mask_in_loop) as client:
            yield client

    async def async_settings(self) -> ClientSettings:
        """Read the connection without blocking the event loop and return its validated settings.

        :raises DamstraError: as ``settings``.
        :raises AirflowNotFoundException: if there is no such connection.
        """
        connection = await self._async_connection()
        from airflow_provider_damstra.hooks.connection import settings_from_connection

        settings = settings_from_connection(connection)
        await _mask_in_loop(settings.access_key.get_secret_value())
        return settings

    async def async_webhook_token(self) -> str | None:
        """Read the webhook receiver's token without blocking the event loop; None if there is none."""
        connection = await self._async_connection()
        from airflow_provider_damstra.hooks.connection import parse_extra

        token = parse_extra(connection).get("webhook_token")
        if token is None:
            return None
        await _mask_in_loop(str(token))
        return str(token)

    async def _async_connection(self) -> Connection:
        # Imported in a thread: it takes 0.2 s and would block all triggers of the event loop.
        await asyncio.to_thread(_import_client)
        from airflow.providers.common.compat.connection import get_async_connection
        from airflow.providers.common.compat.sdk import AirflowNotFoundException
        from airflow.sdk.exceptions import AirflowRuntimeError

        from airflow_provider_damstra.hooks.connection_lookup import lookup_error

        try:
            return await get_async_connection(self.damstra_conn_id, hook=type(self))
        except (AirflowNotFoundException, AirflowRuntimeError) as error:
            raise await asyncio.to_thread(lookup_error, self.damstra_conn_id, error) from None

    def test_connection(self) -> tuple[bool, str]:
        """Return whether one request succeeds, and a message that names the problem if it does not.

        Calls ``listUsers`` for one row, without retries. ``airflow connections test`` prints the message as
        markup of rich, so brackets that would be taken for a tag are escaped.
        """
        from rich.markup import escape

        from airflow_provider_damstra.hooks.connection import check_connection

        is_valid, message = check_connection(lambda: self.settings)
        return is_valid, escape(message)


def _import_client() -> None:
    import airflow_provider_damstra.clients.async_client
    import airflow_provider_damstra.hooks.connection
    import airflow_provider_damstra.hooks.metrics  # noqa: F401


def _mask(secret: str) -> None:
    from airflow.providers.common.compat.sdk import mask_secret

    mask_secret(secret)


async def _mask_in_loop(secret: str) -> None:
    """Mask a secret without blocking the event loop: ``mask_secret`` waits for the supervisor."""
    try:
        from airflow.sdk.log import amask_secret
    except ImportError:  # Airflow before 3.3
        await asyncio.to_thread(_mask, secret)
    else:
        await amask_secret(secret)

"""One question asked once: of the connection as it is by now, and no further than somebody wants to know."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.endpoints.base import Paged
from airflow_provider_damstra.errors import DamstraError
from airflow_provider_damstra.waits.base import is_answer

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.asynchronous import AsyncClient
    from airflow_provider_damstra.triggers.current_client import CurrentClient
    from airflow_provider_damstra.triggers.watching import Watch


async def ask(connection: CurrentClient, watch: Watch, rows: frozenset[int] | None) -> tuple[Any, bool]:
    """Return the answer to a question, and whether it is whole.

    If it fails, and the connection has changed meanwhile, it is asked there.

    :param rows: keys of the rows of a listing that somebody wants, or None for all: it is read no further.
    :raises DamstraError: if there was no answer.
    """
    client = connection.client
    try:
        return await _answer(client, watch, rows)
    except DamstraError as error:
        if is_answer(error) or not await connection.renew(client):
            raise
    return await _answer(connection.client, watch, rows)


async def _answer(client: AsyncClient, watch: Watch, rows: frozenset[int] | None) -> tuple[Any, bool]:
    if not isinstance(watch.question, Paged):
        return await client.call(watch.question), True
    found: list[Any] = []
    missing = set(rows or ())
    async with aclosing(client.pages(watch.question, reader=watch.memory)) as pages:
        async for page in pages:
            found += page
            missing.difference_update(row.row_key for row in page)
            if rows is not None and not missing:
                return found, False
    return found, True

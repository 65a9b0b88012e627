"""A wait asks questions until it can say whether it is over; who sends them is not its business."""

from __future__ import annotations

from contextlib import aclosing, closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_damstra.actions.caller import Caller, fan_out
from airflow_provider_damstra.endpoints.base import Endpoint, Paged
from airflow_provider_damstra.errors import DamstraNotFoundError

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.asynchronous import AsyncClient

Question = Endpoint[Any]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How a wait stands after one look.

    :param is_over: whether there is nothing more to wait for.
    :param failure: why it can never come true, or None.
    :param progress: how far it is, for the log.
    :param result: what the task returns once it is over; fit for XCom.
    """

    is_over: bool
    failure: str | None = None
    progress: str = ""
    result: list[int] = field(default_factory=list)


class Wait(Protocol):
    """What can be waited for."""

    def begin_look(self) -> None:
        """Begin to look anew."""

    def questions(self) -> list[Question]:
        """Return what to ask next, all at once; nothing when the look is complete."""

    def rows_wanted(self, question: Question) -> set[int]:
        """Return the ids of the rows for which a listing is read; it need not be read further than these."""

    def learn(self, question: Question, answer: Any) -> None:
        """Take an answer: a model, the rows of a listing, or a ``DamstraNotFoundError``."""

    def verdict(self) -> Verdict:
        """Return how things stand."""


def look(caller: Caller, wait: Wait) -> Verdict:
    """Return how things stand now, asking from this thread.

    :raises DamstraError: if a question could not be answered.
    """
    wait.begin_look()
    while questions := wait.questions():
        for question, answer in fan_out(
            lambda one: _ask(caller, wait, one), questions, what="questions answered"
        ):
            _take(wait, question, answer)
    return wait.verdict()


async def look_in_loop(client: AsyncClient, wait: Wait) -> Verdict:
    """Return how things stand now, asking without blocking the event loop.

    :raises DamstraError: if a question could not be answered.
    """
    import asyncio

    wait.begin_look()
    while questions := wait.questions():
        asked = (_ask_in_loop(client, wait, question) for question in questions)
        answers = await asyncio.gather(*asked, return_exceptions=True)
        for question, answer in zip(questions, answers, strict=True):
            _take(wait, question, answer)
    return wait.verdict()


def _ask(caller: Caller, wait: Wait, question: Question) -> Any:
    if not isinstance(question, Paged):
        return caller.call(question)
    rows, wanted = [], wait.rows_wanted(question)
    with closing(caller.iterate(question)) as listing:  # type: ignore[type-var]
        for row in listing:
            rows.append(row)
            wanted.discard(row.row_key)
            if not wanted:
                break
    return rows


async def _ask_in_loop(client: AsyncClient, wait: Wait, question: Question) -> Any:
    if not isinstance(question, Paged):
        return await client.call(question)
    rows, wanted = [], wait.rows_wanted(question)
    async with aclosing(client.iterate(question)) as listing:  # type: ignore[type-var]
        async for row in listing:
            rows.append(row)
            wanted.discard(row.row_key)
            if not wanted:
                break
    return rows


def _take(wait: Wait, question: Question, answer: Any) -> None:
    """Hand an answer to the wait; that a thing does not exist is an answer too, any other failure is not."""
    if isinstance(answer, BaseException) and not isinstance(answer, DamstraNotFoundError):
        raise answer
    wait.learn(question, answer)

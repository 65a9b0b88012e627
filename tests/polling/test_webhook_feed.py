"""Waits look at once at what a webhook named, and are as they were where no webhooks are received."""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from airflow_provider_damstra.polling import poller as polling
from airflow_provider_damstra.polling import webhook_feed as following
from tests.clients.clock import until_in_loop
from tests.polling.feed_server import FeedServer, feeding
from tests.polling.helpers import (
    LIAM,
    THIRD,
    CountingCondition,
    cancel,
    counting_condition,
    other_tasks,
    request_counts,
    start_wait,
    wait_for_requests,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import aiohttp

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.polling.conftest import Connect

TOKEN = secrets.token_urlsafe(32)
NEVER_DONE = 1_000_000


@pytest.fixture
async def feed(
    emulator: DamstraEmulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[FeedServer]:
    """Return a receiver that is enabled and knows the connection's token."""
    monkeypatch.setattr(following, "EVERY", 0.05)
    monkeypatch.setattr(following, "LONGEST_PAUSE", 0.2)
    monkeypatch.setattr(polling, "EXPEDITED_INTERVAL", 0.05)
    connect(webhook_token=TOKEN)
    async with feeding() as server:
        monkeypatch.setenv("AIRFLOW__DAMSTRA__WEBHOOKS_ENABLED", "True")
        monkeypatch.setenv("AIRFLOW__DAMSTRA__RECEIVER_URL", server.url)
        yield server


async def begun(wait: CountingCondition, feed: FeedServer) -> asyncio.Task[Any]:
    """Let a wait begin that looks once an hour, and wait until its feed is followed."""
    task = start_wait(wait)
    await until_in_loop(lambda: bool(wait.answers), "the first look")
    await until_in_loop(lambda: len(feed.requests) > 1, "the feed to be followed")
    return task


async def test_a_webhook_ends_a_wait_long_before_its_next_look(
    emulator: DamstraEmulator, feed: FeedServer
) -> None:
    task = await begun(counting_condition(enough=2), feed)
    await asyncio.to_thread(emulator.complete_lesson_schedule, THIRD)
    feed.receive(THIRD)
    async with asyncio.timeout(10):
        await task


async def test_a_users_new_schedule_is_looked_at(emulator: DamstraEmulator, feed: FeedServer) -> None:
    task = await begun(counting_condition(enough=NEVER_DONE), feed)
    feed.receive(987_654, user_id=LIAM, name="lesson.schedule.created")
    await wait_for_requests(emulator, 2)
    await cancel(task)


async def test_it_asks_with_the_token_and_goes_on_from_the_cursor(
    emulator: DamstraEmulator, feed: FeedServer
) -> None:
    feed.receive(1)
    task = await begun(counting_condition(enough=NEVER_DONE), feed)
    feed.receive(2)
    await until_in_loop(lambda: feed.requests[-1][2] == "2", "the next cursor")
    await cancel(task)
    assert {request[:2] for request in feed.requests} == {
        ("/damstra/feed/damstra_default", f"Bearer {TOKEN}")
    }
    assert [after for *_, after in feed.requests][:2] == [None, "1"]


async def test_what_comes_again_is_no_news(
    emulator: DamstraEmulator, feed: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurried: list[set[int]] = []
    follower = following.WebhookFeedConsumer(
        "damstra_default", expedite=lambda **names: hurried.append(names["lesson_schedule_ids"])
    )
    task = asyncio.create_task(follower.follow())
    for schedule_id in (1, 2, 3):
        feed.receive(schedule_id)
        await until_in_loop(lambda: bool(hurried) and schedule_id in hurried[-1], "the hint")  # noqa: B023
    feed.receive(None, name="user.account.created")
    await until_in_loop(lambda: feed.requests[-1][2] == "4", "the next cursor")
    await cancel(task)
    assert hurried == [{1}, {2}, {3}]


async def test_what_is_no_id_hinders_nobody(emulator: DamstraEmulator, feed: FeedServer) -> None:
    task = await begun(counting_condition(enough=NEVER_DONE), feed)
    for strange in ("a text", {"a": ["mapping"]}, 1.5):
        feed.receive(strange, user_id=strange, name="lesson.retired")
    feed.receive(THIRD)
    await wait_for_requests(emulator, 2)
    await cancel(task)


async def test_all_waits_on_a_connection_follow_with_one_task(
    emulator: DamstraEmulator, feed: FeedServer
) -> None:
    first = await begun(counting_condition(enough=NEVER_DONE), feed)
    before = other_tasks()
    others = [start_wait(counting_condition(enough=NEVER_DONE)) for _ in range(20)]
    await until_in_loop(lambda: len(feed.requests) > 4, "some requests more")
    assert len(other_tasks() - before - set(others)) <= 1  # the request that is under way
    assert len(following_tasks()) == 1
    await cancel(first, *others)


async def test_the_last_wait_ends_it(
    emulator: DamstraEmulator, feed: FeedServer, sessions: list[aiohttp.ClientSession]
) -> None:
    for count in (1, 2):
        asked = len(feed.requests)
        task = start_wait(counting_condition(enough=NEVER_DONE))
        await until_in_loop(lambda: len(feed.requests) > asked + 1, "the feed to be followed")  # noqa: B023
        await cancel(task)
        await until_in_loop(lambda: not following_tasks(), "nobody follows any more")
        await until_in_loop(lambda: all(session.closed for session in sessions), "no session is open")
        assert len(sessions) == 2 * count


@pytest.mark.parametrize(
    "failure",
    [
        lambda: web.Response(status=503),
        lambda: web.Response(status=404),
        lambda: web.Response(status=302, headers={"Location": "/damstra/feed/elsewhere"}),
        lambda: web.Response(text="<html>"),
        lambda: web.json_response({"cursor": "none"}),
    ],
    ids=["unavailable", "unknown", "redirect", "no JSON", "something else"],
)
async def test_failures_are_borne_and_nothing_is_missed(
    emulator: DamstraEmulator,
    feed: FeedServer,
    failure: Callable[[], web.StreamResponse],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    task = await begun(counting_condition(enough=NEVER_DONE), feed)
    feed.failures += [failure, failure]
    feed.receive(THIRD)
    await until_in_loop(lambda: not feed.failures, "the failures")
    await wait_for_requests(emulator, 2)
    await cancel(task)
    assert {path for path, *_ in feed.requests} == {"/damstra/feed/damstra_default"}
    assert TOKEN not in caplog.text


async def test_a_receiver_that_is_away_changes_nothing(
    emulator: DamstraEmulator, feed: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__DAMSTRA__RECEIVER_URL", "http://127.0.0.1:9")
    wait = counting_condition(enough=3)
    task = start_wait(wait, poll_interval=0.1)
    await until_in_loop(lambda: len(wait.answers) == 1, "the first look")
    await wait_for_requests(emulator, 4)
    await cancel(task)
    assert feed.requests == []


async def test_without_a_token_nobody_is_asked(
    emulator: DamstraEmulator, feed: FeedServer, connect: Connect
) -> None:
    connect()
    task = start_wait(counting_condition(enough=NEVER_DONE), poll_interval=0.05)
    await wait_for_requests(emulator, 4)
    assert feed.requests == []
    connect(webhook_token=TOKEN)
    await until_in_loop(lambda: bool(feed.requests), "the token to be found")
    await cancel(task)


@pytest.mark.parametrize(
    ("name", "value"),
    [("WEBHOOKS_ENABLED", "False"), ("WEBHOOK_CONN_IDS", "another"), ("INBOX_RETENTION", "a while")],
)
async def test_where_nothing_is_received_there_is_no_follower(
    emulator: DamstraEmulator, feed: FeedServer, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"AIRFLOW__DAMSTRA__{name}", value)
    task = start_wait(counting_condition(enough=NEVER_DONE), poll_interval=0.05)
    await wait_for_requests(emulator, 3)
    assert following_tasks() == []
    assert feed.requests == []
    await cancel(task)
    assert set(await request_counts(emulator)) == {f"/user/{LIAM}/lesson_schedule"}


def following_tasks() -> list[asyncio.Task[Any]]:
    """Return the tasks that follow a feed."""
    return [task for task in other_tasks() if "WebhookFeedConsumer.follow" in repr(task)]

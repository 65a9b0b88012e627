"""Webhooks expedite the polls of the objects they name; without webhooks nothing is different."""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from airflow_provider_damstra.polling import poller, webhook_feed
from tests.polling.feed_server import FeedServer, running_feed_server
from tests.polling.helpers import (
    LIAM,
    NEVER,
    THIRD,
    RecordingCondition,
    cancel,
    other_tasks,
    recording,
    request_counts,
    start_polling,
    wait_for_requests,
)
from tests.waiting import wait_until_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import aiohttp

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.polling.conftest import Connect

TOKEN = secrets.token_urlsafe(32)


@pytest.fixture
async def feed(
    emulator: DamstraEmulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[FeedServer]:
    """Return the feed of an enabled receiver that accepts the connection's token."""
    monkeypatch.setattr(webhook_feed, "POLL_INTERVAL", 0.05)
    monkeypatch.setattr(webhook_feed, "MAX_BACKOFF", 0.2)
    monkeypatch.setattr(poller, "MIN_EXPEDITED_INTERVAL", 0.05)
    connect(webhook_token=TOKEN)
    async with running_feed_server() as server:
        monkeypatch.setenv("AIRFLOW__DAMSTRA__WEBHOOKS_ENABLED", "True")
        monkeypatch.setenv("AIRFLOW__DAMSTRA__RECEIVER_URL", server.url)
        yield server


async def started(condition: RecordingCondition, feed: FeedServer) -> asyncio.Task[Any]:
    """Return a task that polls once an hour, when it has polled and the feed is consumed."""
    task = start_polling(condition)
    await wait_until_async(lambda: bool(condition.responses), "the first poll")
    await wait_until_async(lambda: len(feed.requests) > 1, "the feed to be consumed")
    return task


async def test_webhook_ends_polling_before_next_interval(emulator: DamstraEmulator, feed: FeedServer) -> None:
    task = await started(recording(done_after=2), feed)
    await asyncio.to_thread(emulator.complete_lesson_schedule, THIRD)
    feed.receive(THIRD)
    async with asyncio.timeout(10):
        await task


async def test_new_schedule_of_user_is_polled(emulator: DamstraEmulator, feed: FeedServer) -> None:
    task = await started(recording(done_after=NEVER), feed)
    feed.receive(987_654, user_id=LIAM, name="lesson.schedule.created")
    await wait_for_requests(emulator, 2)
    await cancel(task)


async def test_direct_requests_contain_token_and_cursor(
    emulator: DamstraEmulator, feed: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The token must not go through a proxy.
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    feed.receive(1)
    task = await started(recording(done_after=NEVER), feed)
    feed.receive(2)
    await wait_until_async(lambda: feed.requests[-1][2] == "2", "the next cursor")
    await cancel(task)
    assert {request[:2] for request in feed.requests} == {
        ("/damstra/feed/damstra_default", f"Bearer {TOKEN}")
    }
    assert [after for *_, after in feed.requests][:2] == [None, "1"]


async def test_repeated_events_are_ignored(
    emulator: DamstraEmulator, feed: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    expedited: list[set[int]] = []
    consumer = webhook_feed.WebhookFeedConsumer(
        "damstra_default", expedite=lambda **ids: expedited.append(ids["lesson_schedule_ids"])
    )
    task = asyncio.create_task(consumer.run())
    for schedule_id in (1, 2, 3):
        feed.receive(schedule_id)
        await wait_until_async(lambda: bool(expedited) and schedule_id in expedited[-1], "the event")  # noqa: B023
    feed.receive(None, name="user.account.created")
    await wait_until_async(lambda: feed.requests[-1][2] == "4", "the next cursor")
    await cancel(task)
    assert expedited == [{1}, {2}, {3}]


async def test_event_without_integer_ids_does_not_affect_others(
    emulator: DamstraEmulator, feed: FeedServer
) -> None:
    task = await started(recording(done_after=NEVER), feed)
    for invalid_id in ("a string", {"a": ["mapping"]}, 1.5):
        feed.receive(invalid_id, user_id=invalid_id, name="lesson.retired")
    feed.receive(THIRD)
    await wait_for_requests(emulator, 2)
    await cancel(task)


async def test_subscriptions_share_one_feed_consumer(emulator: DamstraEmulator, feed: FeedServer) -> None:
    first = await started(recording(done_after=NEVER), feed)
    before = other_tasks()
    others = [start_polling(recording(done_after=NEVER)) for _ in range(20)]
    await wait_until_async(lambda: len(feed.requests) > 4, "more requests")
    assert len(other_tasks() - before - set(others)) <= 1  # the request in flight
    assert len(consumer_tasks()) == 1
    await cancel(first, *others)


async def test_last_subscription_ends_feed_consumer(
    emulator: DamstraEmulator, feed: FeedServer, sessions: list[aiohttp.ClientSession]
) -> None:
    for count in (1, 2):
        requested = len(feed.requests)
        task = start_polling(recording(done_after=NEVER))
        await wait_until_async(lambda: len(feed.requests) > requested + 1, "the feed to be consumed")  # noqa: B023
        await cancel(task)
        await wait_until_async(lambda: not consumer_tasks(), "the consumer to end")
        await wait_until_async(
            lambda: all(session.closed for session in sessions), "all sessions to be closed"
        )
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
    ids=["unavailable", "unknown", "redirect", "not JSON", "another schema"],
)
async def test_feed_errors_are_retried_and_no_event_is_missed(
    emulator: DamstraEmulator,
    feed: FeedServer,
    failure: Callable[[], web.StreamResponse],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    task = await started(recording(done_after=NEVER), feed)
    feed.failures += [failure, failure]
    feed.receive(THIRD)
    await wait_until_async(lambda: not feed.failures, "the failures")
    await wait_for_requests(emulator, 2)
    await cancel(task)
    assert {path for path, *_ in feed.requests} == {"/damstra/feed/damstra_default"}
    assert TOKEN not in caplog.text


async def test_unreachable_receiver_does_not_affect_polling(
    emulator: DamstraEmulator, feed: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__DAMSTRA__RECEIVER_URL", "http://127.0.0.1:9")
    condition = recording(done_after=3)
    task = start_polling(condition, poll_interval=0.1)
    await wait_until_async(lambda: len(condition.responses) == 1, "the first poll")
    await wait_for_requests(emulator, 4)
    await cancel(task)
    assert feed.requests == []


async def test_feed_is_not_requested_without_token(
    emulator: DamstraEmulator, feed: FeedServer, connect: Connect
) -> None:
    connect()
    task = start_polling(recording(done_after=NEVER), poll_interval=0.05)
    await wait_for_requests(emulator, 4)
    assert feed.requests == []
    connect(webhook_token=TOKEN)
    await wait_until_async(lambda: bool(feed.requests), "the token to be found")
    await cancel(task)


@pytest.mark.parametrize(
    ("name", "value"),
    [("WEBHOOKS_ENABLED", "False"), ("WEBHOOK_CONN_IDS", "another"), ("INBOX_RETENTION", "a while")],
)
async def test_no_consumer_starts_where_no_webhooks_are_received(
    emulator: DamstraEmulator, feed: FeedServer, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"AIRFLOW__DAMSTRA__{name}", value)
    task = start_polling(recording(done_after=NEVER), poll_interval=0.05)
    await wait_for_requests(emulator, 3)
    assert consumer_tasks() == []
    assert feed.requests == []
    await cancel(task)
    assert set(await request_counts(emulator)) == {f"/user/{LIAM}/lesson_schedule"}


def consumer_tasks() -> list[asyncio.Task[Any]]:
    """Return the tasks that consume a feed."""
    return [task for task in other_tasks() if "WebhookFeedConsumer.run" in repr(task)]

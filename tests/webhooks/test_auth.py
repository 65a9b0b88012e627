"""Tokens: long, rotated without loss, accepted for as long as they say."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_damstra.webhooks.auth import (
    accepted_tokens,
    generate_token,
    hash_token,
    matches_any,
    rotate_token,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def test_a_token_is_32_random_bytes_fit_for_an_address() -> None:
    tokens = {generate_token() for _ in range(100)}
    assert len(tokens) == 100
    for token in tokens:
        assert len(base64.urlsafe_b64decode(token + "=")) == 32
        assert token.replace("-", "").replace("_", "").isalnum()


def test_after_a_rotation_both_are_accepted_for_a_day() -> None:
    old = generate_token()
    extra = rotate_token({"webhook_token": old, "timeout": 5}, now=NOW)
    new = extra["webhook_token"]
    assert extra["timeout"] == 5
    assert new != old
    assert accepted_tokens(extra, now=NOW) == [new, old]
    assert accepted_tokens(extra, now=NOW + DAY - timedelta(seconds=1)) == [new, old]
    assert accepted_tokens(extra, now=NOW + DAY) == [new]


def test_two_rotations_on_one_day_lose_neither() -> None:
    first = rotate_token({}, now=NOW)
    second = rotate_token(first, now=NOW + DAY / 4)
    third = rotate_token(second, now=NOW + DAY / 2)
    # The youngest first: the receiver compares only some of many.
    tokens = [extra["webhook_token"] for extra in (third, second, first)]
    assert accepted_tokens(third, now=NOW + DAY / 2) == tokens
    assert accepted_tokens(rotate_token(third, now=NOW + 2 * DAY), now=NOW + 2 * DAY)[1:] == tokens[:1]
    assert first["webhook_token"] not in rotate_token(third, now=NOW + 2 * DAY)["webhook_tokens_previous"]


@pytest.mark.parametrize("token", [None, "", "secret", "x" * 42, " "])
def test_what_is_too_short_is_no_token(token: str | None) -> None:
    assert accepted_tokens({"webhook_token": token}, now=NOW) == []


@pytest.mark.parametrize("previous", ["nonsense", ":", "a:b", f"{'x' * 43}", f"{'x' * 43}:soon", 7, None])
def test_an_unreadable_previous_token_is_none(previous: object) -> None:
    current = generate_token()
    extra = {"webhook_token": current, "webhook_tokens_previous": previous}
    assert accepted_tokens(extra, now=NOW) == [current]


def test_recognition_looks_at_all_of_them() -> None:
    tokens = [generate_token() for _ in range(4)]
    marks = [hash_token(token) for token in tokens]
    assert all(matches_any(hash_token(token), marks) for token in tokens)
    assert not matches_any(hash_token(tokens[0][:-1]), marks)
    assert not matches_any(hash_token("\udcff"), marks)
    assert {len(hash_token(text)) for text in ("", "x" * 100_000, "é")} == {32}

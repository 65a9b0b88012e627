"""Tokens: long, rotated with a grace period, and compared with all accepted ones."""

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


def test_generated_token_is_32_random_bytes_in_url_safe_characters() -> None:
    tokens = {generate_token() for _ in range(100)}
    assert len(tokens) == 100
    for token in tokens:
        assert len(base64.urlsafe_b64decode(token + "=")) == 32
        assert token.replace("-", "").replace("_", "").isalnum()


def test_rotated_token_is_accepted_for_one_more_day() -> None:
    old = generate_token()
    extra = rotate_token({"webhook_token": old, "timeout": 5}, now=NOW)
    new = extra["webhook_token"]
    assert extra["timeout"] == 5
    assert new != old
    assert accepted_tokens(extra, now=NOW) == [new, old]
    assert accepted_tokens(extra, now=NOW + DAY - timedelta(seconds=1)) == [new, old]
    assert accepted_tokens(extra, now=NOW + DAY) == [new]


def test_two_rotations_within_a_day_keep_both_previous_tokens() -> None:
    first = rotate_token({}, now=NOW)
    second = rotate_token(first, now=NOW + DAY / 4)
    third = rotate_token(second, now=NOW + DAY / 2)
    # The newest first: the receiver compares a limited number.
    tokens = [extra["webhook_token"] for extra in (third, second, first)]
    assert accepted_tokens(third, now=NOW + DAY / 2) == tokens
    fourth = rotate_token(third, now=NOW + 2 * DAY)
    assert accepted_tokens(fourth, now=NOW + 2 * DAY)[1:] == tokens[:1]
    assert first["webhook_token"] not in fourth["webhook_tokens_previous"]


@pytest.mark.parametrize("token", [None, "", "secret", "x" * 42, " "])
def test_short_token_is_not_accepted(token: str | None) -> None:
    assert accepted_tokens({"webhook_token": token}, now=NOW) == []


@pytest.mark.parametrize("previous", ["nonsense", ":", "a:b", f"{'x' * 43}", f"{'x' * 43}:soon", 7, None])
def test_malformed_previous_token_is_ignored(previous: object) -> None:
    current = generate_token()
    extra = {"webhook_token": current, "webhook_tokens_previous": previous}
    assert accepted_tokens(extra, now=NOW) == [current]


def test_matches_any_finds_each_accepted_token_and_no_other() -> None:
    tokens = [generate_token() for _ in range(4)]
    hashes = [hash_token(token) for token in tokens]
    assert all(matches_any(hash_token(token), hashes) for token in tokens)
    assert not matches_any(hash_token(tokens[0][:-1]), hashes)
    assert not matches_any(hash_token("\udcff"), hashes)
    assert {len(hash_token(text)) for text in ("", "x" * 100_000, "é")} == {32}

"""Repair of JSON that strict decoders reject: values are kept where JSON can hold them."""

from __future__ import annotations

import json

import msgspec
import pytest

from airflow_provider_damstra.json_repair import decode_leniently, normalize_json, repair_json


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (rb'{"a": "Bob\ud83d"}', {"a": "Bob\ufffd"}),
        (rb'{"a": "\uDE00\ud83D"}', {"a": "\ufffd\ufffd"}),
        (rb'{"a": "\ud83d\ud83d\ude00"}', {"a": "\ufffd\U0001f600"}),
        (rb'{"a": "\\ud83d"}', {"a": r"\ud83d"}),
        (rb'{"a": "\\\ud83d"}', {"a": "\\\ufffd"}),
        (b'{"a": "caf\xe9"}', {"a": "caf\ufffd"}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        ('{"a": "é"}'.encode("utf-16"), {"a": "é"}),
        (b'{"a":\n"two\nlines\x00 and a\ttab"}', {"a": "two\nlines\x00 and a\ttab"}),
        (b'{"a": [NaN, -Infinity, -1, "NaN\n"]}', {"a": [None, None, -1, "NaN\n"]}),
    ],
)
def test_rejected_json_is_decoded(text: bytes, expected: object) -> None:
    assert msgspec.json.decode(repair_json(text)) == expected
    assert decode_leniently(msgspec.json.decode, text) == expected


@pytest.mark.parametrize("text", [rb'{"a": "\ud83d"}', b'{"a": "\xff"}', rb'{"a": "\"\\\u000a"}', b"[1, -2]"])
def test_normalized_json_keeps_values(text: bytes) -> None:
    assert normalize_json(text) == text


@pytest.mark.parametrize("text", [b"", b'{"a": "', b"{'a': 1}", b'{"a": "\\', b"[" * 100_000, b"NaNa"])
def test_text_that_is_no_json_is_rejected(text: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, RecursionError)):
        decode_leniently(msgspec.json.decode, text)


def test_repair_takes_time_linear_in_the_length() -> None:
    """A quadratic search would take hours for one of these."""
    for part in (b'"', b'"\\', rb"\ud83d", b"\n", b"-", b"N", b'"\n",', b"\\\n"):
        repair_json(part * (2_000_000 // len(part)))


def test_decoder_error_has_no_context_that_shows_the_original() -> None:
    with pytest.raises(ValueError, match="escape") as caught:
        decode_leniently(json.loads, b'{"a": "\n')
    assert caught.value.__context__ is None

"""Repair of JSON that servers send although strict decoders reject it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TypeVar

Decoded = TypeVar("Decoded")

_MAX_REPAIRS = 200_000
"""Repairs of one text at most: without a limit, a hostile text of 64 MiB takes a minute and gigabytes."""

_ANY_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_ANY_INVALID_TOKEN = re.compile(rb"[\x00-\x1f]|NaN|Infinity")

# Both patterns are possessive and match every byte, so that the time is linear in the length of any text.
# (?!), which matches nothing, ends the alternatives of the outer repetition for Python before 3.11.5: there a
# possessive repetition ends where its last alternative stopped matching, even if that alternative failed.
_ESCAPE = re.compile(
    rb"(?P<valid>(?:[^\\]++"
    rb"|\\[^u]"  # also an escaped backslash, after which no escape begins
    rb"|\\u(?![dD][89a-fA-F])"
    rb"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?!))++)"
    rb"|\\u(?P<lone>[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|.",
    re.DOTALL,
)
_TOKEN = re.compile(
    rb'(?P<valid>(?:[^"NI-]++|"[^"\\\x00-\x1f]*+(?:\\[^\x00-\x1f][^"\\\x00-\x1f]*+)*+"|-(?![NI])|(?!))++)'
    rb"|(?P<number>-?(?:NaN|Infinity))"
    rb'|"[^"\\]*+(?:\\.[^"\\]*+)*+"?'
    rb"|.",
    re.DOTALL,
)
_CONTROL_CHARACTER = re.compile(rb"[\x00-\x1f]")


def decode_leniently(decode: Callable[[bytes], Decoded], text: bytes) -> Decoded:
    """Return what a strict decoder makes of JSON, of the repaired text if it rejects the original.

    :raises Exception: that of ``decode``, for the repaired text.
    """
    try:
        return decode(text)
    except Exception:
        repaired = repair_json(text)
        if repaired == text:
            raise
    return decode(repaired)


def repair_json(text: bytes) -> bytes:
    """Return JSON in which U+FFFD replaces lone surrogates and bytes that are not UTF-8.

    Otherwise as ``normalize_json`` returns it.
    """
    text = replace_lone_surrogates(normalize_json(text), lambda _: rb"\ufffd")
    return text.decode(errors="replace").encode()


def normalize_json(text: bytes) -> bytes:
    """Return JSON in UTF-8 without a byte order mark, with control characters in strings escaped.

    NaN and the infinities, which JSON does not have, become null. Values are not changed otherwise.
    """
    encoding = json.detect_encoding(text)
    if encoding == "utf-8-sig":
        text = text[3:]
    elif encoding != "utf-8":
        text = text.decode(encoding, errors="replace").encode() or text
    return _TOKEN.sub(_normalize_token, text, count=_MAX_REPAIRS) if _ANY_INVALID_TOKEN.search(text) else text


def replace_lone_surrogates(text: bytes, replacement: Callable[[bytes], bytes]) -> bytes:
    r"""Return JSON with another text for each escape of half a surrogate pair, such as ``\ud83d``.

    :param replacement: returns that text for the escape's four hexadecimal digits.
    """
    if not _ANY_SURROGATE.search(text):
        return text

    def repair(found: re.Match[bytes]) -> bytes:
        return replacement(found["lone"]) if found["lone"] else found[0]

    return _ESCAPE.sub(repair, text, count=_MAX_REPAIRS)


def _normalize_token(found: re.Match[bytes]) -> bytes:
    if found["valid"]:
        return found["valid"]
    if found["number"]:
        return b"null"
    return _CONTROL_CHARACTER.sub(lambda control: rb"\u%04x" % ord(control[0]), found[0])

"""Bodies of events that strict decoders reject, and how a text in them is stored."""

from __future__ import annotations

import codecs
import json

from tests.webhooks.receiver_server import completed_event

TEXT = json.dumps(completed_event(comment="Zoë"), ensure_ascii=False)


def body_with(comment: str) -> bytes:
    """Return a body with this comment, as it stands in JSON."""
    return TEXT.replace("Zoë", comment).encode(errors="surrogatepass")


UNCLEAN: dict[str, tuple[bytes, str]] = {
    "a lone high surrogate": (body_with(r"Bob\ud83d"), "Bob\ufffd"),
    "a lone low surrogate": (body_with(r"\uDE00Bob"), "\ufffdBob"),
    "surrogates in the wrong order": (body_with(r"\ude00\ud83d"), "\ufffd\ufffd"),
    "a surrogate before another escape": (body_with(r"\ud83d\n"), "\ufffd\n"),
    "a pair of surrogates": (body_with(r"\ud83d\ude00"), "\U0001f600"),
    "an escaped backslash": (body_with(r"\\ud83d \\u0000"), r"\ud83d \u0000"),
    "an encoded surrogate": (body_with("Bob\ud83d"), "Bob\ufffd\ufffd\ufffd"),
    "a null character": (body_with(r"a\u0000b"), "a\ufffdb"),
    "a line break in a text": (body_with("one\ntwo"), "one\ntwo"),
    "a NUL in a text": (body_with("a\0b"), "a\ufffdb"),
    "Latin-1": (TEXT.encode("latin-1"), "Zo\ufffd"),
    "a BOM": (codecs.BOM_UTF8 + TEXT.encode(), "Zoë"),
    "two BOMs": (2 * codecs.BOM_UTF8 + TEXT.encode(), "Zoë"),
    "UTF-16 with a BOM": (TEXT.encode("utf-16"), "Zoë"),
    "UTF-16 without a BOM": (TEXT.encode("utf-16-le"), "Zoë"),
    "UTF-32": (TEXT.encode("utf-32"), "Zoë"),
}

"""Check of messages that people read in a task's log."""

from __future__ import annotations

import re

_JARGON = re.compile(r"0x|object at|Pool\(|Error|Exception|Errno|_ssl\.c|\bssl:|urllib3|aiohttp|[<>\[\]{}]")
_QUOTED = re.compile(r"'[<{].*?'")


def is_plain_message(text: str) -> bool:
    """Return whether a message is one line without names of classes or libraries; a server may be quoted."""
    return "\n" not in text and not _JARGON.search(_QUOTED.sub("", text))

"""Patterns of paths: ``/user/*``, ``/user/{user_id}`` and ``/group/**``."""

from __future__ import annotations

import re
from functools import lru_cache

from airflow_provider_damstra.emulator.settings import API

_WILDCARD = re.compile(r"\*\*|\*|\{[^/}]*\}")


def fits(method: str | None, path: str | None, of_method: str, of_path: str) -> bool:
    """Return whether a request's method and path fit a method and a pattern; None fits all.

    ``*`` and ``{anything}`` stand for one part of the path, ``**`` for any number of parts.
    """
    if method is not None and method.upper() != of_method:
        return False
    return path is None or _compiled(path).fullmatch(of_path) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    below = pattern.removeprefix(API)
    wildcards = [".*" if found == "**" else "[^/]+" for found in _WILDCARD.findall(below)]
    fixed = [re.escape(part) for part in _WILDCARD.split(below)]
    return re.compile("".join(part for pair in zip(fixed, [*wildcards, ""], strict=True) for part in pair))

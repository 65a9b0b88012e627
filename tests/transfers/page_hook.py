"""Calls a function while an export reads pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.exports.consistent_pagination import OverlappingReader

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def call_after_pages(
    pages: int, function: Callable[[], object], monkeypatch: pytest.MonkeyPatch, *, path: str
) -> None:
    """Call a function once, after some pages of the listing at a path were read."""
    read, remaining = OverlappingReader.read, iter(range(pages))

    def counted(self: OverlappingReader, endpoint: Any, request: Any, response: Any) -> Any:
        page = read(self, endpoint, request, response)
        if request.path == path and next(remaining, None) == pages - 1:
            function()
        return page

    monkeypatch.setattr(OverlappingReader, "read", counted)

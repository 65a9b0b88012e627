"""Something that happens in the course of an export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.exports.consistent_pagination import OverlappingReader

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def once_pages_have_come(
    pages: int, happen: Callable[[], object], monkeypatch: pytest.MonkeyPatch, *, path: str
) -> None:
    """Let something happen, once, when so many pages of the listing below a path have come."""
    read, remaining = OverlappingReader.read, iter(range(pages))

    def counted(self: OverlappingReader, endpoint: Any, request: Any, response: Any) -> Any:
        page = read(self, endpoint, request, response)
        if request.path == path and next(remaining, None) == pages - 1:
            happen()
        return page

    monkeypatch.setattr(OverlappingReader, "read", counted)

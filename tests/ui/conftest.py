"""Pages of a browser, which are checked for errors and requests after each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.ui.browsing import Browsing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser


@pytest.fixture
def unchecked_browsing(chromium: Browser) -> Iterator[Browsing]:
    """Return the browser for pages that try what they must not do."""
    browsing = Browsing(chromium)
    yield browsing
    for page in browsing.opened:
        page.context.close()


@pytest.fixture
def browsing(unchecked_browsing: Browsing) -> Iterator[Browsing]:
    """Return the browser; pages may write no message, violate no policy and request only their file."""
    yield unchecked_browsing
    assert unchecked_browsing.messages == []
    assert unchecked_browsing.violations() == []
    assert len(unchecked_browsing.requests) == len(unchecked_browsing.opened)

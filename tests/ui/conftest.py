"""A browser for all tests; every page is checked for errors and requests after its test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

from tests.ui.browsing import Browsing, find_chromium

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Run one Chromium for all tests of a process."""
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=find_chromium(playwright.chromium)) as browser,
    ):
        yield browser


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

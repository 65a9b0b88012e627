"""Without a browser, tests of pages fail with instructions instead of being skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.ui.browsing import find_chromium

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


def test_missing_browser_fails_with_instructions(
    chromium: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "chromium"))
    with pytest.raises(pytest.fail.Exception, match="apt-get install chromium"):
        find_chromium(chromium.browser_type)

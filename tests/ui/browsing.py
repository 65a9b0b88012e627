"""A Chromium for tests, and pages that record what they must not do."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserType, Locator, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

TIMEOUT_MILLISECONDS = 180_000
"""How long actions and expectations wait; a machine that is shared with other tests is slow."""

PICTURES = Path(__file__).parents[2] / "docs" / "images"

_RECORD_VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", event => window.violations.push(event.blockedURI));
"""


def find_chromium(browser_type: BrowserType) -> str:
    """Return the path of ``CHROMIUM``, of an installed Chromium, or of the one that Playwright downloads."""
    downloaded = browser_type.executable_path
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None) or downloaded
    if not Path(found).is_file():
        pytest.fail(
            f"Tests of HTML pages need Chromium, and {found} does not exist. Install it (Debian and Ubuntu: "
            "apt-get install chromium; everywhere: .venv/bin/playwright install chromium), or set CHROMIUM "
            "to the path of a Chromium or Chrome.",
            pytrace=False,
        )
    return found


def save_picture(shown: Page | Locator, name: str) -> None:
    """Save a picture for the documentation if ``UPDATE_PICTURES`` is set; it must exist in any case."""
    file = PICTURES / f"{name}.png"
    picture = shown.screenshot(animations="disabled")
    if os.environ.get("UPDATE_PICTURES"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(picture)
    assert file.is_file(), f"{file} is missing: run the test with UPDATE_PICTURES=1"


@dataclass
class Browsing:
    """Open pages in a browser.

    :ivar messages: what the pages wrote to the console, and their uncaught exceptions.
    :ivar requests: addresses that the pages requested.
    """

    browser: Browser
    messages: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    opened: list[Page] = field(default_factory=list)

    def open(self, file: Path, *, width: int = 1600, scripts: bool = True) -> Page:
        """Return a page that shows a file; the parameters are those of ``open_url``."""
        return self.open_url(file.as_uri(), width=width, scripts=scripts)

    def open_url(self, url: str, *, width: int = 1600, scripts: bool = True) -> Page:
        """Return a page that shows an address.

        :param width: width of the window in pixels.
        :param scripts: whether scripts run; mail clients remove them.
        """
        context = self.browser.new_context(
            viewport={"width": width, "height": 900}, java_script_enabled=scripts
        )
        page = context.new_page()
        page.set_default_timeout(TIMEOUT_MILLISECONDS)
        if scripts:
            page.add_init_script(_RECORD_VIOLATIONS)
        page.on("console", lambda message: self.messages.append(message.text))
        page.on("pageerror", lambda error: self.messages.append(str(error)))
        page.on("dialog", lambda dialog: self.messages.append(dialog.message))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(url)
        self.opened.append(page)
        return page

    def violations(self) -> list[str]:
        """Return what the Content-Security-Policy of the pages refused."""
        found: list[str] = []
        for page in self.opened:
            found += page.evaluate("window.violations ?? []")
        return found

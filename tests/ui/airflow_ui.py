"""The API server of Airflow, with its UI and the plugins, in this process."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn
from airflow import settings
from airflow.api_fastapi.app import create_app, get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker
from sqlalchemy.pool import NullPool

from airflow_provider_damstra.emulator.server import listen
from tests.pages.conftest import JWT_SECRET
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest
    from playwright.sync_api import Browser, ConsoleMessage, FrameLocator, Page

HOST = "127.0.0.1"


class AirflowUI:
    """A running API server of Airflow, and the browser of a user.

    :param browser: the browser.
    :param url: base URL of Airflow.
    :param role: role of the user.
    :ivar messages: errors in the console of the frame's pages, and their uncaught exceptions.
    """

    def __init__(self, browser: Browser, url: str, role: str, *, color_scheme: str = "light") -> None:
        self.url = url
        self.messages: list[str] = []
        self._context = browser.new_context(viewport={"width": 1400, "height": 800})
        user = SimpleAuthManagerUser(username=role.lower(), role=role)
        cookie = {"name": COOKIE_NAME_JWT_TOKEN, "value": get_auth_manager().generate_jwt(user), "url": url}
        self._context.add_cookies([cookie])  # type: ignore[list-item]
        # Not in a blank or sandboxed frame, which has no storage.
        self._context.add_init_script(
            f"if (self.origin === '{url}') localStorage.setItem('theme', '{color_scheme}')"
        )
        self.page: Page = self._context.new_page()
        self.page.set_default_timeout(120_000)
        self.page.on("console", self._record)
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))

    def _record(self, message: ConsoleMessage) -> None:
        is_ours = "Content Security Policy" in message.text or "damstra-ui" in str(message.location)
        # Airflow's frame, not the page in it, causes this warning.
        if is_ours and "can escape its sandboxing" not in message.text:
            self.messages.append(message.text)

    @property
    def frame(self) -> FrameLocator:
        """Return the frame with a page of this provider."""
        return self.page.frame_locator("iframe[title=Damstra]")

    def open_damstra(self) -> FrameLocator:
        """Click the entry in the navigation, and return the frame."""
        self.page.goto(self.url)
        self.page.get_by_role("link", name="Damstra").or_(self.page.get_by_label("Damstra")).first.click()
        return self.frame

    def close(self) -> None:
        """Close the browser's windows."""
        self._context.close()


@contextmanager
def running_airflow_ui(database: Path, patch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run an API server on an SQLite file with Airflow's tables, and yield its base URL."""
    engine = create_engine(f"sqlite:///{database}", poolclass=NullPool)
    make_session = sessionmaker(engine, autoflush=False, expire_on_commit=False)
    patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", JWT_SECRET)
    patch.setenv("AIRFLOW__CORE__TEST_CONNECTION", "Enabled")
    patch.setattr(settings, "engine", engine)
    patch.setattr(settings, "Session", make_session)
    patch.setattr(settings, "NonScopedSession", make_session)
    listener = listen(HOST, 0)
    server = uvicorn.Server(uvicorn.Config(create_app("core"), log_level="error", log_config=None))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    wait_until(lambda: server.started, "Airflow's API server to start")
    try:
        yield f"http://{HOST}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()

"""The pages, in the order of their tabs, with the permissions that each needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_damstra.pages.access import (
    READ_ASSETS,
    READ_CONNECTIONS,
    READ_TASK_INSTANCES,
    Permission,
    has_permissions,
)

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser


@dataclass(frozen=True)
class Page:
    """A page with a tab.

    :param name: text of the tab.
    :param path: path below ``URL_PREFIX``.
    :param permissions: permissions that it needs.
    """

    name: str
    path: str
    permissions: tuple[Permission, ...]


INBOX = Page("Inbox", "/inbox", (READ_ASSETS, READ_CONNECTIONS))
WAITS = Page("Waits", "/waits", (READ_TASK_INSTANCES,))
TRAINING = Page("Training", "/training", (READ_CONNECTIONS,))
CONNECTIONS = Page("Connections", "/connections", (READ_CONNECTIONS,))
PAGES = (INBOX, WAITS, TRAINING, CONNECTIONS)


def permitted_pages(user: BaseUser) -> list[Page]:
    """Return the pages that a user may see."""
    return [page for page in PAGES if has_permissions(user, page.permissions)]

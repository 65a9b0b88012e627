"""The Airflow plugin that mounts the webhook receiver.

All Airflow processes import this module; what the API server needs is imported when it reads the attributes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow.plugins_manager import AirflowPlugin


class _LazyClassAttribute:
    """Descriptor of a class attribute that is computed when it is read; the standard library has none."""

    def __init__(self, compute: Callable[[], list[dict[str, Any]]]) -> None:
        self._compute = compute

    def __get__(self, instance: object, owner: type) -> list[dict[str, Any]]:
        return self._compute()


def _apps() -> list[dict[str, Any]]:
    from airflow_provider_damstra.webhooks.config import URL_PREFIX
    from airflow_provider_damstra.webhooks.receiver import create_app

    return [{"app": create_app(), "url_prefix": URL_PREFIX, "name": "Damstra webhooks"}]


def _middlewares() -> list[dict[str, Any]]:
    from airflow_provider_damstra.webhooks.redaction import RedactTokenMiddleware

    return [{"middleware": RedactTokenMiddleware, "args": [], "kwargs": {}, "name": "Damstra: redact tokens"}]


class DamstraPlugin(AirflowPlugin):
    """Mount the webhook receiver at ``/damstra`` of the API server.

    It responds with 404 to all requests until ``[damstra] webhooks_enabled`` is set.
    """

    name = "damstra"
    fastapi_apps = _LazyClassAttribute(_apps)
    fastapi_root_middlewares = _LazyClassAttribute(_middlewares)

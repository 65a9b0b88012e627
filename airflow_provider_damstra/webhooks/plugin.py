"""The Airflow plugin that mounts the webhook receiver.

All Airflow processes import this module; what the API server needs is imported when it reads the attributes.
"""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from airflow_provider_damstra.lazy_attribute import LazyClassAttribute


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
    fastapi_apps = LazyClassAttribute(_apps)
    fastapi_root_middlewares = LazyClassAttribute(_middlewares)

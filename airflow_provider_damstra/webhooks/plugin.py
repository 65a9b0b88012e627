"""The Airflow plugin that mounts the receiver. Every Airflow process imports it, and it loads nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from collections.abc import Callable


class _WhenAsked:
    """A class attribute that is computed when somebody reads it: only the API server does."""

    def __init__(self, compute: Callable[[], list[dict[str, Any]]]) -> None:
        self._compute = compute

    def __get__(self, instance: object, owner: type) -> list[dict[str, Any]]:
        return self._compute()


def _apps() -> list[dict[str, Any]]:
    from airflow_provider_damstra.webhooks.config import PREFIX
    from airflow_provider_damstra.webhooks.receiver import receiver_app

    return [{"app": receiver_app(), "url_prefix": PREFIX, "name": "Damstra webhooks"}]


def _middlewares() -> list[dict[str, Any]]:
    from airflow_provider_damstra.webhooks.auth import TokenHider

    return [{"middleware": TokenHider, "args": [], "kwargs": {}, "name": "Damstra: no token in logs"}]


class DamstraPlugin(AirflowPlugin):
    """Receives Damstra's webhooks, once it is enabled in Airflow's configuration."""

    name = "damstra"
    fastapi_apps = _WhenAsked(_apps)
    fastapi_root_middlewares = _WhenAsked(_middlewares)

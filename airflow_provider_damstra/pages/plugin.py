"""The Airflow plugin that adds "Damstra" to the navigation of Airflow's UI.

All Airflow processes import this module; what the API server needs is imported when it reads the attributes.
"""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from airflow_provider_damstra.lazy_attribute import LazyClassAttribute

# Airflow before 3.1 has no such pages, and does not send the user's cookie with requests for them.
_HAS_EXTERNAL_VIEWS = hasattr(AirflowPlugin, "external_views")


def _apps() -> list[dict[str, Any]]:
    if not _HAS_EXTERNAL_VIEWS:
        return []
    from airflow_provider_damstra.pages.app import create_app
    from airflow_provider_damstra.pages.urls import URL_PREFIX

    return [{"app": create_app(), "url_prefix": URL_PREFIX, "name": "Damstra pages"}]


def _external_views() -> list[dict[str, Any]]:
    from airflow_provider_damstra.pages.urls import page_url

    return [
        {
            "name": "Damstra",
            "href": page_url("/"),
            "url_route": "damstra",
            "destination": "nav",
            "nav_top_level": True,
        }
    ]


class DamstraPagesPlugin(AirflowPlugin):
    """Serve the pages at ``/damstra-ui`` of the API server, in Airflow's navigation as "Damstra"."""

    name = "damstra_pages"
    fastapi_apps = LazyClassAttribute(_apps)
    external_views = LazyClassAttribute(_external_views)

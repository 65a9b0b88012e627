"""The button that leads from a task to Damstra Learning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstanceKey


class DamstraLink(BaseOperatorLink):
    """Leads to the system that the connection names. Airflow keeps the address for failed tasks too."""

    name = "Open in Damstra"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """Return the web application's address, or nothing if the connection cannot be used."""
        from airflow.providers.common.compat.sdk import AirflowNotFoundException

        from airflow_provider_damstra.errors import DamstraConfigurationError

        try:
            address: str = operator.hook.settings.web_address
        except (AirflowNotFoundException, DamstraConfigurationError):
            return ""
        return address

"""The extra link from a task to Damstra Learning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperatorLink

from airflow_provider_damstra.errors import DamstraConfigurationError

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstanceKey


class DamstraLink(BaseOperatorLink):
    """Link to the web application of the task's connection.

    Airflow stores the URL in XCom when the task runs, so failed and mapped tasks have it too.
    """

    name = "Open in Damstra"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """Return the web application's URL, or an empty text if the connection is missing or invalid."""
        from airflow.providers.common.compat.sdk import AirflowNotFoundException

        try:
            return str(operator.hook.settings.web_url)
        except (AirflowNotFoundException, DamstraConfigurationError):
            return ""

"""What every operator has in common."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_provider_damstra.failing import failing_at_once_where_retrying_is_useless
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.links import DamstraLink
from airflow_provider_damstra.naming import name_in_grid

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_damstra.endpoints.base import Endpoint


class DamstraOperator(BaseOperator):
    """A step that calls Damstra Learning.

    A subclass says in ``act`` what it does. What no retry can mend (a wrong key, a missing permission, bad
    input) fails the task at once; the rest is left to Airflow's retries.

    :param damstra_conn_id: id of the Airflow connection (templated).
    """

    ui_color = "#fff1dc"
    operator_extra_links = (DamstraLink(),)

    def __init__(self, *, damstra_conn_id: str = DamstraHook.default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.damstra_conn_id = damstra_conn_id

    @cached_property
    def hook(self) -> DamstraHook:
        """Return the hook."""
        return DamstraHook(damstra_conn_id=self.damstra_conn_id)

    def execute(self, context: Context) -> Any:
        """Do the step and return its result, fit for XCom."""
        name_in_grid(self, context)
        with failing_at_once_where_retrying_is_useless():
            return self.act(context)

    def deliver_secret(self, endpoint: Endpoint[str], path: str | None) -> str:
        """Return the path of the file that the answer was written to, or without a path the answer."""
        secret = self.hook.call(endpoint)
        if path is None:
            return secret
        from airflow_provider_damstra.storage import write_whole

        write_whole(path, secret.encode(), private=True)
        return path

    def act(self, context: Context) -> Any:
        """Do the step: what a subclass is for."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it does")

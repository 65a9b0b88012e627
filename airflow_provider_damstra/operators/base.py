"""What every operator has in common."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.links import DamstraLink
from airflow_provider_damstra.map_index import set_map_index_template
from airflow_provider_damstra.storage import TaskTry
from airflow_provider_damstra.task_state import TaskState
from airflow_provider_damstra.validation import is_empty, validate_booleans, validate_choice

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow.sdk import Context

    from airflow_provider_damstra.endpoints.base import Endpoint
    from airflow_provider_damstra.exports.reader import Rows
    from airflow_provider_damstra.services.intent_log import RecordingClient
    from airflow_provider_damstra.validation import Ids


SECONDS_TO_LIVE = 4.0
"""A killed task is given 5 s by Airflow before it is ended for good."""


class DamstraOperator(BaseOperator):
    """A step that calls Damstra Learning.

    A subclass implements ``_execute``. Errors that no retry can mend (a wrong key, a missing permission, bad
    input) fail the task at once; the rest is left to Airflow's retries.

    :param damstra_conn_id: id of the Airflow connection (templated).
    """

    ui_color = "#fff1dc"
    operator_extra_links = (DamstraLink(),)
    task_try = TaskTry()
    _is_acting = False
    _is_killed = False

    def __init__(self, *, damstra_conn_id: str = DamstraHook.default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.damstra_conn_id = damstra_conn_id
        self.task_state = TaskState()

    @cached_property
    def hook(self) -> DamstraHook:
        """Return the hook."""
        return DamstraHook(damstra_conn_id=self.damstra_conn_id)

    @cached_property
    def client(self) -> RecordingClient:
        """Return what makes the calls of this attempt, and knows what they changed."""
        from airflow_provider_damstra.services.intent_log import RecordingClient

        return RecordingClient(self.hook, self.task_state)

    def execute(self, context: Context) -> Any:
        """Do the step and return its result, fit for XCom."""
        set_map_index_template(self, context)
        self.task_try = TaskTry.of(context)
        from airflow_provider_damstra.retry_policy import fail_fast_on_permanent_errors

        self.task_state = TaskState(context)
        self._is_acting = True
        try:
            with fail_fast_on_permanent_errors():
                return self._execute(context)
        except BaseException:
            if self._is_killed:
                self.clean_up()
            raise
        finally:
            self._is_acting = False

    def on_kill(self) -> None:
        """Stop where the task is. Airflow calls this in a signal handler, or after an execution_timeout.

        :raises AirflowException: to leave the call that is under way, which would go on otherwise.
        """
        from airflow.providers.common.compat.sdk import AirflowException

        if self._is_killed:
            # A second signal must not interrupt what the first began.
            return
        self._is_killed = True
        if self._is_acting:
            raise AirflowException("The task was killed.")
        self.clean_up()

    def clean_up(self) -> None:
        """Say in the log what a killed task leaves behind."""
        self.log.warning(
            "Killed. Sent to Damstra Learning so far: %s. None of it is undone; a retry looks first, and "
            "does what is missing.",
            self.sent(),
        )

    def sent(self) -> str:
        """Return what this attempt asked Damstra Learning to change, in short."""
        changes = [str(change.request()) for change in self.client.changes]
        more = f" and {len(changes) - 5} more" if len(changes) > 5 else ""
        return (", ".join(changes[:5]) or "nothing") + more

    def return_or_write_secret(self, endpoint: Endpoint[str], path: str | None) -> str:
        """Return the path of the file that the answer was written to, or without a path the answer."""
        if path is None:
            return self.client.call(endpoint)
        from airflow_provider_damstra.storage import atomic_write, validate_writable_path

        validate_writable_path("path", path, task_try=self.task_try)
        secret = self.client.call(endpoint)
        atomic_write(path, secret.encode(), task_try=self.task_try, private=True)
        return path

    def deliver_lines(self, pages: Iterable[Rows], path: str) -> dict[str, Any]:
        """Write lines of JSON to a file, and return its ``path``, ``rows`` and ``sha256``."""
        from airflow_provider_damstra.exports.formats import write_json_lines
        from airflow_provider_damstra.storage import atomic_open

        with atomic_open(path, task_try=self.task_try) as file:
            return {"path": path, **write_json_lines(file, pages)}

    def _execute(self, context: Context) -> Any:
        """Do the step: what a subclass is for."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it does")


class UserListMixin(DamstraOperator):
    """A step for the users of a list, which the task before it may have left empty.

    :param user_ids: the users (templated).
    :param on_empty: when there is no user: ``fail``, for it may be a mistake, or ``skip`` the task.
    """

    def __init__(self, *, user_ids: Ids, on_empty: str = "fail", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        validate_choice("on_empty", on_empty, "fail", "skip")
        self.user_ids = user_ids
        self.on_empty = on_empty

    def execute(self, context: Context) -> Any:
        """Do the step, unless there is nobody to do it for, and that may be."""
        if self.on_empty == "skip" and is_empty(self.user_ids):
            from airflow.providers.common.compat.sdk import AirflowSkipException

            raise AirflowSkipException("user_ids is empty: there is nothing to do.")
        return super().execute(context)


class ResultFileMixin(DamstraOperator):
    """A step whose result may be too large for an XCom.

    :param result_path: path or URL, on any object storage, of a file to write the result to as JSON lines
        (templated).
    """

    def __init__(self, *, result_path: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.result_path = result_path

    def refuse_unwritable_result(self) -> None:
        """Refuse a path at which there can be no file, before anything is changed.

        :raises ValueError: saying what is wrong with it.
        """
        if self.result_path is not None:
            from airflow_provider_damstra.storage import validate_writable_path

            validate_writable_path("result_path", self.result_path, task_try=self.task_try)

    def deliver(self, rows: list[dict[str, Any]]) -> Any:
        """Return the rows, or the ``path``, ``rows`` and ``sha256`` of the file that they were written to."""
        if self.result_path is None:
            return rows
        return self.deliver_lines([[json.dumps(row).encode() for row in rows]], self.result_path)


class RollbackOnKillMixin(DamstraOperator):
    """A step whose effect can be taken back when the task is killed.

    :param cancel_on_kill: take back what this attempt created or added, and nothing that was there before,
        when the task is killed or its ``execution_timeout`` is over.
    """

    def __init__(self, *, cancel_on_kill: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        validate_booleans(cancel_on_kill=cancel_on_kill)
        self.cancel_on_kill = cancel_on_kill

    def clean_up(self) -> None:
        """Take back what this attempt did, if that is wanted, and say in the log what became of it."""
        from airflow_provider_damstra.errors import DamstraError
        from airflow_provider_damstra.services.rollback import take_back

        if not (self.cancel_on_kill and self.client.changes):
            super().clean_up()
            return
        client = self.hook.create_client(timeout=SECONDS_TO_LIVE / 2, max_retries=0)
        for change in reversed(self.client.changes):
            what = change.request()
            self.client.will_take_back(change)
            try:
                self.log.warning("Killed. %s: %s.", what, take_back(client, change))
            except DamstraError as error:
                self.log.error("Killed. %s could not be taken back, do it by hand: %s", what, error)

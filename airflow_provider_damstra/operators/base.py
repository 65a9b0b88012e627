"""Base classes of the operators, and mixins for result files and rollback on kill."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Unpack, cast

from airflow.sdk import BaseOperator

from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.id_arguments import ID_ARGUMENTS, texts_to_resolve
from airflow_provider_damstra.storage import TaskTry
from airflow_provider_damstra.task_state import TaskState
from airflow_provider_damstra.text import join_first
from airflow_provider_damstra.ui import DamstraLink, NamedMapIndexMixin
from airflow_provider_damstra.validation import is_rendered_later, parse_bool, validate_booleans

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.definitions.xcom_arg import PlainXComArg
    from pydantic import BaseModel

    from airflow_provider_damstra.arguments import BaseOperatorArguments, Text
    from airflow_provider_damstra.endpoints.base import Endpoint
    from airflow_provider_damstra.exports.reader import Rows
    from airflow_provider_damstra.services.intent_log import RecordingClient

_ROLLBACK_TIMEOUT = 2.0
"""Seconds for a request of a rollback: Airflow sends SIGKILL to a task 5 s after SIGTERM."""

_MAX_REQUESTS_LOGGED = 5

FILE_XCOM_KEYS = ("path", "rows", "sha256")
"""``xcom_keys`` of operators that write their result to a file."""

CREATED_XCOM_KEYS = ("created", "existing")
"""``xcom_keys`` of operators that create what does not exist."""

ADDED_XCOM_KEYS = ("added", "existing")
"""``xcom_keys`` of operators that add users who are not there yet."""


class DamstraOperator(NamedMapIndexMixin, BaseOperator):
    """Base of the operators that call Damstra Learning; a subclass implements ``_execute``.

    Errors that no retry can resolve (a refused key, a missing permission, invalid arguments) fail the task at
    once with ``AirflowFailException``. Other errors, subclasses of ``DamstraError``, are left to Airflow's
    retries.

    Requests that change something are recorded in the task state store (Airflow 3.3) before they are sent, so
    that a retry recognises what an earlier try did. Operators look up the current state before they change
    it.

    :param damstra_conn_id: id of the Airflow connection (templated).
    """

    xcom_keys: ClassVar[tuple[str, ...]] = ()
    """Keys of the XComs besides the return value: ``task.output["uri"]`` is a dependency.

    Those that are keys of the result are pushed after ``_execute``, the others by it.
    """

    ui_color = "#fff1dc"
    operator_extra_links = (DamstraLink(),)
    task_try = TaskTry()
    allow_empty = False
    _is_executing = False
    _is_killed = False

    def __init__(
        self, *, damstra_conn_id: str = DamstraHook.default_conn_name, **kwargs: Unpack[BaseOperatorArguments]
    ) -> None:
        super().__init__(**kwargs)
        self.damstra_conn_id = damstra_conn_id
        self.task_state = TaskState()

    if TYPE_CHECKING:

        @property
        def output(self) -> PlainXComArg:
            """Return the task's output; ``output["key"]`` is the XCom of that key."""

    @cached_property
    def hook(self) -> DamstraHook:
        """Return the hook."""
        return DamstraHook(damstra_conn_id=self.damstra_conn_id)

    @cached_property
    def client(self) -> RecordingClient:
        """Return the API client of this try, which records what it changes."""
        from airflow_provider_damstra.services.intent_log import RecordingClient

        return RecordingClient(self.hook.get_conn(), self.task_state)

    def execute(self, context: Context) -> Any:
        """Run the operator and return its result, ready for XCom."""
        self.task_try = TaskTry.of(context)
        from airflow_provider_damstra.retry_policy import fail_fast_on_permanent_errors

        self.task_state = TaskState(context)
        self._is_executing = True
        try:
            with fail_fast_on_permanent_errors():
                result = self._execute(context)
                self._push_parts(result, context)
                return result
        except BaseException:
            if self._is_killed:
                self.handle_kill()
            raise
        finally:
            self._is_executing = False

    def _push_parts(self, result: Any, context: Context) -> None:
        for key in self.xcom_keys:
            if isinstance(result, dict) and key in result:
                context["ti"].xcom_push(key=key, value=result[key])

    def push_xcoms(self, context: Context, **values: Any) -> None:
        """Push values as XComs by key."""
        for key, value in values.items():
            context["ti"].xcom_push(key=key, value=value)

    def _execute(self, context: Context) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not implement _execute")

    @cached_property
    def resolved_ids(self) -> dict[str, int | list[int]]:
        """Return the ids of users and lessons that are given by a text, by the argument that takes ids.

        They are looked up once per try, and all texts that identify nothing are one error.
        """
        texts = texts_to_resolve(self)
        if not texts:
            return {}
        from airflow_provider_damstra.services.id_resolution import parse_texts, resolve_ids

        return resolve_ids(self.client, parse_texts(texts, allow_empty=self.allow_empty))

    def request_fields(self, model: type[BaseModel]) -> dict[str, Any]:
        """Return the rendered template fields that are fields of a request model, by name; with all ids."""
        fields = {name: getattr(self, name) for name in self.template_fields if name in model.model_fields}
        texts = texts_to_resolve(self)
        if not texts:
            return fields
        _validate_before_look_up(model, {**fields, **{ID_ARGUMENTS[name][0]: 1 for name in texts}})
        return {**fields, **{name: ids for name, ids in self.resolved_ids.items() if name in fields}}

    def on_kill(self) -> None:
        """Stop the task. Airflow calls this in a signal handler, or after an ``execution_timeout``.

        :raises AirflowException: to interrupt the request in progress; ``execute`` then handles the kill.
        """
        from airflow.providers.common.compat.sdk import AirflowException

        if self._is_killed:
            # A second signal must not interrupt the handling of the first.
            return
        self._is_killed = True
        if self._is_executing:
            raise AirflowException("The task was killed.")
        self.handle_kill()

    @property
    def sent(self) -> list[Endpoint[Any]]:
        """Return the requests with which this try changed something; none before there is a client."""
        return self.client.sent if "client" in vars(self) else []

    def handle_kill(self) -> None:
        """Log which requests a killed task has sent."""
        requests = [str(endpoint.request()) for endpoint in self.sent]
        self.log.warning(
            "Killed. Sent to Damstra Learning so far: %s. None of it is undone; a retry checks the "
            "current state first, and sends what is missing.",
            join_first(requests, _MAX_REQUESTS_LOGGED) or "nothing",
        )

    def return_or_write_secret(self, endpoint: Endpoint[str], path: str | None) -> str:
        """Call an operation whose result is a secret.

        :param path: path or URL of a file to write the result to, readable by its owner only.
        :return: the path, or the secret if there is none.
        """
        if path is None:
            return self.client.call(endpoint)
        from airflow_provider_damstra.storage import atomic_write, validate_writable_path

        validate_writable_path("path", path, task_try=self.task_try)
        secret = self.client.call(endpoint)
        atomic_write(path, secret.encode(), task_try=self.task_try)
        return path

    def validate_paths(self, *names: str) -> None:
        """Raise if a file cannot be written, before anything is changed.

        :param names: arguments with the path or URL of a file, or None.
        :raises ValueError: naming the argument and what is wrong with the path.
        """
        from airflow_provider_damstra.storage import validate_writable_path

        for name in names:
            if (path := getattr(self, name)) is not None:
                validate_writable_path(name, path, task_try=self.task_try)

    def write_json_lines(self, pages: Iterable[Rows], path: str) -> dict[str, Any]:
        """Write lines of JSON to a file, and return its ``path``, ``rows`` and ``sha256``."""
        from airflow_provider_damstra.exports.formats import write_json_lines
        from airflow_provider_damstra.storage import atomic_open

        with atomic_open(path, task_try=self.task_try) as file:
            return {"path": path, **write_json_lines(file, pages)}


def _validate_before_look_up(model: type[BaseModel], values: dict[str, Any]) -> None:
    """Raise if a value is invalid, before requests look up ids; missing ones may be filled in later."""
    from pydantic import ValidationError

    try:
        model(
            **{
                name: value
                for name, value in values.items()
                if name in model.model_fields and value is not None
            }
        )
    except ValidationError as error:
        if any(problem["type"] != "missing" for problem in error.errors(include_input=False)):
            raise


class StrictMixin(DamstraOperator):
    """Operator with one request, whose fields are the templated arguments.

    :param strict: fail if the request would change nothing.
    """

    endpoint_name: ClassVar[str]

    def __init__(self, *, strict: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        validate_booleans(strict=strict)
        self.strict = strict

    def create_request(self) -> Any:
        """Return the request."""
        from airflow_provider_damstra import endpoints

        endpoint = getattr(endpoints, self.endpoint_name)
        return endpoint(**self.request_fields(endpoint))


class ChangeStatusOperator(StrictMixin):
    """Base of the operators that give a user, a group or an ILT session another status."""

    def _execute(self, context: Context) -> bool:
        from airflow_provider_damstra.services.status import change_status

        return change_status(self.client, self.create_request(), strict=self.strict)


class ResultFileMixin(DamstraOperator):
    """Operator whose result may be too large for an XCom.

    :param result_path: path or URL, on any object storage, of a file to write the result to as JSON lines
        (templated). Its ``path``, ``rows`` and ``sha256`` are XComs, too.
    """

    xcom_keys: ClassVar[tuple[str, ...]] = FILE_XCOM_KEYS

    def __init__(self, *, result_path: Text | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.result_path = cast("str | None", result_path)

    def push_ids(self, context: Context, ids_by_name: dict[str, list[int]]) -> None:
        """Push lists of ids as XComs, or only their lengths if the result goes to a file."""
        is_in_file = self.result_path is not None
        self.push_xcoms(
            context, **{name: len(ids) if is_in_file else ids for name, ids in ids_by_name.items()}
        )

    def return_or_write(self, rows: list[dict[str, Any]]) -> Any:
        """Return the rows, or the ``path``, ``rows`` and ``sha256`` of the file that they are written to."""
        if self.result_path is None:
            return rows
        return self.write_json_lines([[json.dumps(row).encode() for row in rows]], self.result_path)


class DryRunMixin(DamstraOperator):
    """Operator that can make a plan and change nothing.

    :param dry_run: whether it does so: a boolean, or the string ``"true"`` or ``"false"`` (templated).
    """

    def __init__(self, *, dry_run: bool | Text = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not is_rendered_later(dry_run):
            parse_bool("dry_run", dry_run)
        # dry_run is a method of BaseOperator.
        self.is_dry_run = dry_run

    def parse_dry_run(self) -> bool:
        """Return the rendered argument."""
        return parse_bool("dry_run", self.is_dry_run)


class RollbackOnKillMixin(DamstraOperator):
    """Operator whose changes can be undone when the task is killed.

    :param cancel_on_kill: when the task is killed or its ``execution_timeout`` is over, undo what this try
        created or added, and nothing that existed before.
    """

    def __init__(self, *, cancel_on_kill: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        validate_booleans(cancel_on_kill=cancel_on_kill)
        self.cancel_on_kill = cancel_on_kill

    def handle_kill(self) -> None:
        """Undo what this try sent, newest first, if that is wanted, and log the outcome of each."""
        from airflow_provider_damstra.errors import DamstraError
        from airflow_provider_damstra.services.rollback import roll_back

        if not (self.cancel_on_kill and self.sent):
            super().handle_kill()
            return
        with self.hook.create_client(timeout=_ROLLBACK_TIMEOUT, max_retries=0) as client:
            for endpoint in reversed(self.sent):
                request = endpoint.request()
                self.client.intents.mark_rolled_back(endpoint)
                try:
                    self.log.warning("Killed. %s: %s.", request, roll_back(client, endpoint))
                except DamstraError as error:
                    self.log.error("Killed. %s could not be undone, undo it manually: %s", request, error)

"""Types of the arguments of operators, sensors and transfers.

Only type checkers import this module, so it costs nothing when a DAG file is parsed. ``**kwargs`` of an
operator is ``Unpack`` of one of its dictionaries, which lets type checkers find misspelt arguments. At run
time Airflow accepts or rejects what is in ``kwargs``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Required, TypeAlias, TypedDict

from airflow.sdk import XComArg

if TYPE_CHECKING:
    from airflow.sdk import DAG, RetryPolicy, TaskGroup

Id: TypeAlias = int | str | XComArg
"""One id: a number, a template that renders to one, or another task's output."""

Ids: TypeAlias = Sequence[Id] | int | str | XComArg
"""One id or several: a list, a string such as ``1,2``, a template, or another task's output."""

Text: TypeAlias = str | XComArg
"""A text, a template, or another task's output."""

Texts: TypeAlias = Sequence[Text] | str | XComArg
"""One text or several: a list, a template, or another task's output."""

Time: TypeAlias = datetime | str | XComArg
"""A datetime, ISO 8601 text with a time zone, a template, or another task's output."""

Duration: TypeAlias = timedelta | str | XComArg
"""A timedelta, text such as ``12 months``, a template, or another task's output."""

Fields: TypeAlias = Mapping[str, Any] | str | XComArg
"""Values by name: a mapping, a template that renders to one, or another task's output."""

_Record: TypeAlias = Mapping[str, bool]
AttendanceRecords: TypeAlias = (
    Mapping[int, _Record] | Mapping[str, _Record] | Mapping[int | str, _Record] | Text
)
"""``attended`` and ``passed`` by user id; or a template that renders to these, or another task's output."""

RuleList: TypeAlias = Sequence[Mapping[str, Any]] | Fields
"""Training rules: a list, a mapping with the list as ``requirements``, a text, or another task's output."""

Callbacks: TypeAlias = Callable[..., Any] | list[Callable[..., Any]] | None


class BaseOperatorArguments(TypedDict, total=False):
    """Arguments of Airflow's ``BaseOperator``, up to Airflow 3.4."""

    task_id: Required[str]
    owner: str
    email: str | Sequence[str] | None
    email_on_retry: bool
    email_on_failure: bool
    retries: int | None
    retry_delay: timedelta | float
    retry_exponential_backoff: float
    max_retry_delay: timedelta | float | None
    retry_policy: RetryPolicy | None
    start_date: datetime | None
    end_date: datetime | None
    depends_on_past: bool
    ignore_first_depends_on_past: bool
    wait_for_past_depends_before_skipping: bool
    wait_for_downstream: bool
    dag: DAG | None
    params: MutableMapping[str, Any] | None
    default_args: dict[str, Any] | None
    priority_weight: int
    weight_rule: Any
    queue: str
    pool: str | None
    pool_slots: int
    sla: timedelta | None
    execution_timeout: timedelta | None
    on_execute_callback: Callbacks
    on_failure_callback: Callbacks
    on_success_callback: Callbacks
    on_retry_callback: Callbacks
    on_skipped_callback: Callbacks
    pre_execute: Callable[..., Any] | None
    post_execute: Callable[..., Any] | None
    trigger_rule: str
    resources: dict[str, Any] | None
    run_as_user: str | None
    map_index_template: str | None
    max_active_tis_per_dag: int | None
    max_active_tis_per_dagrun: int | None
    executor: str | None
    executor_config: dict[str, Any] | None
    do_xcom_push: bool
    multiple_outputs: bool
    inlets: Any
    outlets: Any
    task_group: TaskGroup | None
    doc: str | None
    doc_md: str | None
    doc_json: str | None
    doc_yaml: str | None
    doc_rst: str | None
    task_display_name: str | None
    logger_name: str | None
    allow_nested_operators: bool
    render_template_as_native_obj: bool | None


class OperatorArguments(BaseOperatorArguments, total=False):
    """Arguments of ``DamstraOperator``."""

    damstra_conn_id: str


class UserArguments(OperatorArguments, total=False):
    """Arguments of ``UserMixin``."""

    user_id: Id | None
    employee_number: Id | None
    email_address: Text | None


class InstructorArguments(OperatorArguments, total=False):
    """Arguments of ``InstructorMixin``."""

    instructor_id: Id | None
    instructor_employee_number: Id | None
    instructor_email_address: Text | None


class StrictArguments(OperatorArguments, total=False):
    """Arguments of ``StrictMixin``."""

    strict: bool


class RollbackArguments(OperatorArguments, total=False):
    """Arguments of ``RollbackOnKillMixin``."""

    cancel_on_kill: bool


class CreateIltSessionArguments(InstructorArguments, RollbackArguments, total=False):
    """Arguments of the operator that creates an ILT session, without its own."""


class UserStatusArguments(UserArguments, StrictArguments, total=False):
    """Arguments of the operators that give a user another status."""


class UserListArguments(OperatorArguments, total=False):
    """Arguments of ``UserListMixin``."""

    user_ids: Ids | None
    employee_numbers: Ids | None
    email_addresses: Texts | None


class UserRowsArguments(OperatorArguments, total=False):
    """Arguments of ``UserRowsMixin``."""

    users: Sequence[Mapping[str, Any]] | Text | None
    users_path: Text | None
    encoding: str | None
    delimiter: str | None
    allow_empty: bool
    columns: Fields | None
    ignored_columns: Texts | None
    match_by: Literal["employee_number", "email_address", "user_name"] | Text
    batch_size: int
    keep_roles: bool


class OnEmptyArguments(UserListArguments, total=False):
    """Arguments of ``OnEmptyMixin``."""

    on_empty: Literal["fail", "skip"]


class RemoveUsersArguments(OnEmptyArguments, StrictArguments, total=False):
    """Arguments of the operators that remove users from a group or an ILT session."""


class AddUsersArguments(RemoveUsersArguments, RollbackArguments, total=False):
    """Arguments of the operators that add users to a group or an ILT session."""


class ResourceArguments(OperatorArguments, total=False):
    """Arguments of ``ResourceTransfer``."""

    resource: Required[
        Literal[
            "users",
            "groups",
            "group_members",
            "group_supervisors",
            "lessons",
            "lesson_details",
            "lesson_schedules",
            "ilt_sessions",
            "ilt_attendees",
        ]
        | Text
    ]
    filters: Fields | None
    parent_ids: Ids | None
    parent_ids_path: Text | None
    parent_ids_column: Text | None
    parent_ids_encoding: str | None
    parent_ids_delimiter: str | None
    parent_filters: Fields | None
    max_concurrency: int | None
    page_size: int | None
    on_failed_parent: Literal["fail", "skip"]
    exclude_columns: Sequence[str]
    hash_columns: Sequence[str]


class TrainingEvaluationArguments(UserListArguments, total=False):
    """Arguments of ``EvaluateTrainingOperator``."""

    requirements: RuleList | None
    requirements_path: Text | None
    at: Time | None
    time_zone: str
    on_failed_user: Literal["fail", "skip"]
    max_concurrency: int | None


class TrainingStatusArguments(TrainingEvaluationArguments, total=False):
    """Arguments of ``EvaluateTrainingOperator`` and ``StatusTargetMixin``."""

    target_path: Text | None
    file_format: Literal["jsonl", "csv", "parquet"]
    compression: Literal["gzip", "zstd"] | None
    safe_for_spreadsheets: bool
    checkpoint_path: Text | None
    sql_conn_id: Text | None
    table: Text | None
    schema: Text | None
    batch_size: int
    add_missing_columns: bool
    sql_hook_params: Fields | None


class SensorArguments(OperatorArguments, total=False):
    """Arguments of Airflow's ``BaseSensorOperator`` and of ``DamstraSensor``."""

    poke_interval: timedelta | float
    timeout: timedelta | float | None
    soft_fail: bool
    mode: Literal["poke", "reschedule"]
    exponential_backoff: bool
    max_wait: timedelta | float | None
    silent_fail: bool
    never_fail: bool
    deferrable: bool
    start_from_trigger: bool
    end_from_trigger: bool
    max_poll_failures: int

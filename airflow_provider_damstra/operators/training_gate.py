"""The operator that lets a DAG continue only if people are trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, Unpack, cast

try:
    from airflow.sdk import SkipMixin
except ImportError:  # Airflow before 3.3
    from airflow.providers.standard.utils.skipmixin import SkipMixin  # type: ignore[assignment]

from airflow_provider_damstra.id_arguments import USER_LIST_FIELDS
from airflow_provider_damstra.operators.user_arguments import OnEmptyMixin, UserListMixin
from airflow_provider_damstra.requirements_arguments import (
    REQUIREMENTS_FIELDS,
    read_rules,
    validate_gate_arguments,
    validate_requirements_arguments,
)
from airflow_provider_damstra.text import join_first
from airflow_provider_damstra.validation import (
    parse_share,
    required_count,
    validate_booleans,
    validate_choice,
)

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_damstra.arguments import OnEmptyArguments, RuleList, Text, Time
    from airflow_provider_damstra.requirements.gate import GateResult

_MAX_LINES_IN_MESSAGE = 20
_MAX_LINES_IN_XCOM = 100
_MAX_LINES_LOGGED = 1000


class DamstraTrainingGateOperator(UserListMixin, OnEmptyMixin, SkipMixin):
    """Let a DAG continue only if people have all lessons that training rules require of them.

    Reads the rules and looks up what they name (``listLessons``, ``listGroups``, ``listUsers``), then calls
    ``getUser`` and ``listUserLessonSchedules`` for each person, and ``downloadCertificate`` where a rule has
    ``require_passed``. It changes nothing.

    A person passes if each lesson that the rules require is in one of ``accepted_states``. Inactive people
    never pass, and neither do those whose lesson schedules cannot be read: if they decide, the error fails
    the try, which Airflow may retry. The days on which a training expires are those of the person's time
    zone.

    Pushes the XComs ``untrained``, ids of the users who do not pass, and ``open_requirements``, a line for
    each of the first hundred of them: name, employee number, lessons, states and dates. The message has the
    first twenty lines, the log the first thousand.

    :param user_ids: ids of the users: a list, or a string such as ``1,2`` (templated); or
    :param employee_numbers: employee numbers of the users (templated); or
    :param email_addresses: e-mail addresses of the users (templated).
    :param requirements: training rules: a list of rules, or YAML or JSON text (templated); or
    :param requirements_path: path or URL of a YAML or JSON file of rules on any object storage (templated).
    :param at: time of the check: a datetime, or ISO 8601 text with a time zone, such as the day on which work
        begins (templated). Default: now, also in a later try and in a backfill.
    :param time_zone: IANA time zone of people without a known one.
    :param threshold: required share of the people, above 0 and up to 1 (templated).
    :param accepted_states: states in which a lesson counts: ``current``, ``expiring``, ``assigned``.
    :param on_no_requirements: whether a person for whom no rule is meant counts as ``untrained`` or
        ``trained``.
    :param on_untrained: ``fail`` the task, without retries; ``skip`` it, so that the trigger rules of the
        tasks after it decide; or ``short_circuit``: succeed and skip the tasks after it. A mapped task cannot
        do that, and is skipped instead.
    :param ignore_downstream_trigger_rules: with ``short_circuit``: skip all tasks downstream. If False, only
        the direct ones are skipped, and the trigger rules of the others decide.
    :param on_empty: ``fail``, or ``skip`` the task, if there are no users.
    :return: ids of the users who pass; nothing with ``short_circuit`` if they are too few.
    :raises AirflowFailException: if too few people pass, and ``on_untrained`` is ``fail``.
    :raises ValueError: if an argument has an invalid value.
    """

    inherits_from_skipmixin = True
    xcom_keys = ("untrained", "open_requirements")
    template_fields = (*USER_LIST_FIELDS, *REQUIREMENTS_FIELDS, "at", "threshold", "damstra_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"requirements": "yaml"}

    def __init__(
        self,
        *,
        requirements: RuleList | None = None,
        requirements_path: Text | None = None,
        at: Time | None = None,
        time_zone: str = "UTC",
        threshold: float | Text = 1.0,
        accepted_states: Sequence[Literal["current", "expiring", "assigned"]] = ("current", "expiring"),
        on_no_requirements: Literal["untrained", "trained"] = "untrained",
        on_untrained: Literal["fail", "skip", "short_circuit"] = "fail",
        ignore_downstream_trigger_rules: bool = True,
        **kwargs: Unpack[OnEmptyArguments],
    ) -> None:
        super().__init__(**kwargs)
        validate_requirements_arguments(requirements=requirements, requirements_path=requirements_path)
        validate_gate_arguments(
            time_zone=time_zone,
            threshold=threshold,
            accepted_states=accepted_states,
            on_no_requirements=on_no_requirements,
        )
        validate_choice("on_untrained", on_untrained, "fail", "skip", "short_circuit")
        validate_booleans(ignore_downstream_trigger_rules=ignore_downstream_trigger_rules)
        self.requirements = requirements
        self.requirements_path = cast("str | None", requirements_path)
        self.at = at
        self.time_zone = time_zone
        self.threshold = threshold
        self.accepted_states = list(accepted_states)
        self.on_no_requirements = on_no_requirements
        self.on_untrained = on_untrained
        self.ignore_downstream_trigger_rules = ignore_downstream_trigger_rules

    def _execute(self, context: Context) -> list[int] | None:
        from airflow_provider_damstra.requirements.gate import describe_count

        self.validate_not_empty(*USER_LIST_FIELDS)
        threshold = parse_share("threshold", self.threshold)
        result = self._check()
        lines = list(result.untrained.values())
        self.push_xcoms(
            context, untrained=list(result.untrained), open_requirements=lines[:_MAX_LINES_IN_XCOM]
        )
        required = required_count(threshold, result.count)
        summary = f"{describe_count(len(result.trained), result.count, required)}."
        self.log.info("%s", _with_lines(summary, lines, limit=_MAX_LINES_LOGGED))
        if len(result.trained) >= required:
            return result.trained
        if len(result.trained) + len(result.errors) >= required:
            raise result.error(_with_lines(summary, lines, limit=_MAX_LINES_IN_MESSAGE))
        self._stop(context, _with_lines(summary, lines, limit=_MAX_LINES_IN_MESSAGE))
        return None

    def _check(self) -> GateResult:
        from zoneinfo import ZoneInfo

        from airflow_provider_damstra.requirements.gate import (
            GateArguments,
            check_candidates,
            find_candidates,
        )
        from airflow_provider_damstra.requirements.resolution import resolve_rules

        rules, positions = read_rules(self.requirements, self.requirements_path)
        arguments = GateArguments(**self.request_fields(GateArguments))
        candidates = find_candidates(
            self.client,
            arguments.user_ids,
            resolve_rules(self.client, rules, positions),
            default_time_zone=ZoneInfo(self.time_zone),
            on_no_requirements=self.on_no_requirements,
        )
        return check_candidates(
            self.client, candidates, at=arguments.at, accepted_states=self.accepted_states
        )

    def _stop(self, context: Context, message: str) -> None:
        """Fail or skip the task, or skip the tasks downstream."""
        from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

        if self.on_untrained == "fail":
            raise AirflowFailException(f"{message}\nClear this task once enough of them are trained.")
        # Airflow would not skip tasks after a mapped task, so that the gate would be open.
        if self.on_untrained == "skip" or context["ti"].map_index not in (None, -1):
            raise AirflowSkipException(message)
        relatives = (
            self.get_flat_relatives if self.ignore_downstream_trigger_rules else self.get_direct_relatives
        )
        # It raises DownstreamTasksSkipped, which leaves this task successful.
        self.skip(
            ti=context["ti"], tasks=[task for task in relatives(upstream=False) if not task.is_teardown]
        )


def _with_lines(summary: str, lines: Sequence[str], *, limit: int) -> str:
    return join_first([summary, *lines], limit + 1, separator="\n  ")

"""Base class of the sensors that wait until lessons are completed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, Unpack, cast

from airflow_provider_damstra.durations import format_duration, parse_duration
from airflow_provider_damstra.sensors.base import DamstraSensor
from airflow_provider_damstra.validation import is_rendered_later, validate_booleans, validate_subset

if TYPE_CHECKING:
    from airflow_provider_damstra.arguments import Duration, SensorArguments
    from airflow_provider_damstra.conditions.base import PollResult
    from airflow_provider_damstra.conditions.completion import CompletionRule

_PASSED_SCHEDULE_IDS = "passed_schedule_ids"


class _CompletionCondition(Protocol):
    completion_rule: CompletionRule


class CertificateSensor(DamstraSensor):
    """Wait for completions of which some need a certificate; each found one is requested once.

    :ivar require_passed: whether completions need a certificate.
    :ivar passed_schedule_ids: schedules that are known to have one.
    """

    require_passed: bool

    def __init__(self, **kwargs: Unpack[SensorArguments]) -> None:
        super().__init__(**kwargs)
        self.passed_schedule_ids: list[int] = []

    def _poll(self) -> PollResult:
        """Poll once; a rescheduled task keeps the passed schedules in its state (from Airflow 3.3)."""
        if not self.require_passed:
            return super()._poll()
        self.passed_schedule_ids = self._get_state(_PASSED_SCHEDULE_IDS, [])
        result = super()._poll()
        if self.is_unresolved():
            return result
        passed = self._resolved_arguments()[_PASSED_SCHEDULE_IDS]
        if passed != self.passed_schedule_ids:
            self._set_state(_PASSED_SCHEDULE_IDS, passed)
        return result

    def _resolved_arguments(self) -> dict[str, Any]:
        """Return the passed schedules, so that the trigger does not request their certificates again."""
        if not self.require_passed:
            return {}
        rule = cast("_CompletionCondition", self.condition).completion_rule
        return {_PASSED_SCHEDULE_IDS: sorted(rule.passed_schedule_ids)}


class LessonCompletionSensor(CertificateSensor):
    """Wait until lessons are completed.

    **A lesson completed with a failed test is completed**, in Damstra and here: the API's schedules do not
    contain the result of the test. Only a completed and passed schedule has a certificate. With
    ``require_passed`` each completed schedule is therefore followed by one call of ``downloadCertificate``,
    in every mode. A schedule without a certificate is ``not_passed`` and does not count; its certificate is
    requested again every 10 minutes, and with ``mode="reschedule"`` at each poll, as it may be issued later,
    or the test be repeated.

    ``valid_for`` is measured at each poll, from the time of completion. An older completion, or one without
    a time, is ``expired`` and does not count; no certificate is requested for it.

    :param fail_on: states that count as failed; ``not_passed`` needs ``require_passed``, ``expired`` needs
        ``valid_for``.
    :param require_passed: count only completions with a passed test.
    :param valid_for: how long a completion counts: a ``timedelta``, or text such as ``12 months`` (of the
        calendar), ``90 days`` or ``P12M`` (templated). Default: for ever.
    :param kwargs: arguments of ``DamstraSensor``.
    :raises ValueError: if an argument has an invalid value.
    """

    def __init__(
        self,
        *,
        fail_on: Sequence[Literal["cancelled", "overdue", "not_passed", "expired"]],
        require_passed: bool,
        valid_for: Duration | None,
        **kwargs: Unpack[SensorArguments],
    ) -> None:
        super().__init__(**kwargs)
        validate_subset("fail_on", fail_on, "cancelled", "overdue", "not_passed", "expired")
        validate_booleans(require_passed=require_passed)
        if valid_for is not None and not is_rendered_later(valid_for):
            parse_duration("valid_for", valid_for)
        _validate_reachable(fail_on, not_passed=require_passed, expired=valid_for is not None)
        self.fail_on = list(fail_on)
        self.require_passed = require_passed
        self.valid_for = valid_for

    def _arguments(self) -> dict[str, Any]:
        """Return the condition's arguments as JSON, without defaults: a trigger keeps them while it waits."""
        arguments = super()._arguments()
        if self.require_passed:
            arguments |= {"require_passed": True, _PASSED_SCHEDULE_IDS: self.passed_schedule_ids}
        if self.valid_for is not None:
            is_template = is_rendered_later(self.valid_for)
            arguments["valid_for"] = self.valid_for if is_template else self._valid_for_text()
        return arguments

    def _valid_for_text(self) -> str:
        return format_duration(parse_duration("valid_for", self.valid_for))


def _validate_reachable(fail_on: Sequence[str], *, not_passed: bool, expired: bool) -> None:
    """Validate that lessons can have the states: without the check, tasks would wait instead of failing."""
    if "not_passed" in fail_on and not not_passed:
        raise ValueError("fail_on has 'not_passed', which needs require_passed=True")
    if "expired" in fail_on and not expired:
        raise ValueError("fail_on has 'expired', which needs valid_for, such as valid_for='12 months'")

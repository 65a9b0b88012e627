"""The sensor that waits until people are trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Unpack, cast

from airflow_provider_damstra.id_arguments import USER_LIST_FIELDS
from airflow_provider_damstra.requirements_arguments import (
    REQUIREMENTS_FIELDS,
    read_rules,
    validate_gate_arguments,
    validate_requirements_arguments,
)
from airflow_provider_damstra.sensors.completion import CertificateSensor
from airflow_provider_damstra.validation import validate_exactly_one

if TYPE_CHECKING:
    from airflow_provider_damstra.arguments import Ids, RuleList, SensorArguments, Text, Texts, Time


class DamstraTrainingGateSensor(CertificateSensor):
    """Wait until people have all lessons that training rules require of them.

    The first poll, on a worker, reads the rules, and looks up what they name and the people
    (``listLessons``, ``listGroups``, ``listUsers``, ``getUser``). The trigger gets ids, periods and names of
    people and lessons, but not the rules. Each poll calls ``listUserLessonSchedules`` for each person who is
    not trained yet, and ``downloadCertificate`` where a rule has ``require_passed``, once for each completion
    that is passed. At the end ``getUser`` makes sure that the trained people are active. Returns (XCom) the
    ids of the users who are trained.

    A person is trained if each lesson that the rules require is in one of ``accepted_states``. Inactive
    people never are, nor those for whom no rule is meant, by default: the sensor fails immediately if the
    others are too few, and if a user, lesson or group does not exist.

    Modes, common arguments and error handling: see ``DamstraSensor``. ``start_from_trigger`` is not
    supported, because only a worker can look up rules.

    :param user_ids: ids of the users: a list, or a string such as ``1,2`` (templated); or
    :param employee_numbers: employee numbers of the users (templated); or
    :param email_addresses: e-mail addresses of the users (templated).
    :param requirements: training rules: a list of rules, or YAML or JSON text (templated); or
    :param requirements_path: path or URL of a YAML or JSON file of rules on any object storage (templated).
    :param at: time at which the people have to be trained, such as the day on which work begins: a
        datetime, or ISO 8601 text with a time zone (templated). Default, and once it has passed: the time of
        each poll.
    :param time_zone: IANA time zone of people without a known one.
    :param threshold: required share of the people, above 0 and up to 1 (templated).
    :param accepted_states: states in which a lesson counts: ``current``, ``expiring``, ``assigned``.
    :param on_no_requirements: whether a person for whom no rule is meant counts as ``untrained`` or
        ``trained``.
    :raises ValueError: if an argument has an invalid value, or with ``start_from_trigger``.
    """

    condition_name = "TrainingGateCondition"
    condition_arguments = ("people", "requirements", "at", "threshold", "accepted_states")
    template_fields = (*USER_LIST_FIELDS, *REQUIREMENTS_FIELDS, "at", "threshold", "damstra_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"requirements": "yaml"}
    require_passed = True

    def __init__(
        self,
        *,
        user_ids: Ids | None = None,
        employee_numbers: Ids | None = None,
        email_addresses: Texts | None = None,
        requirements: RuleList | None = None,
        requirements_path: Text | None = None,
        at: Time | None = None,
        time_zone: str = "UTC",
        threshold: float | Text = 1.0,
        accepted_states: Sequence[Literal["current", "expiring", "assigned"]] = ("current", "expiring"),
        on_no_requirements: Literal["untrained", "trained"] = "untrained",
        **kwargs: Unpack[SensorArguments],
    ) -> None:
        super().__init__(**kwargs)
        validate_exactly_one(
            user_ids=user_ids, employee_numbers=employee_numbers, email_addresses=email_addresses
        )
        validate_requirements_arguments(requirements=requirements, requirements_path=requirements_path)
        validate_gate_arguments(
            time_zone=time_zone,
            threshold=threshold,
            accepted_states=accepted_states,
            on_no_requirements=on_no_requirements,
        )
        if self._starts_from_trigger:
            raise ValueError(
                "training rules cannot be looked up in the triggerer: leave out start_from_trigger"
            )
        self.user_ids = user_ids
        self.employee_numbers = employee_numbers
        self.email_addresses = email_addresses
        self.requirements = requirements
        self.requirements_path = cast("str | None", requirements_path)
        self.at = at
        self.time_zone = time_zone
        self.threshold = threshold
        self.accepted_states = list(accepted_states)
        self.on_no_requirements = on_no_requirements

    def _arguments(self) -> dict[str, Any]:
        passed = {"passed_schedule_ids": self.passed_schedule_ids} if self.passed_schedule_ids else {}
        return {**super()._arguments(), **passed}

    def is_unresolved(self) -> bool:
        """Return whether the rules and people have to be looked up before there is a condition."""
        return not self._resolved

    def _resolve(self) -> None:
        """Look up the rules and people once per try; a rescheduled task keeps them (from Airflow 3.3)."""
        if self._resolved:
            return
        from airflow_provider_damstra.requirements.serialization import without_names

        # Of the try: after the task is cleared, the rules and groups may be others.
        key = f"gate{self._state_suffix}"
        self._resolved = self._get_state(key, None) or self._look_up()
        # Airflow shows the state of tasks: it has no names.
        self._set_state(key, {**self._resolved, "people": without_names(self._resolved["people"])})

    def _look_up(self) -> dict[str, Any]:
        from zoneinfo import ZoneInfo

        from airflow_provider_damstra.id_arguments import texts_to_resolve
        from airflow_provider_damstra.requirements.gate import GateArguments, find_candidates
        from airflow_provider_damstra.requirements.resolution import resolve_rules
        from airflow_provider_damstra.requirements.serialization import dump_candidates
        from airflow_provider_damstra.services.id_resolution import parse_texts, resolve_ids

        rules, positions = read_rules(self.requirements, self.requirements_path)
        texts = parse_texts(texts_to_resolve(self))
        ids = resolve_ids(self.hook, texts)["user_ids"] if texts else self.user_ids
        arguments = GateArguments.model_validate({"user_ids": ids, "at": self.at})
        candidates = find_candidates(
            self.hook,
            arguments.user_ids,
            resolve_rules(self.hook, rules, positions),
            default_time_zone=ZoneInfo(self.time_zone),
            on_no_requirements=self.on_no_requirements,
        )
        people, requirements = dump_candidates(candidates)
        at = arguments.at and arguments.at.isoformat()
        return {"people": people, "requirements": requirements, "at": at}

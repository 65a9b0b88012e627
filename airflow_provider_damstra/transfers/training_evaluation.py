"""Base class of the operators that evaluate training rules for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast
from zoneinfo import ZoneInfo

from airflow_provider_damstra.id_arguments import USER_LIST_FIELDS
from airflow_provider_damstra.operators.base import DamstraOperator
from airflow_provider_damstra.requirements_arguments import (
    REQUIREMENTS_FIELDS,
    read_rules,
    validate_requirements_arguments,
)
from airflow_provider_damstra.transfers.base import FAILED_PARENTS_SHOWN, log_left_out, open_reader
from airflow_provider_damstra.validation import (
    validate_at_most_one,
    validate_choice,
    validate_integer,
    validate_time_zone,
)

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_damstra.arguments import Ids, RuleList, Text, Texts, Time
    from airflow_provider_damstra.exports.reader import ResourceReader, Rows
    from airflow_provider_damstra.exports.training_status.evaluation import EvaluatedTrainee, PassedTests
    from airflow_provider_damstra.exports.training_status.failures import FailedUsers
    from airflow_provider_damstra.requirements.resolution import ResolvedRules
    from airflow_provider_damstra.requirements.trainee import Trainee
    from airflow_provider_damstra.yaml_documents import Positions

EVALUATION_FIELDS = (*REQUIREMENTS_FIELDS, *USER_LIST_FIELDS, "at")
"""Template fields of an ``EvaluateTrainingOperator``."""


@dataclass(frozen=True, kw_only=True)
class TrainingEvaluation:
    """What is evaluated.

    :param positions: where the rules are, for messages.
    :param user_ids: the users; None for all active ones.
    :param failed: users who are left out, once they are known.
    """

    rules: ResolvedRules
    positions: Positions
    user_ids: tuple[int, ...] | None
    at: datetime
    failed: FailedUsers


class EvaluateTrainingOperator(DamstraOperator):
    """Evaluate training rules for people; a subclass writes the statuses.

    Calls ``listUsers``, ``listUserLessonSchedules`` once for each person whom a rule is for, and what the
    rules need: ``listLessons``, ``listGroups``; ``downloadCertificate`` for completions that count only with
    a passed test. Memory use does not grow with the number of lesson schedules.

    :param requirements: list of rules, a mapping with this list as ``requirements``, or either as YAML or
        JSON text, such as the value of an Airflow Variable (templated); or
    :param requirements_path: path or URL of a YAML or JSON file on any object storage (templated).
    :param user_ids: ids of the users who are evaluated (templated); or
    :param employee_numbers: employee numbers of these users (templated); or
    :param email_addresses: e-mail addresses of these users (templated). Default all active users.
    :param at: time of the status, as a datetime or ISO 8601 text with a time zone; default the DAG run's
        ``run_after``. What was created or completed later does not count, so that a retry or a cleared DAG
        run gives the same statuses (templated).
    :param time_zone: IANA time zone that decides the day for users who have no valid time zone.
    :param on_failed_user: ``"fail"``, or ``"skip"`` to leave out a user who cannot be read, and to name the
        user in the result. The task still fails if Damstra Learning cannot be reached, or if no user can be
        read.
    :param max_concurrency: concurrent requests; default the connection's ``max_concurrency``.
    """

    template_fields_renderers: ClassVar[dict[str, str]] = {"requirements": "yaml"}

    def __init__(
        self,
        *,
        requirements: RuleList | None = None,
        requirements_path: Text | None = None,
        user_ids: Ids | None = None,
        employee_numbers: Ids | None = None,
        email_addresses: Texts | None = None,
        at: Time | None = None,
        time_zone: str = "UTC",
        on_failed_user: Literal["fail", "skip"] = "fail",
        max_concurrency: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        validate_requirements_arguments(requirements=requirements, requirements_path=requirements_path)
        validate_at_most_one(
            user_ids=user_ids, employee_numbers=employee_numbers, email_addresses=email_addresses
        )
        validate_time_zone("time_zone", time_zone)
        validate_choice("on_failed_user", on_failed_user, "fail", "skip")
        if max_concurrency is not None:
            validate_integer("max_concurrency", max_concurrency, at_least=1)
        self.requirements = requirements
        self.requirements_path = cast("str | None", requirements_path)
        self.user_ids = user_ids
        self.employee_numbers = employee_numbers
        self.email_addresses = email_addresses
        self.at = at
        self.time_zone = time_zone
        self.on_failed_user = on_failed_user
        self.max_concurrency = max_concurrency

    def prepare_evaluation(self, context: Context) -> TrainingEvaluation:
        """Return what is evaluated, after the names in the rules are looked up.

        :raises ValueError: naming every bad rule with its position, before the first request.
        """
        from airflow_provider_damstra.exports.training_status.failures import FailedUsers
        from airflow_provider_damstra.exports.training_status.trainees import EvaluationRequest
        from airflow_provider_damstra.requirements.resolution import resolve_rules

        rules, positions = read_rules(self.requirements, self.requirements_path)
        request = EvaluationRequest(**self.request_fields(EvaluationRequest))
        return TrainingEvaluation(
            rules=resolve_rules(self.client, rules, positions),
            positions=positions,
            user_ids=request.user_ids,
            at=request.at or time_of_run(context),
            failed=FailedUsers(skips=self.on_failed_user == "skip"),
        )

    @contextmanager
    def evaluated_trainees(
        self, evaluation: TrainingEvaluation, context: Context, *, checkpoint_path: str | None
    ) -> Iterator[Iterator[EvaluatedTrainee]]:
        """Yield each trainee with the statuses; listings are kept for a retry until the block succeeds.

        :param checkpoint_path: path of a file, next to which they are kept; None keeps none.
        """
        from airflow_provider_damstra.exports.checkpoint import listings_with_checkpoint
        from airflow_provider_damstra.exports.training_status.evaluation import PassedTests, listings_of
        from airflow_provider_damstra.transfers.resume import open_checkpoint

        trainees = self._read_trainees(evaluation)
        user_ids = list(trainees)
        with self._open_reader("lesson_schedules", parent_ids=user_ids) as reader:
            if checkpoint_path is None:
                yield self._evaluate(evaluation, trainees, reader, listings_of(reader), PassedTests(None))
                return
            fingerprint = self._fingerprint(evaluation)
            with open_checkpoint(checkpoint_path, context, fingerprint=fingerprint) as checkpoint:
                listings = listings_with_checkpoint(reader, checkpoint, parent_ids=user_ids)
                yield self._evaluate(evaluation, trainees, reader, listings, PassedTests(checkpoint))

    def _evaluate(
        self,
        evaluation: TrainingEvaluation,
        trainees: Mapping[int, Trainee],
        reader: ResourceReader,
        listings: Iterator[tuple[int, Rows]],
        passed: PassedTests,
    ) -> Iterator[EvaluatedTrainee]:
        from airflow_provider_damstra.exports.training_status.evaluation import evaluate_trainees

        failed, count = evaluation.failed, 0
        for evaluated in evaluate_trainees(
            self.client, trainees, listings, at=evaluation.at, passed=passed, failed=failed
        ):
            yield evaluated
            count += 1
        failed.errors |= reader.failed
        failed.raise_if_all(evaluated=count)
        self.log.info("%d people evaluated at %s", count, evaluation.at.isoformat())

    def _read_trainees(self, evaluation: TrainingEvaluation) -> dict[int, Trainee]:
        from airflow_provider_damstra.exports.training_status.trainees import read_trainees

        with self._open_reader("users", filters={"active_value": "active"}) as reader:
            return read_trainees(
                reader,
                evaluation.rules,
                user_ids=evaluation.user_ids,
                time_zone=ZoneInfo(self.time_zone),
                failed=evaluation.failed,
            )

    def _open_reader(self, resource: str, **selection: Any) -> ResourceReader:
        return open_reader(
            self.hook,
            resource,
            max_concurrency=self.max_concurrency,
            skip_failed_parents=self.on_failed_user == "skip",
            **selection,
        )

    def _fingerprint(self, evaluation: TrainingEvaluation) -> str:
        """Return a hash that two tasks share only if one can use the listings that the other read."""
        parts = (self.damstra_conn_id, self.hook.settings.base_url, evaluation.at.isoformat())
        return sha256(json.dumps(parts).encode()).hexdigest()

    def report_failed_users(self, failed: FailedUsers) -> dict[str, Any]:
        """Log the first users who were left out, and return them for the result.

        :return: ``failed_users``, error messages by id, and ``failed_user_count``.
        """
        count = len(failed.errors)
        first = [
            (str(user_id), reason) for user_id, reason in islice(failed.errors.items(), FAILED_PARENTS_SHOWN)
        ]
        log_left_out(self.log, "user", first, count=count)
        return {"failed_users": dict(first), "failed_user_count": count}


def time_of_run(context: Context) -> datetime:
    """Return when the DAG run was due, in UTC, so that a retry has the same time; now without a DAG run."""
    dag_run: Any = context.get("dag_run")
    time: datetime = getattr(dag_run, "run_after", None) or datetime.now(UTC)
    return time.astimezone(UTC)

"""The training gate: who passes, what happens otherwise, and what is reported."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSkipException,
    DownstreamTasksSkipped,
)
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

from airflow_provider_damstra.endpoints import InactivateUser
from airflow_provider_damstra.errors import DamstraAuthError, DamstraServerError
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.operators.training_gate import DamstraTrainingGateOperator
from airflow_provider_damstra.requirements import gate
from tests.airflow_compat import DagSerialization
from tests.operators.task_runner import TaskInstance, error_message, fail_fast_message, run
from tests.operators.training_cases import AMELIA, LIAM, OLIVIA, SITE_RULES, WAYNE

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

ROOT = Path(__file__).parents[2]
HEIGHTS_SCHEDULE, INDUCTION_SCHEDULE = 30040, 30014
"""Liam's open schedule of Working at Heights, and Olivia's of Site Induction."""

pytestmark = pytest.mark.usefixtures("damstra_emulator")


def create_gate(*user_ids: int, **arguments: Any) -> DamstraTrainingGateOperator:
    given = {"requirements": SITE_RULES, "user_ids": list(user_ids) or [AMELIA, LIAM, OLIVIA], **arguments}
    return DamstraTrainingGateOperator(task_id="gate", **given)


def heights(**rule: Any) -> list[dict[str, Any]]:
    return [{"lessons": ["Working at Heights"], "all": True, **rule}]


def test_failure_names_who_lacks_what_and_why() -> None:
    message, *lines = fail_fast_message(create_gate(AMELIA, WAYNE, LIAM, OLIVIA)).splitlines()
    assert message == "1 of 4 people are trained, and at least 4 must be."
    assert lines[0] == "  Wayne Birch (E1038): inactive"
    assert lines[1].startswith("  Liam Murphy (E1011): Working at Heights assigned (not completed; scheduled")
    assert lines[2].startswith(
        "  Olivia Tran (E1012): Site Induction assigned (not completed; scheduled, due"
    )
    assert lines[3:] == ["Clear this task once enough of them are trained."]


def test_failure_is_reported_as_on_the_page() -> None:
    page = (ROOT / "docs" / "how-to" / "training-gate.md").read_text()
    (printed,) = re.findall(r"```text\n(.*?)\n```", page, re.S)
    message = fail_fast_message(create_gate(AMELIA, LIAM, WAYNE))
    day = r"\d{4}-\d\d-\d\d"
    assert re.sub(day, "", message) == re.sub(day, "", printed)


@pytest.mark.parametrize(("threshold", "passes"), [(1.0, False), (0.34, False), ("{{ 0.33 }}", True)])
def test_share_of_trained_people_decides(threshold: Any, passes: bool) -> None:
    operator = create_gate(threshold=threshold)
    if not passes:
        assert fail_fast_message(operator).startswith("1 of 3 people are trained, ")
        return
    outcome = run(operator)
    assert outcome.value == [AMELIA]
    assert outcome.xcoms["untrained"] == [LIAM, OLIVIA]
    assert [line.split(":")[0] for line in outcome.xcoms["open_requirements"]] == [
        "Liam Murphy (E1011)",
        "Olivia Tran (E1012)",
    ]


def test_people_pass_once_they_are_trained(damstra_emulator: DamstraEmulator) -> None:
    damstra_emulator.complete_lesson_schedule(HEIGHTS_SCHEDULE)
    damstra_emulator.complete_lesson_schedule(INDUCTION_SCHEDULE)
    assert run(create_gate()).value == [AMELIA, LIAM, OLIVIA]


@pytest.mark.parametrize(
    ("time", "state"),
    [
        (timedelta(), ""),
        (timedelta(days=320), "Site Induction expiring (completed on 2"),
        (timedelta(days=400), "Site Induction expired (completed on 2"),
        (timedelta(days=-60), "Site Induction missing (not completed; not scheduled)"),
    ],
)
def test_time_of_check_decides(time: timedelta, state: str, damstra_emulator: DamstraEmulator) -> None:
    rules = [{"lessons": ["Site Induction"], "all": True, "valid_for": "12 months", "warn_before": "45 days"}]
    operator = create_gate(
        AMELIA,
        requirements=rules,
        accepted_states=["current"],
        at="{{ day }}",
    )
    day = (damstra_emulator.now + time).isoformat()
    if not state:
        assert run(operator, day=day).value == [AMELIA]
        return
    assert f"Amelia Singh (E1016): {state}" in fail_fast_message(operator, day=day)


@pytest.mark.parametrize(
    ("accepted", "trained"),
    [({}, [AMELIA]), ({"accepted_states": ["current", "assigned"]}, [AMELIA, LIAM])],
)
def test_accepted_states_decide(accepted: dict[str, Any], trained: list[int]) -> None:
    operator = create_gate(requirements=heights(), threshold=0.3, **accepted)
    outcome = run(operator)
    assert outcome.value == trained
    assert "Working at Heights overdue" in outcome.xcoms["open_requirements"][-1]


@pytest.mark.parametrize(("passed", "result"), [(True, [LIAM]), (False, None)])
def test_failed_test_does_not_count_with_require_passed(
    passed: bool, result: list[int] | None, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.complete_lesson_schedule(HEIGHTS_SCHEDULE, passed=passed)
    operator = create_gate(LIAM, requirements=heights(require_passed=True))
    if result:
        assert run(operator).value == result
    else:
        assert "Working at Heights missing (completed, but with a failed test;" in fail_fast_message(operator)
    assert run(create_gate(LIAM, requirements=heights())).value == [LIAM]


def test_of_two_rules_for_a_lesson_the_stricter_decides() -> None:
    rules = [*SITE_RULES, {"lessons": [201], "users": [AMELIA], "valid_for": "1 day"}]
    assert "Amelia Singh (E1016): Site Induction expired (" in fail_fast_message(
        create_gate(requirements=rules)
    )


def test_person_for_whom_no_rule_is_meant_passes_only_if_that_is_set() -> None:
    rules = [{"lessons": ["Site Induction"], "groups": ["Pit Crew A"]}]
    operator = create_gate(AMELIA, OLIVIA, requirements=rules)
    assert "\n  Olivia Tran (E1012): no requirement is for this person\n" in fail_fast_message(operator)
    operator = create_gate(AMELIA, OLIVIA, requirements=rules, on_no_requirements="trained")
    assert run(operator).value == [AMELIA, OLIVIA]


@pytest.mark.parametrize("option", ["untrained", "trained"])
def test_inactive_person_never_passes(option: Any) -> None:
    DamstraHook().call(InactivateUser(user_id=AMELIA))
    assert "Amelia Singh (E1016): inactive" in fail_fast_message(
        create_gate(AMELIA, on_no_requirements=option)
    )


def test_users_who_do_not_exist_are_named_together() -> None:
    assert fail_fast_message(create_gate(AMELIA, 7, 8)) == "Users [7, 8] do not exist."


def test_rules_are_checked_before_the_first_request(
    damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("- lessons: [Site Induction]\n  all: true\n  valid_for: never\n")
    operator = create_gate(requirements=None, requirements_path=str(path))
    assert "requirements[0].valid_for (line 3): " in fail_fast_message(operator)
    assert not damstra_emulator.journal()


@pytest.mark.parametrize(
    ("path", "threshold", "kind"),
    [
        (f"/user/{LIAM}/lesson_schedule", 1.0, None),
        (f"/user/{AMELIA}/lesson_schedule", 0.3, DamstraServerError),
    ],
)
def test_unreadable_person_does_not_pass_and_fails_the_try_only_if_decisive(
    path: str, threshold: float, kind: type[DamstraServerError] | None, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault(path=path, kind="status", status=503)
    operator = create_gate(threshold=threshold)
    if kind is None:
        # Olivia is not trained, so the result of Liam does not matter.
        assert "Liam Murphy (E1011): could not be checked: ListUserLessonSchedules (" in fail_fast_message(
            operator
        )
        return
    with pytest.raises(kind) as caught:
        run(operator)
    assert "0 of 3 people are trained, and at least 1 must be." in str(caught.value)
    assert "Amelia Singh (E1016): could not be checked: ListUserLessonSchedules (" in str(caught.value)


def test_gate_that_is_passed_without_an_unreadable_person_succeeds(damstra_emulator: DamstraEmulator) -> None:
    damstra_emulator.add_fault(path=f"/user/{LIAM}/lesson_schedule", kind="status", status=503)
    outcome = run(create_gate(threshold=0.3))
    assert (outcome.value, outcome.xcoms["untrained"]) == ([AMELIA], [LIAM, OLIVIA])


def test_refused_key_fails_without_naming_people(damstra_emulator: DamstraEmulator) -> None:
    damstra_emulator.add_fault(
        path="/user/*/lesson_schedule", kind="status", status=401, body={"error": "Invalid access key"}
    )
    assert "Liam" not in error_message(create_gate(threshold=0.01), DamstraAuthError)


def test_message_and_xcom_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    untrained = {number: f"Person {number}: inactive" for number in range(1, 151)}
    result = gate.GateResult(untrained=untrained)
    monkeypatch.setattr(gate, "check_candidates", lambda *_, **__: result)
    ti = TaskInstance()
    with pytest.raises(AirflowFailException) as caught:
        create_gate().execute({"ti": ti})  # type: ignore[typeddict-item]
    lines = str(caught.value).splitlines()
    assert (len(lines), lines[-2]) == (23, "  and 130 more")
    assert ti.outcome.xcoms["untrained"] == list(untrained)
    assert len(ti.outcome.xcoms["open_requirements"]) == 100


def test_skip_reports_who_is_not_trained() -> None:
    with pytest.raises(AirflowSkipException, match="Liam Murphy"):
        run(create_gate(on_untrained="skip"))


@pytest.mark.parametrize(
    ("ignores_rules", "skipped"), [(True, {"first", "second"}), (False, {"first"})], ids=["all", "direct"]
)
def test_short_circuit_skips_tasks_downstream_but_no_teardown(ignores_rules: bool, skipped: set[str]) -> None:
    with DAG("site", schedule=None):
        operator = create_gate(on_untrained="short_circuit", ignore_downstream_trigger_rules=ignores_rules)
        clean_up = EmptyOperator(task_id="clean_up").as_teardown()
        operator >> EmptyOperator(task_id="first") >> EmptyOperator(task_id="second") >> clean_up
        operator >> clean_up
    with pytest.raises(DownstreamTasksSkipped) as caught:
        run(operator)
    assert set(caught.value.tasks) == skipped


def test_mapped_task_is_skipped_instead_of_tasks_downstream() -> None:
    """Airflow skips nothing after a mapped task that short-circuits, so that the gate would be open."""
    with DAG("site", schedule=None):
        operator = create_gate(on_untrained="short_circuit")
        operator >> EmptyOperator(task_id="first")
    with pytest.raises(AirflowSkipException, match="Liam Murphy"):
        run(operator, map_index=0)


def test_short_circuit_of_trained_people_returns_them() -> None:
    with DAG("site", schedule=None):
        operator = create_gate(AMELIA, on_untrained="short_circuit")
        operator >> EmptyOperator(task_id="first")
    assert run(operator).value == [AMELIA]


@pytest.mark.parametrize("is_mapped", [False, True])
def test_scheduler_knows_that_it_can_skip_tasks_downstream(is_mapped: bool) -> None:
    """Without that, a skipped task would run when it is cleared."""
    with DAG("site", schedule=None) as dag:
        if is_mapped:
            DamstraTrainingGateOperator.partial(task_id="gate", requirements=SITE_RULES).expand(
                user_ids=[[1]]
            )
        else:
            create_gate()
    stored: Any = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    assert stored.get_task("gate").inherits_from_skipmixin

"""Verification of an account in which requests or checks fail, or a session starts about now."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.diagnostics.verification.assumption import ASSUMPTIONS, Outcome
from airflow_provider_damstra.diagnostics.verification.model_assumptions import SAMPLES
from airflow_provider_damstra.diagnostics.verification.run import check_assumption, open_account, verify
from tests.diagnostics.test_verification import LIMITS, settings_of

if TYPE_CHECKING:
    from airflow_provider_damstra.diagnostics.verification.account import Account
    from airflow_provider_damstra.testing import DamstraEmulator


def test_failed_request_is_sent_once(damstra_emulator: DamstraEmulator) -> None:
    damstra_emulator.add_fault("drop_before", path="/user")
    verify(settings_of(damstra_emulator), **LIMITS)
    targets = [str((entry["path"], entry["query"])) for entry in damstra_emulator.journal(path="/user")]
    # ListUsers is sent with the other key, too.
    assert len(targets) - len(set(targets)) <= 1


def test_profile_that_fails_does_not_lose_the_report(
    damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Account) -> Any:
        raise KeyError("id")

    monkeypatch.setitem(SAMPLES, "GetGroup", (SAMPLES["GetGroup"][0], fail))
    verification = verify(settings_of(damstra_emulator), **LIMITS)
    assert verification.fields.keys() == SAMPLES.keys() - {"GetGroup"}
    assert [result.assumption_id for result in verification.deviations] == ["model.GetGroup"]


@pytest.mark.parametrize(
    ("minutes", "outcome"),
    [
        (4, Outcome.NOT_OBSERVABLE),
        (-4, Outcome.NOT_OBSERVABLE),
        (6, Outcome.DEVIATES),
        (-6, Outcome.DEVIATES),
    ],
)
def test_state_of_a_session_that_starts_about_now_is_not_compared(
    minutes: int, outcome: Outcome, damstra_emulator: DamstraEmulator
) -> None:
    (item,) = (item for item in ASSUMPTIONS if item.assumption_id == "ilt.state")
    with open_account(settings_of(damstra_emulator), **LIMITS) as account:
        start, end = (
            f"{account.now + after:%Y-%m-%dT%H:%M:%S}.000+0000"
            for after in (timedelta(minutes=minutes), timedelta(days=1))
        )
        row = {**account.session_details[0], "startDatetime": start, "endDatetime": end, "state": "past"}
        account.__dict__["session_details"] = [row]
        assert check_assumption(item, account).outcome is outcome

"""Run the checks of all assumptions on one account."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import SecretStr

from airflow_provider_damstra.clients.client import Client
from airflow_provider_damstra.diagnostics.verification import (  # noqa: F401 (they register their checks)
    ilt_session_assumptions,
    lesson_assumptions,
    model_assumptions,
    paging_assumptions,
    request_assumptions,
    user_assumptions,
)
from airflow_provider_damstra.diagnostics.verification.account import Account
from airflow_provider_damstra.diagnostics.verification.assumption import (
    ASSUMPTIONS,
    Assumption,
    AssumptionResult,
    NotObservableError,
    Outcome,
)
from airflow_provider_damstra.diagnostics.verification.model_assumptions import (
    SAMPLES,
    FieldProfile,
    profile_fields,
)

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.settings import ClientSettings

OTHER_ACCESS_KEY = "access-key-that-does-not-exist"


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What an account showed: no values, only shapes, codes and counts.

    :param has_responded: whether the account responded to a request; False if there is nothing to compare.
    :param fields: profiles of the fields of each operation's rows, and the number of rows.
    """

    date: datetime
    request_count: int
    has_responded: bool
    results: tuple[AssumptionResult, ...]
    fields: dict[str, tuple[int, dict[str, FieldProfile]]]

    @property
    def deviations(self) -> list[AssumptionResult]:
        """Return the results in which the account deviates from the assumption."""
        return [result for result in self.results if result.outcome is Outcome.DEVIATES]


def verify(
    settings: ClientSettings,
    *,
    max_requests: int,
    page_size: int,
) -> Verification:
    """Compare an account with the assumptions, by GET requests only.

    :param max_requests: requests that are sent at most; what needs more is not observable.
    :param page_size: rows that are read of each listing.
    """
    with open_account(settings, max_requests=max_requests, page_size=page_size) as account:
        results = tuple(check_assumption(item, account) for item in ASSUMPTIONS)
        return Verification(
            date=datetime.now(UTC),
            request_count=account.request_count,
            has_responded=account.has_responded,
            results=results,
            fields=dict(_profiles(account)),
        )


@contextmanager
def open_account(
    settings: ClientSettings,
    *,
    max_requests: int,
    page_size: int,
) -> Iterator[Account]:
    """Open clients for an account, with its access key and with one that does not exist."""
    other = settings.model_copy(update={"access_key": SecretStr(OTHER_ACCESS_KEY)})
    with Client(settings) as client, Client(other) as other_client:
        yield Account(client, other_client, max_requests=max_requests, page_size=page_size)


def check_assumption(item: Assumption, account: Account) -> AssumptionResult:
    """Return the outcome of a check; its failure is a deviation."""
    try:
        details = tuple(item.check(account))
        outcome = Outcome.DEVIATES if details else Outcome.CONFIRMED
    except NotObservableError as reason:
        outcome, details = Outcome.NOT_OBSERVABLE, (str(reason),)
    except Exception as error:
        # A response that a check cannot handle must not end the run. The error's text may contain data.
        outcome, details = Outcome.DEVIATES, (f"the response cannot be compared ({type(error).__name__})",)
    return AssumptionResult(
        assumption_id=item.assumption_id, text=item.text, outcome=outcome, details=details
    )


def _profiles(account: Account) -> Iterator[tuple[str, tuple[int, dict[str, FieldProfile]]]]:
    for operation, (_, read) in SAMPLES.items():
        try:
            rows = read(account)
            profiles = profile_fields(rows)
        except Exception:  # noqa: S112
            # The assumption about this operation's model reports it; the other operations are profiled.
            continue
        if rows:
            yield operation, (len(rows), profiles)

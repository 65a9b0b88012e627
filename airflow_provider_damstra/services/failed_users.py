"""Report of the users of a task that failed, while others did not."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping

from airflow_provider_damstra.errors import DamstraError, affects_every_call, is_permanent
from airflow_provider_damstra.services.idempotency import format_ids
from airflow_provider_damstra.text import join_first

log = logging.getLogger(__name__)


def report_failed_users(
    failed: Mapping[int, DamstraError],
    *,
    inactive: Collection[int],
    scheduled: int,
    can_continue: bool,
    can_all_fail: bool = False,
) -> None:
    """Log the users that could not be scheduled, or raise one of their errors with the reasons of all.

    An error that a retry may resolve is preferred, so that the task is retried.

    :param failed: the errors by user id.
    :param inactive: ids of those among them who are inactive.
    :param scheduled: number of users who were scheduled.
    :param can_continue: log a warning, unless all users failed, or the cause concerns every user.
    :param can_all_fail: also if all users failed.
    :raises DamstraError: unless the task can continue.
    """
    errors = list(failed.values())
    lines = [f"user {user_id}: {error}" for user_id, error in failed.items()]
    shown = [join_first(lines, separator="\n  ")]
    if inactive:
        shown.append(
            f"Users {format_ids(inactive)} are inactive: activate them first, with "
            "DamstraActivateUserOperator or with reactivate=True where they are upserted or created."
        )
    summary = f"{len(failed)} users could not be scheduled, {scheduled} were:"
    message = "\n  ".join([summary, *shown])
    if can_continue and (scheduled or can_all_fail) and not any(map(affects_every_call, errors)):
        log.warning(message)
        return
    error = next((error for error in errors if not is_permanent(error)), errors[0])
    error.args = (message,)
    raise error

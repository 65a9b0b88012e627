"""Run the checks, each isolated from the others and with a time limit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_damstra.diagnostics.doctor import (
    api_checks,
    connection_checks,
    installation_checks,
    receiver_checks,
)
from airflow_provider_damstra.diagnostics.doctor.context import DoctorContext, SkippedError
from airflow_provider_damstra.diagnostics.finding import Finding, Level
from airflow_provider_damstra.errors import DamstraError

if TYPE_CHECKING:
    from collections.abc import Sequence

CHECK_TIMEOUT_SECONDS = 60.0
"""Time of one check: that of its requests, and that of a secrets backend, which may have no limit itself."""


@dataclass(frozen=True)
class Check:
    """A check, and the name under which it is reported if it fails itself."""

    name: str
    run: Callable[[DoctorContext], Finding | Iterable[Finding]]


CHECKS = (
    Check("versions", installation_checks.check_versions),
    Check("extras", installation_checks.check_extras),
    Check("plugin", installation_checks.check_plugin),
    Check("open files", installation_checks.check_open_files),
    Check("connection", connection_checks.check_connection),
    Check("tls", connection_checks.check_tls),
    Check("masking", connection_checks.check_masking),
    Check("key", api_checks.check_key),
    Check("permissions", api_checks.check_permissions),
    Check("latency", api_checks.check_latency),
    Check("clock", api_checks.check_clock),
    Check("page size", api_checks.check_page_cap),
    Check("receiver", receiver_checks.check_receiver),
)
"""In the order in which they run: a check may need what an earlier one has found."""


def diagnose(
    conn_id: str, *, checks: Sequence[Check] = CHECKS, timeout: float = CHECK_TIMEOUT_SECONDS
) -> Iterator[Finding]:
    """Yield the findings of the checks as they end.

    :param conn_id: id of the connection to check.
    :param timeout: seconds after which a check is given up.
    """
    context = DoctorContext(conn_id=conn_id)
    try:
        for check in checks:
            yield from _run_with_timeout(check, context, timeout)
    finally:
        context.close()


def _run_with_timeout(check: Check, context: DoctorContext, timeout: float) -> list[Finding]:
    findings: list[Finding] = []
    # A daemon thread: a secrets backend that hangs must not keep the command from ending.
    thread = threading.Thread(
        target=lambda: findings.extend(_run(check, context)), name=f"doctor-{check.name}", daemon=True
    )
    thread.start()
    thread.join(timeout)
    if not thread.is_alive():
        return findings
    text = f"The check was given up after {timeout:g} s."
    advice = "Check the network, the secrets backend and the metadata database of this machine."
    return [*findings, Finding(check=check.name, level=Level.ERROR, text=text, advice=advice)]


def _run(check: Check, context: DoctorContext) -> Iterator[Finding]:
    try:
        result = check.run(context)
        yield from [result] if isinstance(result, Finding) else result
    except SkippedError as reason:
        yield Finding(check=check.name, level=Level.SKIPPED, text=f"Not checked: {reason}.")
    except DamstraError as error:
        yield Finding(check=check.name, level=Level.ERROR, text=str(error))
    except Exception as error:
        # Only the type: the text of another library's error may contain a secret.
        text = f"The check itself failed ({type(error).__name__})."
        advice = "Check the secrets backends and the metadata database of this machine."
        yield Finding(check=check.name, level=Level.ERROR, text=text, advice=advice)

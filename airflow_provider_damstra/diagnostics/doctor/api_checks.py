"""Checks of the account: key, permissions, latency, clock, and size of pages. They only send GET requests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra import endpoints
from airflow_provider_damstra.diagnostics.doctor.context import SkippedError
from airflow_provider_damstra.diagnostics.finding import Finding, Level
from airflow_provider_damstra.errors import (
    DamstraAuthError,
    DamstraError,
    DamstraNotFoundError,
    DamstraPermissionError,
    DamstraTransportError,
)

if TYPE_CHECKING:
    from airflow_provider_damstra.diagnostics.doctor.context import DoctorContext
    from airflow_provider_damstra.endpoints.base import ListEndpoint

SLOW_SECONDS = 2.0
MAX_CLOCK_SKEW_SECONDS = 30.0


def check_key(context: DoctorContext) -> Finding:
    """Send one request; distinguish a refused key, a missing permission and an unreachable server."""
    settings = context.require_settings()
    problem = partial(Finding, check="key", level=Level.ERROR)
    try:
        _list_rows(context, endpoints.ListUsers())
    except DamstraPermissionError as error:
        if error.is_from_proxy:
            return problem(text=str(error))
        context.is_key_accepted = True
    except DamstraAuthError as error:
        return problem(
            text=f"{settings.host} refuses the access key (HTTP {error.status}, code {error.internal_code}).",
            advice="Copy the key again from Manage > Integrations > API Access Keys in Damstra Learning; "
            "regenerating a key there ends the old one.",
        )
    except DamstraTransportError as error:
        return problem(
            text=str(error),
            advice="Check the connection's host and port, the proxy of the environment, and the firewall.",
        )
    except DamstraError as error:
        advice = "Check that the connection's host is the one of Damstra Learning."
        return problem(text=str(error), advice=advice)
    context.is_key_accepted = True
    return Finding(check="key", level=Level.OK, text=f"{settings.host} accepts the access key.")


@dataclass(frozen=True)
class ResourceCalls:
    """Calls that read one kind of record.

    :param listing: lists records.
    :param details: what reads a listed record, by its id.
    """

    resource: str
    listing: ListEndpoint[Any]
    details: tuple[Any, ...] = ()


_RESOURCES = (
    ResourceCalls(
        "users",
        endpoints.ListUsers(),
        (
            lambda user_id: endpoints.GetUser(user_id=user_id),
            lambda user_id: endpoints.ListUserLessonSchedules(user_id=user_id),
        ),
    ),
    ResourceCalls(
        "groups",
        endpoints.ListGroups(),
        (
            lambda group_id: endpoints.GetGroup(group_id=group_id),
            lambda group_id: endpoints.ListGroupMembers(group_id=group_id),
            lambda group_id: endpoints.ListGroupSupervisors(group_id=group_id),
        ),
    ),
    ResourceCalls("lessons", endpoints.ListLessons()),
    ResourceCalls("lesson details", endpoints.ListLessonDetails()),
    ResourceCalls(
        "ILT sessions",
        endpoints.ListIltSessions(),
        (
            lambda session_id: endpoints.GetIltSession(ilt_session_id=session_id),
            lambda session_id: endpoints.ListIltSessionAttendees(ilt_session_id=session_id),
        ),
    ),
)


def check_permissions(context: DoctorContext) -> Iterator[Finding]:
    """Call what reads each kind of record, with the id of the first listed one, and yield a finding each."""
    context.require_accepted_key()
    for calls in _RESOURCES:
        yield _check_resource(context, calls)


def _check_resource(context: DoctorContext, calls: ResourceCalls) -> Finding:
    check = f"permission: {calls.resource}"
    allowed, refused, failures = [], [], []
    pending: list[Any] = [calls.listing]
    while pending:
        endpoint = pending.pop(0)
        name = type(endpoint).__name__
        try:
            result = _list_rows(context, endpoint) if endpoint is calls.listing else context.call(endpoint)
        except DamstraPermissionError as error:
            refused.append(f"{name} (HTTP {error.status})")
        except DamstraNotFoundError:
            # The record was removed since it was listed: the call is allowed.
            allowed.append(name)
        except DamstraError as error:
            failures.append(str(error))
        else:
            allowed.append(name)
            if endpoint is calls.listing and result:
                pending += [make(result[0].row_key) for make in calls.details]
    if failures:
        return Finding(
            check=check,
            level=Level.ERROR,
            text=" ".join(failures),
            advice="Run doctor again; if it stays, report it to Damstra.",
        )
    if refused:
        return Finding(
            check=check,
            level=Level.WARNING,
            text=f"The key may not call {', '.join(refused)}."
            + (f" It may call {', '.join(allowed)}." if allowed else ""),
            advice="If DAGs need it, give the key's account the permission in Damstra Learning, or check "
            "that the subscription includes this part of the API.",
        )
    return Finding(check=check, level=Level.OK, text=f"The key may call {', '.join(allowed)}.")


def _list_rows(context: DoctorContext, endpoint: ListEndpoint[Any], *, size: int = 1) -> list[Any]:
    page = context.call(endpoint, endpoint.page_request(start=0, size=size))
    rows: list[Any] = page.rows
    return rows


def check_latency(context: DoctorContext) -> Finding:
    """Report the median duration of the requests so far."""
    context.require_accepted_key()
    if not context.exchanges:
        raise SkippedError("no request succeeded")
    seconds = median(exchange.seconds for exchange in context.exchanges)
    text = f"A request takes {seconds * 1000:.0f} ms (median of {len(context.exchanges)})."
    if seconds <= SLOW_SECONDS:
        return Finding(check="latency", level=Level.OK, text=text)
    return Finding(
        check="latency",
        level=Level.WARNING,
        text=text,
        advice="Check the network and the proxy between Airflow and Damstra Learning; exports and waits of "
        "many people take long.",
    )


def check_clock(context: DoctorContext) -> Finding:
    """Compare this machine's clock with the header Date of the newest response."""
    context.require_accepted_key()
    if not context.exchanges:
        raise SkippedError("no request succeeded")
    exchange = context.exchanges[-1]
    try:
        server_time = parsedate_to_datetime(exchange.response.headers.get("date", "")).timestamp()
    except (ValueError, OverflowError):
        return Finding(
            check="clock", level=Level.SKIPPED, text="The responses have no readable header Date to compare."
        )
    # The header has whole seconds, and was written at some time during the exchange.
    early = server_time - (exchange.sent_at + exchange.seconds)
    late = exchange.sent_at - (server_time + 1)
    skew = max(early, late, 0.0)
    if skew <= MAX_CLOCK_SKEW_SECONDS:
        return Finding(check="clock", level=Level.OK, text="This machine's clock agrees with the server's.")
    direction = "behind" if early > 0 else "ahead of"
    return Finding(
        check="clock",
        level=Level.WARNING,
        text=f"This machine's clock is {skew:.0f} s {direction} the server's.",
        advice="Synchronize the clock (NTP) on all machines of Airflow: due dates and the start of schedules "
        "are compared with it.",
    )


def check_page_cap(context: DoctorContext) -> Finding:
    """Request a page of the connection's size, and compare the number of rows with the total."""
    context.require_accepted_key()
    size = context.require_settings().page_size
    endpoint = endpoints.ListUsers()
    try:
        page = context.call(endpoint, endpoint.page_request(start=0, size=size))
    except DamstraPermissionError:
        raise SkippedError("the key may not list users") from None
    count, total = page.row_count, page.total
    if count >= size:
        return Finding(check="page size", level=Level.OK, text=f"The server sends pages of {size} rows.")
    if total is None or total <= count:
        return Finding(
            check="page size",
            level=Level.OK,
            text=f"The server sends all {count} users in one page; a cap of its pages is not visible.",
        )
    if not count:
        return Finding(
            check="page size",
            level=Level.WARNING,
            text=f"The server sends no row of its {total} users for a page of {size}.",
            advice="Lower the extra page_size of the connection, and run doctor again; report it to "
            "Damstra if it stays.",
        )
    return Finding(
        check="page size",
        level=Level.WARNING,
        text=f"The server sends at most {count} rows per page, and the connection requests {size}.",
        advice=f'Set the extra page_size of the connection to {count}: {{"page_size": {count}}}. Listings '
        "are complete either way; this makes their first requests faster.",
    )

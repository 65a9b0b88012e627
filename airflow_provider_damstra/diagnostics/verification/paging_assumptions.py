"""Assumptions about listings: size of pages, order, offsets, totals, and pages without rows."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra import endpoints
from airflow_provider_damstra.diagnostics.verification.account import ids_of
from airflow_provider_damstra.diagnostics.verification.assumption import (
    NotObservableError,
    assumption,
    count_deviations,
)
from airflow_provider_damstra.emulator.settings import Settings
from airflow_provider_damstra.emulator.unit_of_work import DEFAULT_PAGE_SIZE

if TYPE_CHECKING:
    from airflow_provider_damstra.diagnostics.verification.account import Account, Reply
    from airflow_provider_damstra.endpoints.base import ListEndpoint

_LARGE_PAGE = 1000
_LISTINGS: tuple[tuple[ListEndpoint[Any], str], ...] = (
    (endpoints.ListUsers(), "id"),
    (endpoints.ListGroups(), "id"),
    (endpoints.ListLessons(), "lessonVersionId"),
    (endpoints.ListLessonDetails(), "lessonVersionId"),
    (endpoints.ListIltSessions(), "id"),
)
"""Listings of the account, each with the field that is unique in it."""


def _name(endpoint: ListEndpoint[Any]) -> str:
    return type(endpoint).__name__


@assumption("paging.default-size", f"Without maxResults a page has {DEFAULT_PAGE_SIZE} rows.")
def check_default_size(account: Account) -> list[str]:
    """Request users without parameters."""
    return _size_deviations(account.get(endpoints.ListUsers()))


@assumption("paging.zero-size", f"With maxResults=0 a page has {DEFAULT_PAGE_SIZE} rows.")
def check_zero_size(account: Account) -> list[str]:
    """Request users with maxResults=0."""
    return _size_deviations(account.get_page(endpoints.ListUsers(), size=0))


def _size_deviations(reply: Reply) -> list[str]:
    count = len(reply.rows)
    if count == reply.total < DEFAULT_PAGE_SIZE:
        raise NotObservableError(f"there are fewer than {DEFAULT_PAGE_SIZE} users")
    return [] if count == DEFAULT_PAGE_SIZE else [f"the page has {count} rows of {reply.total}"]


@assumption("paging.cap", f"A page has at most {Settings().page_cap} rows.")
def check_cap(account: Account) -> list[str]:
    """Request a page of users that is larger than the assumed cap."""
    reply = account.get_page(endpoints.ListUsers(), size=_LARGE_PAGE)
    cap, count = Settings().page_cap, len(reply.rows)
    if count < cap and count == reply.total:
        raise NotObservableError(f"there are fewer than {cap} users")
    return [] if count == cap else [f"a page of {_LARGE_PAGE} was requested, and {count} rows were returned"]


@assumption("paging.order", "Listings are in the order of the ids.")
def check_order(account: Account) -> list[str]:
    """Compare the ids of neighbouring rows in each listing, and of a user's schedules."""
    deviations, count = [], 0
    pages = [(_name(call), account.get_page(call).rows, key) for call, key in _LISTINGS]
    pages += [("ListUserLessonSchedules", page.rows, "id") for page in account.schedule_pages]
    pages += [("ListIltSessionAttendees", page.rows, "id") for page in account.attendee_pages.values()]
    for name, rows, key in pages:
        ids = ids_of(rows, key)
        count += max(len(ids) - 1, 0)
        if any(first >= second for first, second in pairwise(ids)):
            deviations.append(f"{name} is not in the order of {key}")
    if not count:
        raise NotObservableError("no listing has two rows")
    return sorted(set(deviations))


@assumption("paging.offset", "startIndex is the number of rows that are left out.")
def check_offset(account: Account) -> list[str]:
    """Request each listing from its second row on."""
    deviations, count = [], 0
    for call, key in _LISTINGS:
        ids = ids_of(account.get_page(call).rows, key)
        if len(ids) < 2:
            continue
        count += 1
        # The first page may be full, and then this one has one row more.
        others = ids_of(account.get_page(call, start=1).rows, key)
        if others[: len(ids) - 1] != ids[1:]:
            deviations.append(f"{_name(call)} from startIndex=1 does not begin with its second row")
    if not count:
        raise NotObservableError("no listing has two rows")
    return deviations


@assumption("paging.beyond-end", "A page behind the last row has no rows, and the same total.")
def check_beyond_end(account: Account) -> list[str]:
    """Request users far behind the last one."""
    first = account.get_page(endpoints.ListUsers())
    last = account.get_page(endpoints.ListUsers(), start=first.total + _LARGE_PAGE)
    if last.status != 200:
        return [f"HTTP {last.status}"]
    deviations = [f"the page has {len(last.rows)} rows"] if last.rows else []
    return deviations + ([] if last.total == first.total else ["the total differs"])


@assumption(
    "paging.meta",
    "meta has totalResultCount, startIndex, and as endIndex the sum of startIndex and the number of rows.",
)
def check_meta(account: Account) -> list[str]:
    """Compare the meta of each listing, and of a page that does not begin with the first row."""
    replies = [(_name(call), account.get_page(call), 0) for call, _ in _LISTINGS]
    if len(account.users) > 1:
        replies.append(("ListUsers", account.get_page(endpoints.ListUsers(), start=1), 1))
    deviations = []
    for name, reply, start in replies:
        meta = reply.page.get("meta")
        if not isinstance(meta, dict):
            deviations.append(f"{name} has no meta")
            continue
        if not isinstance(meta.get("totalResultCount"), int) or meta["totalResultCount"] < len(reply.rows):
            deviations.append(f"{name}: totalResultCount is not the number of rows")
        if meta.get("startIndex") != start:
            deviations.append(f"{name}: startIndex is not the requested one")
        if meta.get("endIndex") != start + len(reply.rows):
            deviations.append(f"{name}: endIndex is not startIndex plus the number of rows")
    return deviations


@assumption("paging.schedules-have-no-meta", "The lesson schedules of a user have no meta.")
def check_schedules_have_no_meta(account: Account) -> list[str]:
    """Look for a meta in the listings of lesson schedules."""
    has_none = ["meta" not in page.page for page in account.schedule_pages]
    return count_deviations(has_none, "listings have a meta")


@assumption("paging.attendees", "The attendees of an ILT session take startIndex and maxResults.")
def check_attendees(account: Account) -> list[str]:
    """Request the second attendee of a session that has two."""
    for session_id, reply in account.attendee_pages.items():
        ids = ids_of(reply.rows)
        if len(ids) > 1:
            call = endpoints.ListIltSessionAttendees(ilt_session_id=session_id)
            second = account.get_page(call, start=1, size=1)
            shown = ids_of(second.rows)
            return [] if shown == ids[1:2] else [f"{len(shown)} rows, not the second one only"]
    raise NotObservableError("no ILT session has two attendees")

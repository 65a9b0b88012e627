"""Whether two tell of the same move of a schedule: it can be moved there, away, and there again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

CLOCKS_DIFFER = timedelta(minutes=5)
"""How far Damstra's clock may be ahead of Airflow's: polling may seem to have seen a move before it was."""


@dataclass(frozen=True, kw_only=True)
class Move:
    """What somebody told of one schedule.

    :param to: what is the same for all moves to one date.
    :param at: when it was moved; or, if it was only seen, when that was: some time later.
    :param is_seen: whether polling saw it.
    :param is_refused: whether it is known to be untrue, or no longer true.
    :param row_id: of the row in the inbox; 0 for what is only being received.
    """

    to: str
    at: datetime
    is_seen: bool
    is_refused: bool = False
    row_id: int = 0


def is_known(move: Move, known: Collection[Move]) -> bool:
    """Return whether a move is one that is known, told by somebody else.

    In doubt it is another one: Damstra is asked whether it is so, and denies what is over.

    :param known: all moves of the schedule that could be it, or lie between the two.
    """
    elsewhere = [other.at for other in known if other.to != move.to]
    since = max((at for at in elsewhere if at < move.at), default=None)
    until = min((at for at in elsewhere if at > move.at), default=None)
    return any(
        _may_be_same(move, other)
        for other in known
        if (since is None or since <= other.at) and (until is None or other.at <= until)
    )


def move_before(move: Move, known: Collection[Move]) -> int | None:
    """Return the row of the latest move to elsewhere before this one, if there is one.

    It tells this move from earlier ones to the same date, whoever sees it, and whenever.
    """
    elsewhere = [other for other in known if other.to != move.to and other.at < move.at]
    return max(elsewhere, key=lambda other: other.at).row_id if elsewhere else None


def _may_be_same(one: Move, other: Move) -> bool:
    if one.to != other.to or other.is_refused or not (one.is_seen or other.is_seen):
        return False
    if one.is_seen and other.is_seen:
        return True
    seen, told = (one, other) if one.is_seen else (other, one)
    return told.at - seen.at <= CLOCKS_DIFFER

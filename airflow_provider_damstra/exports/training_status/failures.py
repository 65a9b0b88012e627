"""Users whose training status is unknown because they cannot be read."""

from __future__ import annotations

from airflow_provider_damstra.exports.reader import concerns_one_parent


class FailedUsers:
    """Errors of users who are left out, or the first of them raised.

    :param skips: whether users are left out; the error of a server that cannot be reached or used, which
        concerns every user, is raised nevertheless.
    :ivar errors: error messages by user id.
    """

    def __init__(self, *, skips: bool) -> None:
        self.skips = skips
        self.errors: dict[int, str] = {}
        self._last: Exception | None = None

    def add(self, user_id: int, error: Exception) -> None:
        """Leave a user out.

        :raises Exception: the error, unless it concerns only this user and users may be left out.
        """
        if not (self.skips and concerns_one_parent(error)):
            raise error
        self._last = error
        self.errors[user_id] = str(error)

    def raise_if_all(self, *, evaluated: int) -> None:
        """Raise the last error if users were left out and none was evaluated: it would hide the failure."""
        if self._last and not evaluated:
            raise self._last

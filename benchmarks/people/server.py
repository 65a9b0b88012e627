"""HTTP/1.1 server of an account in memory, which keeps a journal of the requests."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import Any, cast
from urllib.parse import parse_qs

from benchmarks.exports.server import http_response
from benchmarks.people.scenario import INACTIVE, LESSON_IDS, Scenario, groups, user
from benchmarks.serving import serve_scenario

_FIELDS = {"members": "groups", "supervisors": "groupsSupervised"}
_TIME = "2026-01-05T00:00:00.000Z"


class Account:
    """The users, groups and lesson schedules of a scenario."""

    def __init__(self, scenario: Scenario) -> None:
        self.journal: list[tuple[str, str, str]] = []
        self.users = [user(person) for person in range(scenario.existing)]
        self._ids = {one["employeeNumber"]: one["id"] for one in self.users}
        self._groups = groups(scenario.existing)
        self._last_schedule_id = 0
        self._schedules: dict[int, list[dict[str, Any]]] = {}
        for user_id in self._ids.values():
            for number in range(scenario.schedules_per_user):
                self._schedule(user_id, LESSON_IDS[number], is_completed=(user_id + number) % 3 > 0)

    def respond(self, method: str, target: str, body: bytes) -> bytes:
        """Record a request and return its response."""
        path, _, query = target.partition("?")
        if path == "/stats":
            return _json({"requests": len(self.journal)})
        if path == "/journal":
            return _json(self.journal)
        self.journal.append((method, target, body.decode()))
        parts = path.removeprefix("/api/v2/").split("/")
        if method == "GET":
            return self._read(parts, parse_qs(query))
        return self._change(parts, json.loads(body) if body else {})

    def _read(self, parts: list[str], query: dict[str, list[str]]) -> bytes:
        match parts:
            case ["user"]:
                return _page(self.users, query)
            case ["user", user_id, "lesson_schedule"]:
                return _page(self._schedules.get(int(user_id), []), query, has_meta=False)
            case ["group"]:
                name = query.get("q", [""])[0]
                return _page([one for one in self._groups if name in one["name"]], query)
            case ["group", group_id]:
                return _json(self._groups[int(group_id) - 1])
            case ["group", _, "member"]:
                return _page(self.users, query)
            case ["lesson"]:
                return _page([_lesson(one) for one in LESSON_IDS], query)
        raise ValueError(parts)

    def _change(self, parts: list[str], body: dict[str, Any]) -> bytes:
        match parts:
            case ["bulkUserImport"]:
                return _json([self._import(one) for one in body["users"]])
            case ["user", user_id, "activate" | "inactivate" as action]:
                self.users[int(user_id) - 1]["clientStatusId"] = INACTIVE if action == "inactivate" else 56
                return _json({})
            case ["user", user_id, "lesson_schedule"]:
                created = [self._schedule(int(user_id), one // 10) for one in body["lessonVersionIds"]]
                return _json({"ids": created})
            case ["group"]:
                self._groups.append({"id": len(self._groups) + 1, **body})
                return _json(self._groups[-1])
            case ["group", group_id, action]:
                verb, _, kind = action.partition("_")
                # The floor sends its requests in another order, so that some users may not exist yet.
                for user_id in (one for one in body["userIds"] if one <= len(self.users)):
                    self._set_group(
                        self.users[user_id - 1][_FIELDS[kind]], int(group_id), is_in=verb == "add"
                    )
                return _json({})
        raise ValueError(parts)

    def _import(self, row: dict[str, Any]) -> dict[str, Any]:
        roles = [{"id": role} for role in row.get("roles", [6])]
        user_id = self._ids.setdefault(row["employeeNumber"], len(self.users) + 1)
        if user_id > len(self.users):
            self.users.append({"id": user_id, "clientStatusId": 56, "groups": [], "groupsSupervised": []})
        imported: dict[str, Any] = self.users[user_id - 1]
        imported.update({**row, "roles": roles})
        return imported

    def _set_group(self, ids: list[dict[str, int]], group_id: int, *, is_in: bool) -> None:
        ids[:] = [one for one in ids if one["id"] != group_id] + ([{"id": group_id}] if is_in else [])

    def _schedule(self, user_id: int, lesson_id: int, *, is_completed: bool = False) -> int:
        self._last_schedule_id += 1
        schedule = {
            "id": self._last_schedule_id,
            "userId": user_id,
            "lessonId": lesson_id,
            "lessonVersionId": lesson_id * 10,
            "lessonName": f"Lesson {lesson_id}",
            "version": 1,
            "status": "completed" if is_completed else "due",
            "startDate": _TIME,
            "endDate": "2026-12-31T00:00:00.000Z",
            "createdDate": _TIME,
            **({"lessonCompletedDate": "2026-02-03T03:04:05.000Z"} if is_completed else {}),
        }
        self._schedules.setdefault(user_id, []).append(schedule)
        return self._last_schedule_id


def _lesson(lesson_id: int) -> dict[str, Any]:
    name = f"Lesson {lesson_id}"
    version = {"lessonId": lesson_id, "lessonVersionId": lesson_id * 10, "version": 1, "name": name}
    return {**version, "status": "active", "publishedState": "published"}


def _page(rows: list[dict[str, Any]], query: dict[str, list[str]], *, has_meta: bool = True) -> bytes:
    start = int(query.get("startIndex", ["0"])[0])
    end = min(start + int(query.get("maxResults", ["100"])[0]), len(rows))
    meta = {"meta": {"totalResultCount": len(rows), "startIndex": start, "endIndex": end}} if has_meta else {}
    return _json({"results": rows[start:end], **meta})


def _json(value: Any) -> bytes:
    return http_response(json.dumps(value, separators=(",", ":")).encode())


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Respond to each complete request."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n") + 4) > 3:
            head = bytes(self._received[:end]).decode()
            _, _, length = head.lower().partition("content-length:")
            size = end + int(length.partition("\r\n")[0] or 0)
            if len(self._received) < size:
                return
            body = bytes(self._received[end:size])
            del self._received[:size]
            method, target, _ = head.split(" ", 2)
            self._transport.write(self._account.respond(method, target, body))


def main() -> None:
    """Create the account, then serve until stopped."""
    serve_scenario(lambda scenario: partial(Connection, Account(Scenario(**scenario))))


if __name__ == "__main__":
    main()

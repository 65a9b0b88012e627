"""A minimal server for both contenders, which counts requests and connections."""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from aiohttp import web

from benchmarks.waits.scenario import Scenario

ACTIVE = 56

ROW: dict[str, Any] = {
    "lessonName": "Site Induction",
    "lessonId": 201,
    "lessonVersionId": 2002,
    "version": 2,
    "startDate": "2026-01-05T00:00:00.000Z",
    "endDate": "2026-12-31T00:00:00.000Z",
    "userFirstName": "Ava",
    "userLastName": "Nguyen",
    "lessonDuration": 1500000,
    "progress": 0,
    "chapterCount": 5,
    "questionnaireType": 18,
    "questionCount": 8,
    "scheduleType": "automatic",
    "typeId": 81,
    "createdDate": "2026-01-05T00:00:00.000Z",
    "modifiedDate": "2026-01-05T00:00:00.000Z",
}


class Server:
    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.requests = 0
        self.connections: set[object] = set()
        self.open_rows = {one: self._row(one, "due", 92) for one in range(1, scenario.waits + 1)}
        self.completed_rows = {one: self._row(one, "completed", 94) for one in range(1, scenario.waits + 1)}

    def _row(self, schedule: int, status: str, status_id: int) -> str:
        row = {**ROW, "id": schedule, "userId": self.scenario.user_of(schedule)}
        row |= {"status": status, "statusId": status_id}
        return json.dumps(row)

    def app(self) -> web.Application:
        """Return the application."""
        app = web.Application()
        app.router.add_get("/api/v2/user/{user}/lesson_schedule", self.listing)
        app.router.add_get("/api/v2/group/{group}/member", self.members)
        app.router.add_get("/api/v2/user/{user}", self.user)
        app.router.add_get("/done/{schedule}", self.is_done)
        app.router.add_get("/stats", self.stats)
        return app

    async def listing(self, request: web.Request) -> web.Response:
        """Return a user's lesson schedules, all on the first page."""
        self._count(request)
        now = time.time()
        is_first_page = request.query.get("startIndex") == "0"
        ids = self.scenario.schedules_of(int(request.match_info["user"])) if is_first_page else []
        rows = [self._row_at(now, one) for one in ids]
        return web.Response(text=f'{{"results":[{",".join(rows)}]}}', content_type="application/json")

    async def members(self, request: web.Request) -> web.Response:
        """Return one page of all users, who are the members of each group."""
        self._count(request)
        start, size = (int(request.query[name]) for name in ("startIndex", "maxResults"))
        users = range(1, self.scenario.users + 1)[start : start + size]
        return web.json_response({"results": list(map(user_fields, users))})

    async def user(self, request: web.Request) -> web.Response:
        """Return an active user."""
        self._count(request)
        return web.json_response(user_fields(int(request.match_info["user"])))

    async def is_done(self, request: web.Request) -> web.Response:
        """Return status 200 for a completed schedule, else 404, as HttpSensorTrigger expects."""
        self._count(request)
        schedule = int(request.match_info["schedule"])
        now = time.time()
        is_done = now >= self.scenario.completed_at[schedule - 1]
        return web.Response(text=self._row_at(now, schedule), status=200 if is_done else 404)

    async def stats(self, request: web.Request) -> web.Response:
        """Return the counts."""
        return web.json_response({"requests": self.requests, "connections": len(self.connections)})

    def _row_at(self, now: float, schedule: int) -> str:
        is_done = now >= self.scenario.completed_at[schedule - 1]
        return (self.completed_rows if is_done else self.open_rows)[schedule]

    def _count(self, request: web.Request) -> None:
        self.requests += 1
        self.connections.add(request.transport)


def user_fields(user: int) -> dict[str, Any]:
    """Return an active user."""
    return {"id": user, "firstName": "Ava", "lastName": "Nguyen", "clientStatusId": ACTIVE}


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser()
    parser.add_argument("scenario", type=json.loads)
    parser.add_argument("port", type=int)
    args = parser.parse_args()
    web.run_app(
        Server(Scenario(**args.scenario)).app(), host="127.0.0.1", port=args.port, print=None, access_log=None
    )


if __name__ == "__main__":
    main()

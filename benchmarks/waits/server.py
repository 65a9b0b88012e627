"""A small server that answers both contenders as fast as it can, and counts."""

from __future__ import annotations

import argparse
import json
import time

from aiohttp import web

from benchmarks.waits.scenario import Scenario

ROW = {
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
    """Serves one scenario."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.requests = 0
        self.connections: set[object] = set()
        self.open = {one: self._row(one, "due", 92) for one in range(1, scenario.waits + 1)}
        self.done = {one: self._row(one, "completed", 94) for one in range(1, scenario.waits + 1)}

    def _row(self, schedule: int, status: str, status_id: int) -> str:
        row = {**ROW, "id": schedule, "userId": self.scenario.user_of(schedule)}
        row |= {"status": status, "statusId": status_id}
        return json.dumps(row)

    def app(self) -> web.Application:
        """Return the application."""
        app = web.Application()
        app.router.add_get("/api/v2/user/{user}/lesson_schedule", self.listing)
        app.router.add_get("/done/{schedule}", self.is_done)
        app.router.add_get("/stats", self.stats)
        return app

    async def listing(self, request: web.Request) -> web.Response:
        """Answer a user's lesson schedules, all on the first page."""
        self._count(request)
        now = time.time()
        rows = (
            []
            if request.query.get("startIndex") != "0"
            else [self._now(one, now) for one in self._ids(request)]
        )
        return web.Response(text=f'{{"results":[{",".join(rows)}]}}', content_type="application/json")

    async def is_done(self, request: web.Request) -> web.Response:
        """Answer 200 for a schedule that is completed, else 404: what HttpSensorTrigger can wait for."""
        self._count(request)
        schedule = int(request.match_info["schedule"])
        done = time.time() >= self.scenario.completed_at[schedule - 1]
        return web.Response(text=self._now(schedule, time.time()), status=200 if done else 404)

    async def stats(self, request: web.Request) -> web.Response:
        """Answer what was counted."""
        return web.json_response({"requests": self.requests, "connections": len(self.connections)})

    def _ids(self, request: web.Request) -> range:
        return self.scenario.schedules_of(int(request.match_info["user"]))

    def _now(self, schedule: int, now: float) -> str:
        return (self.done if now >= self.scenario.completed_at[schedule - 1] else self.open)[schedule]

    def _count(self, request: web.Request) -> None:
        self.requests += 1
        self.connections.add(request.transport)


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser()
    parser.add_argument("scenario", type=json.loads)
    parser.add_argument("port", type=int)
    given = parser.parse_args()
    web.run_app(
        Server(Scenario(**given.scenario)).app(),
        host="127.0.0.1",
        port=given.port,
        print=None,
        access_log=None,
    )


if __name__ == "__main__":
    main()

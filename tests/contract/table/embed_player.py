"""Embed player."""

from __future__ import annotations

from tests.contract.table.errors import (
    INVALID_KEY,
    SCHEDULE_CANCELLED,
    SCHEDULE_COMPLETED,
    SCHEDULE_NOT_FOUND,
)
from tests.contract.table.row import Kind, Query, Row, json_response

EMBED_URL = (
    "https://app.velpic.com/#player/4321?embed=true&token=YThhZTYzMWYtOGY2ZS00ODFjLWI0MWMtNjM3N2UxMzhiNzkz"
)
ERRORS = (INVALID_KEY, SCHEDULE_NOT_FOUND, SCHEDULE_COMPLETED, SCHEDULE_CANCELLED)

ROWS = (
    Row(
        operation_id="getEmbedUrl",
        method="GET",
        path="/embed_player",
        query={"lessonScheduleId": Query(4321, "4321")},
        kind=Kind.URL,
        success=json_response({"embedUrl": EMBED_URL}),
        errors=ERRORS,
    ),
    Row(
        operation_id="getEmbedUrlAllLessonTypes",
        method="GET",
        path="/embed_player/version/{lessonScheduleId}",
        path_parameters={"lessonScheduleId": 4321},
        kind=Kind.URL,
        success=json_response({"embedUrl": EMBED_URL}),
        errors=ERRORS,
    ),
)

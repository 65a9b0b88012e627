"""The 38 operations of the Damstra Learning REST API, transcribed by hand from its public page.

Nothing here is derived from the package: it is an independent reference to test the package against.
"""

from __future__ import annotations

from tests.contract.table import embed_player, group, ilt_session, lesson, lesson_schedule, user
from tests.contract.table.errors import ERROR_BODIES
from tests.contract.table.row import (
    API,
    JSON,
    PAGES,
    ErrorBody,
    Kind,
    Query,
    Row,
    StubResponse,
    json_response,
)

ROWS = (
    *user.ROWS,
    *group.ROWS,
    *lesson.ROWS,
    *lesson_schedule.ROWS,
    *ilt_session.ROWS,
    *embed_player.ROWS,
)
ROW = {row.operation_id: row for row in ROWS}

__all__ = [
    "API",
    "ERROR_BODIES",
    "JSON",
    "PAGES",
    "ROW",
    "ROWS",
    "ErrorBody",
    "Kind",
    "Query",
    "Row",
    "StubResponse",
    "json_response",
]

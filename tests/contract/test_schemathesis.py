"""The emulator under what the description allows and forbids: no crash, no answer of another shape."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from tests.contract.openapi import PATH
from tests.contract.table import API

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.contract.api import Api

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance]
# The page declares these answers to be JSON and shows them as something else.
NO_JSON = {("generateLoginUrl", 200), ("getGroup", 404)}
EXAMPLES = 12
UNKNOWN_ID = 99999999

schema = schemathesis.openapi.from_path(PATH)
schema.config.phases.update(phases=["examples", "fuzzing"])


@pytest.fixture
def ids(api: Api) -> dict[str, list[int]]:
    """Return ids that exist, and one that does not, by the names of the parameters and members for them."""
    users = [user["id"] for user in api.results("/user", activeValue="all")]
    groups = [group["id"] for group in api.results("/group")]
    lessons = api.results("/lesson")
    found = {
        "groupId": groups,
        "parentId": groups,
        "lessonId": [lesson["lessonId"] for lesson in lessons],
        "lessonVersionId": [lesson["lessonVersionId"] for lesson in lessons],
        "lessonVersionIds": [lesson["lessonVersionId"] for lesson in lessons],
        "lessonScheduleId": [schedule["id"] for schedule in islice(api.schedules("all"), 20)],
        "iltSessionId": [session["id"] for session in api.results("/ilt_session")],
        **dict.fromkeys(("userId", "userIds", "instructorId", "manuallyCompletedByUserId"), users),
    }
    return {name: [*existing, UNKNOWN_ID] for name, existing in found.items()}


def naming(value: Any, ids: dict[str, list[int]], name: str = "") -> Any:
    """Return a value in which numbers that stand for something were replaced by ids of it."""
    if isinstance(value, dict):
        return {key: naming(member, ids, key) for key, member in value.items()}
    if isinstance(value, list):
        return [naming(item, ids, name) for item in value]
    if type(value) is int and name in ids:
        return ids[name][value % len(ids[name])]
    return value


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_no_request_is_answered_in_a_way_that_is_not_described(
    case: schemathesis.Case[Any], damstra_emulator: DamstraEmulator, ids: dict[str, list[int]]
) -> None:
    case.path_parameters, case.query = naming(case.path_parameters, ids), naming(case.query, ids)
    case.body = naming(case.body, ids)
    response = case.call(
        base_url=damstra_emulator.url + API, headers={"AccessKey": damstra_emulator.access_key}
    )
    described = (case.operation.definition.raw["operationId"], response.status_code)
    case.validate_response(response, checks=CHECKS[:1] if described in NO_JSON else CHECKS)

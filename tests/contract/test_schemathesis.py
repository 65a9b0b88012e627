"""Property-based tests of the emulator: generated requests get documented responses and no crash."""

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
# Declared as JSON on the page, but shown as something else there.
NO_JSON = {("generateLoginUrl", 200), ("getGroup", 404)}
EXAMPLES = 12
UNKNOWN_ID = 99999999

schema = schemathesis.openapi.from_path(PATH)
schema.config.phases.update(phases=["examples", "fuzzing"])


@pytest.fixture
def ids(api: Api) -> dict[str, list[int]]:
    """Return existing ids and an unknown one, by the names of the parameters and fields that hold them."""
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


def with_existing_ids(value: Any, ids: dict[str, list[int]], name: str = "") -> Any:
    """Replace numbers in id fields by ids of the kind."""
    if isinstance(value, dict):
        return {key: with_existing_ids(item, ids, key) for key, item in value.items()}
    if isinstance(value, list):
        return [with_existing_ids(item, ids, name) for item in value]
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
def test_every_generated_request_gets_a_documented_response(
    case: schemathesis.Case[Any], damstra_emulator: DamstraEmulator, ids: dict[str, list[int]]
) -> None:
    case.path_parameters = with_existing_ids(case.path_parameters, ids)
    case.query = with_existing_ids(case.query, ids)
    case.body = with_existing_ids(case.body, ids)
    response = case.call(
        base_url=damstra_emulator.url + API, headers={"AccessKey": damstra_emulator.access_key}
    )
    described = (case.operation.definition.raw["operationId"], response.status_code)
    case.validate_response(response, checks=CHECKS[:1] if described in NO_JSON else CHECKS)

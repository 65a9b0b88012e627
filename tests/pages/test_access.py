"""Who may see and change what: anonymous, viewer, user, op and admin, by Airflow's auth manager."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from airflow.api_fastapi.app import get_auth_manager
from airflow.models.connection import Connection
from fastapi.routing import APIRoute
from starlette.routing import Mount

from airflow_provider_damstra.pages import csrf
from airflow_provider_damstra.pages.csrf import csrf_token, validate_csrf
from tests.pages.conftest import SignIn, user_of
from tests.pages.events import add_event, event_of

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.resource_details import ConnectionDetails
    from fastapi import FastAPI

pytestmark = pytest.mark.needs_airflow("3.1")


def routes(api_server: FastAPI) -> list[APIRoute]:
    (mount,) = (
        route for route in api_server.routes if isinstance(route, Mount) and route.path == "/damstra-ui"
    )
    return [route for route in mount.routes if isinstance(route, APIRoute)]


def dependencies(route: APIRoute) -> list[object]:
    return [dependency.dependency for dependency in route.dependencies]


@pytest.mark.parametrize(
    ("role", "status"), [(None, 401), ("VIEWER", 403), ("USER", 403), ("OP", 200), ("ADMIN", 200)], ids=str
)
def test_inbox_needs_permission_to_read_connections(sign_in: SignIn, role: str | None, status: int) -> None:
    add_event()
    response = sign_in(role).get("/damstra-ui/inbox")
    assert response.status_code == status
    assert ("lesson.schedule.completed" in response.text) is (status == 200)


def test_every_route_but_the_redirect_needs_permissions_and_every_change_a_form(api_server: FastAPI) -> None:
    found = routes(api_server)
    assert len(found) >= 4
    for route in found:
        checks = [check for check in dependencies(route) if hasattr(check, "permissions")]
        assert len(checks) == (route.path != "/"), route.path
        assert (validate_csrf in dependencies(route)) is (route.methods != {"GET"}), route.path


def test_every_route_rejects_anonymous_requests(api_server: FastAPI, sign_in: SignIn) -> None:
    for route in routes(api_server):
        for method in route.methods:
            path = re.sub(r"{\w+}", "1", route.path)
            response = sign_in(None).request(method, f"/damstra-ui{path}")
            assert (response.status_code, "Sign in to Airflow" in response.text) == (401, True), path


@pytest.mark.parametrize(
    ("role", "status"), [("VIEWER", 403), ("USER", 403), ("OP", 303), ("ADMIN", 303)], ids=str
)
@pytest.mark.parametrize("action", ["retry", "refuse"])
def test_changes_need_the_permission_to_create_asset_events(
    sign_in: SignIn, role: str, status: int, action: str
) -> None:
    event_id = add_event()
    form = {"csrf_token": csrf_token(user_of(role))}
    response = sign_in(role).post(f"/damstra-ui/inbox/{event_id}/{action}", data=form)
    assert response.status_code == status


@pytest.mark.parametrize(
    ("token_of", "headers"),
    [
        pytest.param(None, {}, id="no token"),
        pytest.param("OP", {}, id="token of another user"),
        pytest.param("ADMIN", {"Sec-Fetch-Site": "cross-site"}, id="from another site"),
        pytest.param("ADMIN", {"Sec-Fetch-Site": "same-site"}, id="from another host of the domain"),
    ],
)
def test_forged_change_is_rejected(sign_in: SignIn, token_of: str | None, headers: dict[str, str]) -> None:
    event_id = add_event()
    form = {"csrf_token": csrf_token(user_of(token_of)) if token_of else "wrong"}
    response = sign_in("ADMIN").post(f"/damstra-ui/inbox/{event_id}/refuse", data=form, headers=headers)
    assert response.status_code == 403
    assert event_of(event_id)["state"] == "waiting"


def test_outdated_form_is_rejected(sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csrf, "MAX_AGE_SECONDS", -1)
    event_id = add_event()
    form = {"csrf_token": csrf_token(user_of("ADMIN"))}
    response = sign_in("ADMIN").post(f"/damstra-ui/inbox/{event_id}/refuse", data=form)
    assert (response.status_code, "Reload the page" in response.text) == (403, True)


def test_token_in_header_is_accepted_and_a_wrong_one_is_not(sign_in: SignIn) -> None:
    token = get_auth_manager().generate_jwt(user_of("ADMIN"))
    for sent, status in ((token, 200), (f"{token}x", 403)):
        headers = {"Authorization": f"Bearer {sent}"}
        assert sign_in(None).get("/damstra-ui/inbox", headers=headers).status_code == status


def test_first_page_is_one_that_the_user_may_see(sign_in: SignIn) -> None:
    assert sign_in("OP").get("/damstra-ui/").headers["Location"] == "/damstra-ui/inbox"


@pytest.mark.needs_airflow("3.2")
def test_teams_of_connections_are_read_with_one_query(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries: list[list[str]] = []
    teams: dict[str | None, str | None] = {}

    def team_names(conn_ids: list[str]) -> dict[str, str | None]:
        queries.append(sorted(conn_ids))
        return {"of_a": "a", "of_b": "b"}

    def record_team(*, details: ConnectionDetails | None = None, **_: Any) -> bool:
        if details is not None:
            teams[details.conn_id] = details.team_name
        return True

    for conn_id in ("of_a", "of_b", "of_none"):
        add_event(conn_id=conn_id)
    client = sign_in("OP")
    monkeypatch.setenv("AIRFLOW__CORE__MULTI_TEAM", "True")
    monkeypatch.setattr(Connection, "get_conn_id_to_team_name_mapping", staticmethod(team_names))
    monkeypatch.setattr(get_auth_manager(), "is_authorized_connection", record_team)
    assert client.get("/damstra-ui/inbox").status_code == 200
    assert queries == [["of_a", "of_b", "of_none"]]
    assert teams == {"of_a": "a", "of_b": "b", "of_none": None}


def test_connection_of_another_team_is_not_shown_and_not_changed(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other = add_event(), add_event(conn_id="of_another_team")
    is_authorized = get_auth_manager().is_authorized_connection

    def is_authorized_for_team(*, details: ConnectionDetails | None = None, **arguments: Any) -> bool:
        is_other = details is not None and details.conn_id == "of_another_team"
        return not is_other and is_authorized(details=details, **arguments)

    monkeypatch.setattr(get_auth_manager(), "is_authorized_connection", is_authorized_for_team)
    client = sign_in("OP")
    page = client.get("/damstra-ui/inbox").text
    assert (f"event {own}" in page, f"event {other}" in page, "of_another_team" in page) == (
        True,
        False,
        False,
    )
    form = {"csrf_token": csrf_token(user_of("OP"))}
    assert client.post(f"/damstra-ui/inbox/{other}/refuse", data=form).status_code == 404
    assert event_of(other)["state"] == "waiting"

"""Offboarding of a supervisor and two members, after which a group is empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.emulator.api_client import UPCOMING_SESSION
from tests.example_dags.files import write_csv

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.example_dags.conftest import RunDag

DAG_ID = "example_damstra_offboarding"
JACK_DOOLAN, *MEMBERS = LEAVERS = (1006, 1019, 1020)
OTHER_USER = 1011
SUPERVISED = (103, 104)


def test_leavers_are_removed_and_inactivated(
    run_dag: RunDag, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    emptied, kept = _group(api, "Shutdown 2026", MEMBERS), _group(api, "Fire wardens", [*MEMBERS, OTHER_USER])
    damstra_emulator.clear_journal()
    leavers = write_csv(tmp_path / "leavers.csv", *({"employee_number": f"E{one}"} for one in LEAVERS))

    run = run_dag(DAG_ID, leavers=leavers)
    assert run.succeeded()
    for user_id in LEAVERS:
        user = api.get_json(f"/user/{user_id}")
        assert (user["clientStatusId"], user["groups"], user["groupsSupervised"]) == (57, [], [])
    assert _registered(api) == []
    assert {group["id"] for group in _active_groups(api)} >= {kept, *SUPERVISED}
    assert emptied not in {group["id"] for group in _active_groups(api)}
    assert run.returned["list_empty"] == [emptied]
    # Each session and group is changed once for all leavers.
    paths = [entry["path"] for entry in damstra_emulator.journal("POST")]
    assert len(paths) == len(set(paths))

    damstra_emulator.clear_journal()
    assert run_dag(DAG_ID, leavers=leavers).succeeded()
    assert damstra_emulator.journal("POST") == []


def _group(api: ApiClient, name: str, user_ids: list[int]) -> int:
    group_id: int = api.send("/group", name=name, description="Temporary").json()["id"]
    api.send(f"/group/{group_id}/add_members", userIds=user_ids)
    return group_id


def _active_groups(api: ApiClient) -> list[dict[str, int]]:
    groups: list[dict[str, int]] = api.get_json("/group", maxResults=100)["results"]
    return groups


def _registered(api: ApiClient) -> list[int]:
    """Return the leavers who are registered for the upcoming session."""
    attendees = api.get_json(f"/ilt_session/{UPCOMING_SESSION}/attendees")["results"]
    return [one["userId"] for one in attendees if one["userId"] in LEAVERS]

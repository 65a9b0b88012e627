"""Seed files: what they contain, how problems are reported, and where they can be used."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import pytest
import yaml

from airflow_provider_damstra.emulator import scenario_document, seed_document
from airflow_provider_damstra.emulator.__main__ import main
from airflow_provider_damstra.emulator.seeds import seed_from_document
from airflow_provider_damstra.emulator.settings import Settings
from airflow_provider_damstra.emulator.state import EmulatorState
from airflow_provider_damstra.emulator.store import Store

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient

FOLDER = Path(seed_document.__file__).parent
NOW = datetime(2026, 3, 1, 1, tzinfo=UTC)
SEED = """\
users:
  - {first_name: Ada, last_name: Byron, roles: [owner, instructor]}
  - {first_name: Liam, last_name: Murphy, user_name: liam, employee_number: "0123", id: 5000}
  - {first_name: Una, last_name: Gray, active: false}
groups:
  - {name: Crew, parent: Site, members: [liam], supervisors: [a.byron]}
  - {name: Site, description: All}
lessons:
  - {name: Heights, instructor_led: true, minutes: 45}
  - {name: Old lesson, status: inactive}
lesson_schedules:
  - {user: liam, lesson: heights, start: -3 days, grace_period: 7 days}
  - {user: liam, lesson: Heights, start: 2026-01-31T09:00:00+08:00, completed: -20 days, passed: false}
ilt_sessions:
  - {lesson: Heights, instructor: a.byron, location: X, start: 2 days, places: 3, attendees: [{user: liam}]}
"""


def load(text: str) -> list[str]:
    """Load a seed file and return the user names of the owners."""
    sql = "SELECT user_name FROM users JOIN user_roles ON user_id = id WHERE role_id = 7"
    with closing(Store()) as store:
        with store.transaction():
            store.clear()
            seed_from_document(text, source="seed.yaml")(store, NOW)
        return [row[0] for row in store.fetch_all(sql)]


def problems_of(text: str) -> list[str]:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the text is compared
        load(text)
    first, *problems = str(error.value).split("\n  ")
    return problems or [first]


def test_data_of_file_is_served(emulator: DamstraEmulator, api: ApiClient, tmp_path: Path) -> None:
    file = tmp_path / "seed.yaml"
    file.write_text(SEED)
    emulator.reset(seed=str(file))
    users = api.get_json("/user", activeValue="all")["results"]
    assert [(user["id"], user["userName"], user["clientStatusId"]) for user in users] == [
        (1001, "a.byron", 56),
        (1002, "u.gray", 57),
        (5000, "liam", 56),
    ]
    assert api.get_json("/user", empId="0123")["results"][0]["groups"] == [{"id": 101}]
    assert api.get_json("/group/101")["parentId"] == 102
    assert [row["status"] for row in api.get_json("/lesson")["results"]] == ["active", "inactive"]
    due, failed = api.get_json("/user/5000/lesson_schedule")["results"]
    assert (due["status"], failed["status"]) == ("due", "completed")
    start = datetime.fromisoformat(due["startDate"])
    assert abs(emulator.now - timedelta(days=3) - start) < timedelta(minutes=5)
    assert datetime.fromisoformat(due["endDate"]) - start == timedelta(days=7)
    assert failed["startDate"] == "2026-01-31T01:00:00.000Z"
    session = api.get_json("/ilt_session/401")
    assert (session["state"], session["numberOfAttendees"], session["lessonName"]) == (
        "upcoming",
        1,
        "Heights",
    )
    assert api.send("/user", firstName="New").json()["id"] == 5001


def test_file_without_owner_gets_one() -> None:
    assert load("users: [{first_name: A, last_name: B}]") == ["m.kelly"]
    assert load(SEED) == ["a.byron"]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("last_name: Byron", "surname: Byron", "users[0].last_name (line 2): it is missing"),
        ("owner,", "boss,", "users[0].roles[0] (line 2): Input should be 'admin', 'editor'"),
        (
            "minutes: 45",
            "minutes: 0",
            "lessons[0].minutes (line 9): Input should be greater than or equal to 1",
        ),
        (
            "status: inactive",
            "state: x",
            "lessons[1].state (line 10): there is no such key; there are id, version",
        ),
        ("-3 days", "soon", "lesson_schedules[0].start (line 12): it is not a valid time; write '-3 days'"),
        (
            "2026-01-31T09:00:00+08:00",
            "2026-01-31",
            "[1].start (line 13): it needs a time of day and a time zone",
        ),
        (
            "grace_period: 7 days",
            "grace_period: -7 days",
            "[0].grace_period (line 12): it is not a valid duration",
        ),
        (
            "parent: Site",
            "parent: Nowhere",
            "groups[0].parent (line 6): there is no group 'Nowhere' in this file",
        ),
        (
            "members: [liam]",
            "members: [x]",
            "groups[0].members[0] (line 6): there is no user 'x' in this file",
        ),
        ("name: Site", "name: crew", "groups[1].name (line 7): 'crew' is there twice"),
        ("last_name: Gray", "last_name: Gray, id: 5000", "users[2].id (line 4): the id 5000 is there twice"),
        ("completed: -20 days,", "", "[1] (line 13): the user has an open schedule for the lesson already"),
        ("passed: false", "cancelled: now", "[1].cancelled (line 13): it is completed and cancelled"),
        (
            "instructor: a.byron",
            "instructor: liam",
            "(line 15): 'liam' is not an active user with the role instructor",
        ),
        ("places: 3, attendees: [{user: liam}]", "attendees: [{user: u.gray}]", "'u.gray' has no schedule"),
        ("-3 days", "-999999999 days", "lesson_schedules[0].start (line 12): it is out of range"),
        ("-3 days", "-999999999 weeks", "lesson_schedules[0].start (line 12): it is out of range"),
        ("7 days", "9000000 days", "lesson_schedules[0].grace_period (line 12): it is out of range"),
        (
            "start: 2 days",
            "start: 9999-12-31T23:00:00Z",
            "ilt_sessions[0].start (line 15): it is out of range",
        ),
        ("places: 3", "duration: 9000000 days", "ilt_sessions[0].duration (line 15): it is out of range"),
        ("roles: [owner", "roles: [owner, {", "line 2, column"),
    ],
)
def test_problem_is_reported_with_path_and_line(old: str, new: str, problem: str) -> None:
    text = SEED.replace(old, new, 1)
    assert text != SEED
    assert any(problem in one for one in problems_of(text)), problems_of(text)


def test_all_problems_are_reported_at_once() -> None:
    text = SEED.replace("minutes: 45", "minutes: x").replace("user: liam, lesson: heights", "lesson: 1")
    assert [problem.split(" (")[0] for problem in problems_of(text)] == [
        "lessons[0].minutes",
        "lesson_schedules[0].user",
        "lesson_schedules[0].lesson",
    ]


@pytest.mark.parametrize(
    ("path", "key"), [("/reset", "users"), ("/scenario", "steps")], ids=["seed", "scenario"]
)
def test_document_that_aliases_expand_is_rejected(emulator: DamstraEmulator, path: str, key: str) -> None:
    levels = (f"l{level}: &l{level} [{', '.join([f'*l{level - 1}'] * 10)}]" for level in range(1, 30))
    document = "\n".join(["l0: &l0 [a]", *levels, f"{key}: *l29"])
    with pytest.raises(ValueError, match=r"^The emulator .*seed\.yaml: line 6: with what its aliases repeat"):
        emulator._request("POST", path, document=document, source="seed.yaml")


def test_command_reports_problems_and_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "seed.yaml"
    file.write_text("users: [{first_name: A}]")
    assert main(["--port", "0", "--seed", str(file)]) == 2
    error = capsys.readouterr().err
    assert error == f"damstra-emulator: {file}: 1 problem:\n  users[0].last_name (line 1): it is missing\n"
    assert main(["--port", "0", "--seed", str(tmp_path / "missing.yaml")]) == 2
    assert "missing.yaml cannot be read: No such file or directory" in capsys.readouterr().err


def test_reset_reads_file_again_and_keeps_data_if_it_is_invalid(tmp_path: Path) -> None:
    file = tmp_path / "seed.yaml"
    file.write_text(SEED)
    state = EmulatorState(Settings(seed=str(file)))
    file.write_text(SEED.replace("last_name: Gray", "last_name: Green"))
    state.reset()
    names = "SELECT last_name FROM users ORDER BY id"
    changed = [row[0] for row in state.store.fetch_all(names)]
    file.write_text(SEED.replace("parent: Site", "parent: x"))
    with pytest.raises(ValueError, match=r"groups\[0\].parent \(line 6\)"):
        state.reset()
    assert [row[0] for row in state.store.fetch_all(names)] == changed == ["Byron", "Green", "Murphy"]
    state.store.close()


def test_control_plane_opens_no_file(emulator: DamstraEmulator, tmp_path: Path) -> None:
    file = tmp_path / "seed.yaml"
    file.write_text(SEED)
    with pytest.raises(ValueError, match="there is no seed"):
        emulator._request("POST", "/reset", seed=str(file))


@pytest.mark.parametrize(
    ("name", "schema"),
    [("seed", seed_document.json_schema()), ("scenario", scenario_document.json_schema())],
    ids=["seed", "scenario"],
)
def test_shipped_schema_is_that_of_the_reader(name: str, schema: object) -> None:
    assert json.loads((FOLDER / f"{name}.schema.json").read_text()) == schema


def test_schema_accepts_and_rejects_as_the_reader() -> None:
    schema = json.loads((FOLDER / "seed.schema.json").read_text())
    document = yaml.load(SEED, Loader=yaml.BaseLoader)  # noqa: S506 - timestamps stay texts
    validator = jsonschema.Draft202012Validator(schema)
    problems = {error.json_path for error in validator.iter_errors(document)}
    # BaseLoader also leaves numbers and booleans as texts.
    assert all(
        path.endswith((".id", ".minutes", ".places", ".active", ".passed", "_led")) for path in problems
    )
    assert not validator.is_valid({"users": [{"first_name": "A", "surname": "B"}]})

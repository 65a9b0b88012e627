"""Files and locks of `make up` and `make demo`, without a running Airflow."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from demo import __main__ as command_line
from demo.airflow_instance import BUNDLE, AirflowInstance
from demo.lock import AlreadyRunningError, RunLock
from demo.onboarding import DemoEnvironment
from demo.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

MAKEFILE = Path(__file__).resolve().parent.parent.parent / "Makefile"
URL = "http://127.0.0.1:8080"

HOLDER = """
import sys
from pathlib import Path
from demo.lock import RunLock
lock = RunLock(Path(sys.argv[1]))
with lock.held():
    if sys.argv[2]:
        lock.set_url(sys.argv[2])
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def other_process_holds(file: Path, *, url: str = URL) -> Iterator[subprocess.Popen[str]]:
    """Hold a lock in another process, until the block ends or the process is killed."""
    with subprocess.Popen(  # noqa: S603 - constant arguments
        [sys.executable, "-c", HOLDER, str(file), url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("command", ["run", "up"])
def test_second_start_names_address_and_changes_nothing(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command_line, "OUTPUT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["demo", command])
    monkeypatch.setattr("signal.signal", lambda *_: None)
    dag = tmp_path / command / "dags" / "running.py"
    dag.parent.mkdir(parents=True)
    dag.touch()
    (tmp_path / "ports.json").write_text('{"airflow": 8080}')
    with other_process_holds(tmp_path / f"{command}.lock"):
        before = _contents(tmp_path)
        assert command_line.main() == 1
        assert _contents(tmp_path) == before
    assert capsys.readouterr() == ("", f"already running at {URL}\n")


def test_lock_of_process_that_is_starting_has_no_address(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    with (
        other_process_holds(file, url=""),
        pytest.raises(AlreadyRunningError, match=r"^already running, and starting up$"),
        RunLock(file).held(),
    ):
        pytest.fail("the lock is held twice")


def test_lock_of_killed_process_is_free_and_its_address_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    with other_process_holds(file) as process:
        process.kill()
        process.wait()
        assert file.read_text() == URL
        with RunLock(file).held():
            assert file.read_text() == ""


def test_start_deletes_earlier_files_and_keeps_user_dags(tmp_path: Path) -> None:
    user_dags = tmp_path / "dags"
    environment = DemoEnvironment(root=tmp_path / "up", terminal=Terminal(), user_dags=user_dags)
    environment._prepare_files()
    (user_dags / "mine.py").write_text("mine")
    (environment.files / "earlier.csv").touch()
    environment._prepare_files()
    assert (user_dags / "mine.py").read_text() == "mine"
    assert not (environment.files / "earlier.csv").exists()


def test_make_clean_deletes_files_of_demonstration_and_keeps_user_dags(tmp_path: Path) -> None:
    shutil.copy(MAKEFILE, tmp_path)
    names = (
        "dags/mine.py",
        "up/files/earlier.csv",
        "run/dags/earlier.py",
        "up.lock",
        "run.lock",
        "ports.json",
    )
    for name in names:
        file = tmp_path / ".demo" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    subprocess.run(["make", "clean"], cwd=tmp_path, check=True, capture_output=True, timeout=20)  # noqa: S607
    left = [path for path in (tmp_path / ".demo").rglob("*") if path.is_file()]
    assert left == [tmp_path / ".demo" / "dags" / "mine.py"]


def test_description_names_user_dags_and_what_next_start_deletes(tmp_path: Path) -> None:
    root, user_dags = tmp_path / "up", tmp_path / "dags"
    text = command_line._description(
        DemoEnvironment(root=root, terminal=Terminal(), with_all_examples=True, user_dags=user_dags)
    )
    assert f"your DAGs      {user_dags}\n" in text
    assert f"it deletes\n  {root}," in text
    assert str(root / "dags") not in text


def test_airflow_loads_user_dags_besides_dags_folder(tmp_path: Path) -> None:
    airflow = AirflowInstance(
        root=tmp_path, dags=tmp_path / "examples", user_dags=tmp_path / "dags", environment={}
    )
    environment = airflow.processes["dag-processor"].env
    bundles = json.loads(environment["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"])
    paths = [bundle["kwargs"]["path"] for bundle in bundles]
    assert paths == [str(tmp_path / "examples"), str(tmp_path / "dags")]


def test_import_error_in_user_dag_is_none_of_examples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    airflow = AirflowInstance(root=tmp_path, dags=tmp_path, environment={})
    errors = [
        {"filename": f"{bundle}.py", "bundle_name": bundle, "stack_trace": "SyntaxError"}
        for bundle in (BUNDLE, "user-dags")
    ]

    def get(_path: str, **_query: Any) -> Any:
        return {"import_errors": errors}

    monkeypatch.setattr(airflow.api, "get", get)
    assert airflow.api.import_errors(BUNDLE) == [f"{BUNDLE}.py:\nSyntaxError"]


def _contents(folder: Path) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}

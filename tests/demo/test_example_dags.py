"""The example DAGs of the demonstration: their defaults and input files, and remembered ports."""

from __future__ import annotations

import re
import socket
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from demo.example_dags import FOLDER, NEEDS_OTHER_SYSTEM, copy_dag, example_dag_ids, write_input_files
from demo.processes import free_port, remembered_port

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT_PATH = re.compile(r'"(file://[^"]+)"')


def test_all_examples_that_need_no_other_system_are_loaded() -> None:
    every = {path.stem for path in FOLDER.glob("*.py")}
    assert set(example_dag_ids()) == every - NEEDS_OTHER_SYSTEM
    assert "example_damstra_new_user" in every


@pytest.mark.parametrize("dag_id", example_dag_ids())
def test_default_paths_are_in_folder_of_demonstration_and_input_files_exist(
    dag_id: str, tmp_path: Path
) -> None:
    files, dags = tmp_path / "files", tmp_path / "dags"
    dags.mkdir()
    write_input_files(files)
    copy_dag(dag_id, dags, files=files)
    text = (dags / f"{dag_id}.py").read_text()
    compile(text, dag_id, "exec")
    assert "file:///tmp/" not in text.replace(tmp_path.as_uri(), "")
    for path in DEFAULT_PATH.findall(text):
        assert path.startswith(files.as_uri())
        if path.endswith(".csv"):
            assert (files / path.rpartition("/")[2]).exists()


def test_port_is_remembered_while_it_is_free(tmp_path: Path) -> None:
    file = tmp_path / "new" / "ports.json"
    default = free_port()
    first = remembered_port(file, "airflow", default=default)
    assert first == default
    assert remembered_port(file, "airflow", default=free_port()) == first
    other = remembered_port(file, "emulator", default=0)
    with closing(socket.create_server(("127.0.0.1", first))):
        moved = remembered_port(file, "airflow", default=default)
    assert moved != first
    assert remembered_port(file, "airflow", default=default) == moved
    assert remembered_port(file, "emulator", default=0) == other

"""The examples of docs/input-files.md run exactly as printed, and its tables name what the readers accept."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.endpoints.user import ImportedUser
from airflow_provider_damstra.operators.user import DamstraUpsertUsersOperator
from airflow_provider_damstra.transfers.export import DamstraExportOperator
from tests.input_files.readers import users_in
from tests.operators.task_runner import run

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "input-files.md").read_text()
EXAMPLES = re.findall(r"`([\w.]+)`[^`]*:\n\n```(?:csv|json)\n(.*?)```\n\n```python\n(.*?)```", PAGE, re.S)


def test_every_example_is_found() -> None:
    assert [name for name, _, _ in EXAMPLES] == ["people.csv", "extract.csv", "people.jsonl", "crew.csv"]
    assert PAGE.count("```python") == len(EXAMPLES)


@pytest.mark.needs_airflow("3.2")  # before it a relative path starts at the root folder
@pytest.mark.parametrize(("name", "content", "code"), EXAMPLES)
def test_example_runs_as_printed(
    name: str,
    content: str,
    code: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    damstra_emulator: DamstraEmulator,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(content)
    names = {cls.__name__: cls for cls in (DamstraUpsertUsersOperator, DamstraExportOperator)}
    value: Any = run(eval(code, names)).value  # noqa: S307 (the page's own code)
    assert value["rows"] > 0 if name == "crew.csv" else value == [1041, 1042]


def test_every_field_of_a_user_has_a_row() -> None:
    table = PAGE.partition("## Columns of users")[2].partition("The column of")[0]
    named = set(re.findall(r"`(\w+)`", "".join(line.rsplit("|", 2)[0] for line in table.splitlines())))
    aliases = {field.serialization_alias for field in ImportedUser.model_fields.values()}
    assert named == ImportedUser.model_fields.keys() | aliases


def test_printed_messages_are_those_of_the_reader() -> None:
    header = "employee_number,first_name,last_name,email_address\n"
    broken = header + 'E1,Ada,Byron,\nE2,"Ada,\n'
    contents = [header.replace("first", "frist"), f"{header}E1,A,B,\nE2,Zoë,B,\n", broken]
    for content in contents:
        with pytest.raises(ValueError, match=r"^people\.csv: ") as caught:
            users_in(content.encode("cp1252"))
        for line in str(caught.value).splitlines():
            assert re.sub(r"\d bad rows", "2 bad rows", line.partition(", first_name,")[0]) in PAGE


def test_links_to_the_page_exist() -> None:
    assert "(docs/input-files.md)" in (ROOT / "README.md").read_text()

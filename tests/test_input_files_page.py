"""docs/how-to/input-files.md names what the readers accept and say. Its examples: tests/documentation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from airflow_provider_damstra.endpoints.user import ImportedUser
from tests.input_files.readers import users_in

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "how-to" / "input-files.md").read_text()


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

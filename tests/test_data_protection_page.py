"""docs/how-to/data-protection.md names the columns about people, and computes hashes as exports do."""

from __future__ import annotations

import hashlib
import hmac
import re
from pathlib import Path

from airflow_provider_damstra.exports.hidden_columns import HiddenColumns
from airflow_provider_damstra.exports.resources import RESOURCES
from airflow_provider_damstra.exports.schema import resource_columns

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "how-to" / "data-protection.md").read_text()
ABOUT_PEOPLE = re.compile(
    r"(.*_)?((user|instructor)_(id|(first_|last_)?name)|(first|last)_name|email_address|(phone|mobile)_number"
    r"|employee_number|completed_by(_name)?)"
)


def table() -> dict[str, set[str]]:
    rows = PAGE.partition("| resource | columns about people |")[2].partition("\n\n")[0].splitlines()
    names = [[set(re.findall(r"`(\w+)`", cell)) for cell in row.split("|")[1:3]] for row in rows[2:]]
    return {resource: columns for resources, columns in names for resource in resources}


def test_table_has_all_columns_about_people() -> None:
    listed = table()
    for name, resource in RESOURCES.items():
        columns = {column.name for column in resource_columns(resource)}
        assert listed.get(name, set()) <= columns
        assert {column for column in columns if ABOUT_PEOPLE.fullmatch(column)} <= listed.get(name, set())


def test_printed_computation_is_that_of_exports() -> None:
    hash_key = "0" * 32
    [printed] = re.findall(r"`(hmac\.new\(.+?\))`", PAGE)
    computed = hmac.new(hash_key.encode(), b"E9001", "sha256").hexdigest()
    assert printed == 'hmac.new(hash_key.encode(), b"E9001", "sha256").hexdigest()'
    hidden = HiddenColumns(RESOURCES["users"], hashed=["employee_number"], hash_key=hash_key.encode())
    assert hidden.reduce([b'{"employeeNumber":"E9001"}']) == [f'{{"employeeNumber":"{computed}"}}'.encode()]
    assert computed == hmac.new(hash_key.encode(), b"E9001", hashlib.sha256).hexdigest()

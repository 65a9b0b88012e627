"""Look-up of users whose values in Damstra have blanks, as an administrator may have entered them."""

from __future__ import annotations

import pytest

from airflow_provider_damstra.endpoints.user import BulkUserImport, ImportedUser
from airflow_provider_damstra.models.keys import match_key
from airflow_provider_damstra.models.user import User
from airflow_provider_damstra.services.user_import.upsert import UserImport
from airflow_provider_damstra.services.user_lookup import UserLookup
from tests.services.fakes import ScriptedClient

STORED = User(id=7, employee_number=" e1 ", first_name="Jo", last_name="Bloggs")


def test_import_sends_the_spelling_that_damstra_has() -> None:
    client = ScriptedClient([], [STORED], [STORED])
    row = ImportedUser(employee_number="E1", first_name="Josephine", last_name="Bloggs")
    user_import = UserImport(client, [row], match_by="employee_number")
    user_import.look_up(keep_roles=True)
    assert user_import.send(batch_size=1) == [7]
    request = client.calls[-1]
    assert isinstance(request, BulkUserImport)
    assert request.users[0].employee_number == " e1 "


def test_row_that_moves_between_pages_is_one_user() -> None:
    lookup = UserLookup(ScriptedClient([STORED, STORED]), match_by="employee_number")
    assert lookup.find(["E1"]) == {match_key("e1"): STORED}


def test_blank_value_is_not_searched() -> None:
    client = ScriptedClient()
    with pytest.raises(ValueError, match="employee_number is blank"):
        UserLookup(client, match_by="employee_number").find(["E1", " "])
    assert client.calls == []

"""Every model reads what the API may send: more than is known, less than is known, and nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from airflow_provider_damstra.models import UserLessonSchedule
from tests.models.examples import MODELS, aliases, least

if TYPE_CHECKING:
    from airflow_provider_damstra.models import Model

each_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
UNKNOWN = {"newMember": {"deep": [1, None, "x"]}, "another_one": "kept", "id9": 9}


@each_model
def test_unknown_members_are_kept_and_written_back_by_their_own_names(model: type[Model]) -> None:
    read = model.model_validate({**least(model), **UNKNOWN})
    assert read.model_extra == UNKNOWN
    dumped = read.model_dump(by_alias=True, mode="json")
    assert {name: dumped[name] for name in UNKNOWN} == UNKNOWN


@each_model
def test_missing_members_break_nothing(model: type[Model]) -> None:
    read = model.model_validate(least(model))
    missing = [name for name, alias in aliases(model).items() if alias not in least(model)]
    assert [name for name in missing if getattr(read, name) not in (None, [])] == []


@each_model
def test_a_member_that_is_null_is_as_good_as_missing(model: type[Model]) -> None:
    optional = {alias: None for alias in aliases(model).values() if alias not in least(model)}
    assert model.model_validate({**least(model), **optional}).model_dump() == (
        model.model_validate(least(model)).model_dump()
    )


@each_model
def test_what_was_read_is_read_again_from_what_it_writes(model: type[Model]) -> None:
    read = model.model_validate({**least(model), **UNKNOWN})
    assert model.model_validate(read.model_dump(by_alias=True, mode="json")) == read
    assert model.model_validate_json(read.model_dump_json(by_alias=True)) == read


@each_model
def test_the_wire_has_the_apis_own_names(model: type[Model]) -> None:
    dumped = model.model_validate(least(model)).model_dump(by_alias=True)
    assert list(dumped) == list(aliases(model).values())
    assert [name for name in dumped if "_" in name] == []


@each_model
def test_what_was_read_cannot_be_changed(model: type[Model]) -> None:
    read = model.model_validate({**least(model), **UNKNOWN})
    for name in (*model.model_fields, "newMember"):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(read, name, None)
    assert read == model.model_validate({**least(model), **UNKNOWN})


@each_model
def test_a_row_can_be_told_from_the_others_of_its_listing(model: type[Model]) -> None:
    key = model.model_validate(least(model)).row_key
    assert key == (7 if least(model) else None)


@pytest.mark.parametrize(("sent", "read"), [(66.7, 66.7), (66.0, 66), (66, 66), ("66.5", 66.5)])
def test_a_measure_may_be_fractional(sent: object, read: float) -> None:
    schedule = UserLessonSchedule.model_validate({"id": 1, "status": "due", "progress": sent})
    assert (schedule.progress, type(schedule.progress)) == (read, type(read))

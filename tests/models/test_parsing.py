"""Every model parses responses with unknown, missing and null fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from airflow_provider_damstra.models import UserLessonSchedule
from tests.models.examples import MODELS, aliases, minimal_json

if TYPE_CHECKING:
    from airflow_provider_damstra.models import Model

each_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
UNKNOWN = {"newField": {"deep": [1, None, "x"]}, "another_one": "kept", "id9": 9}


@each_model
def test_unknown_fields_are_kept_and_dumped_by_their_own_names(model: type[Model]) -> None:
    parsed = model.model_validate({**minimal_json(model), **UNKNOWN})
    assert parsed.model_extra == UNKNOWN
    dumped = parsed.model_dump(by_alias=True, mode="json")
    assert {name: dumped[name] for name in UNKNOWN} == UNKNOWN


@each_model
def test_missing_fields_are_none_or_empty(model: type[Model]) -> None:
    parsed = model.model_validate(minimal_json(model))
    missing = [name for name, alias in aliases(model).items() if alias not in minimal_json(model)]
    assert [name for name in missing if getattr(parsed, name) not in (None, [])] == []


@each_model
def test_null_field_equals_missing_field(model: type[Model]) -> None:
    optional = {alias: None for alias in aliases(model).values() if alias not in minimal_json(model)}
    assert model.model_validate({**minimal_json(model), **optional}).model_dump() == (
        model.model_validate(minimal_json(model)).model_dump()
    )


@each_model
def test_dumped_model_is_parsed_to_equal_model(model: type[Model]) -> None:
    parsed = model.model_validate({**minimal_json(model), **UNKNOWN})
    assert model.model_validate(parsed.model_dump(by_alias=True, mode="json")) == parsed
    assert model.model_validate_json(parsed.model_dump_json(by_alias=True)) == parsed


@each_model
def test_dump_by_alias_has_api_names(model: type[Model]) -> None:
    dumped = model.model_validate(minimal_json(model)).model_dump(by_alias=True)
    assert list(dumped) == list(aliases(model).values())
    assert [name for name in dumped if "_" in name] == []


@each_model
def test_model_is_frozen(model: type[Model]) -> None:
    parsed = model.model_validate({**minimal_json(model), **UNKNOWN})
    for name in (*model.model_fields, "newField"):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(parsed, name, None)
    assert parsed == model.model_validate({**minimal_json(model), **UNKNOWN})


@each_model
def test_row_key_identifies_row(model: type[Model]) -> None:
    key = model.model_validate(minimal_json(model)).row_key
    assert key == (7 if minimal_json(model) else None)


@pytest.mark.parametrize(("sent", "expected"), [(66.7, 66.7), (66.0, 66), (66, 66), ("66.5", 66.5)])
def test_measure_keeps_int_and_float(sent: object, expected: float) -> None:
    schedule = UserLessonSchedule.model_validate({"id": 1, "status": "due", "progress": sent})
    assert (schedule.progress, type(schedule.progress)) == (expected, type(expected))

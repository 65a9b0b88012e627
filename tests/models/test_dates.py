"""Dates of responses: parsed as timezone-aware datetimes from all of the API's formats."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from airflow_provider_damstra.models import CreatedUser, Group, Model
from tests.models.examples import MODELS, date_fields, minimal_json

FORMATS = {
    "2015-10-29T15:28:59+0000": datetime(2015, 10, 29, 15, 28, 59, tzinfo=UTC),
    "2016-08-24T15:00:00.000Z": datetime(2016, 8, 24, 15, tzinfo=UTC),
    "2018-05-19T01:00:06.000+0800": datetime(2018, 5, 18, 17, 0, 6, tzinfo=UTC),
    "2015-10-29 15:28:59": datetime(2015, 10, 29, 15, 28, 59, tzinfo=UTC),
}
DATES = [(model, name, alias) for model in MODELS for name, alias in date_fields(model).items()]
each_date = pytest.mark.parametrize(
    ("model", "name", "alias"), [pytest.param(*date, id=f"{date[0].__name__}.{date[1]}") for date in DATES]
)


def read(model: type[Model], alias: str, value: Any) -> Model:
    return model.model_validate({**minimal_json(model), alias: value})


def test_models_have_date_fields() -> None:
    assert len(DATES) > 20


@each_date
@pytest.mark.parametrize("text", FORMATS)
def test_date_is_parsed_in_every_format_as_aware(
    model: type[Model], name: str, alias: str, text: str
) -> None:
    value = getattr(read(model, alias, text), name)
    assert value == FORMATS[text]
    assert value.utcoffset() is not None


@pytest.mark.parametrize("empty", [None, "", " ", "null", "undefined"])
@each_date
def test_empty_date_is_none(model: type[Model], name: str, alias: str, empty: str | None) -> None:
    assert getattr(read(model, alias, empty), name) is None


def test_time_zone_of_response_is_kept() -> None:
    created = CreatedUser.model_validate(
        {"id": 1, "createdDate": "2018-05-19T01:00:06.000+0800"}
    ).created_date
    assert created is not None
    assert created.utcoffset() == timedelta(hours=8)
    assert created.hour == 1


def test_date_without_zone_is_dumped_as_utc() -> None:
    group = Group.model_validate({"id": 1, "createdDate": "2015-10-29 15:28:59"})
    assert group.model_dump(by_alias=True, mode="json")["createdDate"] == "2015-10-29T15:28:59Z"


def test_invalid_date_error_names_field() -> None:
    with pytest.raises(ValidationError, match="createdDate"):
        Group.model_validate({"id": 1, "createdDate": "yesterday"})

"""Every moment that is read has a time zone, in whichever of the vendor's formats it came."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from airflow_provider_damstra.models import CreatedUser, Group, Model
from tests.models.examples import MODELS, dates, least

FORMATS = {
    "2015-10-29T15:28:59+0000": datetime(2015, 10, 29, 15, 28, 59, tzinfo=UTC),
    "2016-08-24T15:00:00.000Z": datetime(2016, 8, 24, 15, tzinfo=UTC),
    "2018-05-19T01:00:06.000+0800": datetime(2018, 5, 18, 17, 0, 6, tzinfo=UTC),
    "2015-10-29 15:28:59": datetime(2015, 10, 29, 15, 28, 59, tzinfo=UTC),
}
DATES = [(model, name, alias) for model in MODELS for name, alias in dates(model).items()]
each_date = pytest.mark.parametrize(
    ("model", "name", "alias"), [pytest.param(*date, id=f"{date[0].__name__}.{date[1]}") for date in DATES]
)


def read(model: type[Model], alias: str, value: Any) -> Model:
    return model.model_validate({**least(model), alias: value})


def test_there_are_dates_to_look_at() -> None:
    assert len(DATES) > 20


@each_date
@pytest.mark.parametrize("text", FORMATS)
def test_every_date_is_read_in_every_format_and_has_a_zone(
    model: type[Model], name: str, alias: str, text: str
) -> None:
    moment = getattr(read(model, alias, text), name)
    assert moment == FORMATS[text]
    assert moment.utcoffset() is not None


@pytest.mark.parametrize("nothing", [None, "", " ", "null", "undefined"])
@each_date
def test_no_date_is_none_however_it_is_written(
    model: type[Model], name: str, alias: str, nothing: str | None
) -> None:
    assert getattr(read(model, alias, nothing), name) is None


def test_a_zone_that_came_is_kept() -> None:
    created = CreatedUser.model_validate(
        {"id": 1, "createdDate": "2018-05-19T01:00:06.000+0800"}
    ).created_date
    assert created is not None
    assert created.utcoffset() == timedelta(hours=8)
    assert created.hour == 1


def test_a_date_without_zone_is_written_back_as_utc() -> None:
    group = Group.model_validate({"id": 1, "createdDate": "2015-10-29 15:28:59"})
    assert group.model_dump(by_alias=True, mode="json")["createdDate"] == "2015-10-29T15:28:59Z"


def test_what_is_no_date_is_refused_by_its_name() -> None:
    with pytest.raises(ValidationError, match="createdDate"):
        Group.model_validate({"id": 1, "createdDate": "yesterday"})

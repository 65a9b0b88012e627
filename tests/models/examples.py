"""The least that each model can be read from, and which of its members are dates."""

from __future__ import annotations

from typing import Any

from airflow_provider_damstra import models
from airflow_provider_damstra.models import Model

_REQUIRED: dict[type[Model], dict[str, Any]] = {
    models.Lesson: {"lessonVersionId": 7},
    models.LessonDetails: {"lessonVersionId": 7},
    models.LessonVersionCustomField: {},
    models.PageMeta: {},
}

MODELS: list[type[Model]] = [
    found
    for found in (getattr(models, name) for name in models.__all__)
    if issubclass(found, Model) and found not in (Model, models.Page)
]


def least(model: type[Model]) -> dict[str, Any]:
    """Return the least that a model can be read from."""
    return dict(_REQUIRED.get(model, {"id": 7}))


def aliases(model: type[Model]) -> dict[str, str]:
    """Return the API's own name of each field."""
    return {name: field.alias or name for name, field in model.model_fields.items()}


def dates(model: type[Model]) -> dict[str, str]:
    """Return the fields that hold a moment, with the API's own names."""
    return {name: alias for name, alias in aliases(model).items() if alias.endswith(("Date", "Datetime"))}

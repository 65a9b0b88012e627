"""Minimal JSON of each model, and its date fields."""

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
    model
    for model in (getattr(models, name) for name in models.__all__)
    if issubclass(model, Model) and model not in (Model, models.Page)
]


def minimal_json(model: type[Model]) -> dict[str, Any]:
    """Return the smallest valid JSON of a model."""
    return dict(_REQUIRED.get(model, {"id": 7}))


def aliases(model: type[Model]) -> dict[str, str]:
    """Return the API name of each field."""
    return {name: field.serialization_alias or name for name, field in model.model_fields.items()}


def date_fields(model: type[Model]) -> dict[str, str]:
    """Return the date fields of a model with their API names."""
    return {name: alias for name, alias in aliases(model).items() if alias.endswith(("Date", "Datetime"))}

"""Changes of what the API only replaces as a whole: checked before the rest of it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_damstra.endpoints.base import Endpoint


def checked_changes(
    update: type[Endpoint[Any]], changes: Mapping[str, Any], **stand_ins: Any
) -> dict[str, Any]:
    """Return changes by their snake_case names, as the update would send them.

    :param changes: by snake_case names, or as the API spells them, with the id of what is changed.
    :param stand_ins: values for what the update needs and the changes do not say.
    :raises pydantic.ValidationError: naming all that do not fit.
    """
    given = {_name(update, member): value for member, value in changes.items()}
    whole = update.model_validate({**stand_ins, **given})
    return {name: getattr(whole, name) for name in given}


def _name(update: type[Endpoint[Any]], member: str) -> str:
    fields = update.model_fields
    return next((name for name, field in fields.items() if field.alias == member), member)

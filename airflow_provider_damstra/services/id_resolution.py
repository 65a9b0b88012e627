"""Look up the ids of users and lessons that a task names by employee number, e-mail address or name."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.errors import DamstraConflictError, DamstraNotFoundError
from airflow_provider_damstra.id_arguments import EMPLOYEE_NUMBER, ID_ARGUMENTS, LESSON_NAME
from airflow_provider_damstra.models.keys import MatchKey, match_key
from airflow_provider_damstra.services.idempotency import format_ids
from airflow_provider_damstra.services.lesson_lookup import LessonLookup, lesson_ids_of
from airflow_provider_damstra.services.user_lookup import UserLookup
from airflow_provider_damstra.text import join_first
from airflow_provider_damstra.validation import parse_list, parse_names

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.base import SupportsCalls

_MAX_SHOWN = 20

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Problems:
    """What cannot be resolved, as sentences."""

    unknown: list[str] = field(default_factory=list)
    ambiguous: list[str] = field(default_factory=list)

    def raise_if_any(self) -> None:
        """Raise one error that names all problems, if there are any."""
        if not (self.unknown or self.ambiguous):
            return
        kind = DamstraNotFoundError if self.unknown else DamstraConflictError
        raise kind(" ".join([*self.unknown, *self.ambiguous, "Nothing was changed."]))


def parse_texts(arguments: Mapping[str, Any], *, allow_empty: bool = False) -> dict[str, list[str]]:
    """Return the texts of each argument in ``ID_ARGUMENTS``, from any form that an argument may have.

    :param allow_empty: accept an empty list, but not an empty string.
    :raises ValueError: naming an argument that has a blank or a repeated text, or not exactly one.
    """
    return {name: _parse_argument(name, value, allow_empty=allow_empty) for name, value in arguments.items()}


def _parse_argument(name: str, value: Any, *, allow_empty: bool) -> list[str]:
    id_argument, field_name = ID_ARGUMENTS[name]
    is_list = id_argument.endswith("s")
    parse = parse_names if field_name == LESSON_NAME else parse_list
    try:
        items = parse(value) if is_list else [value]
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    accepted = (str, int) if field_name == EMPLOYEE_NUMBER else (str,)
    if not all(isinstance(item, accepted) and not isinstance(item, bool) for item in items):
        number = "; render_template_as_native_obj turns texts into numbers, and quotes keep them"
        expected = "texts" if is_list else "one text"
        raise ValueError(f"{name} is {value!r}; it is {expected}{number if accepted == (str,) else ''}")
    texts = [str(item).strip() for item in items]
    is_accepted = bool(texts) or (allow_empty and not (isinstance(value, str) and not value.strip()))
    if not is_accepted or not all(map(match_key, texts)):
        raise ValueError(f"{name} is empty, or has an empty text: {value!r}")
    by_key: dict[MatchKey, list[str]] = {}
    for text in texts:
        by_key.setdefault(match_key(text), []).append(text)
    repeated = [text for same in by_key.values() if len(same) > 1 for text in same]
    if repeated:
        raise ValueError(f"{name}: duplicate values: {join_first(repeated)}")
    return texts


def resolve_ids(client: SupportsCalls, texts: Mapping[str, list[str]]) -> dict[str, int | list[int]]:
    """Return the ids of the users and lessons that texts identify.

    Case and surrounding blanks do not matter; if several differ only in these, the one with exactly the
    spelling is taken. Inactive users are found too. Of several lessons with a name, the active
    ones are taken.

    Calls ``listUsers`` and ``listLessons``, as ``UserLookup`` and ``LessonLookup`` describe.

    :param texts: texts by argument, of ``parse_texts``.
    :return: an id, or a list of ids in the order of the texts, by the argument that takes ids.
    :raises DamstraNotFoundError: naming all texts that identify nothing, and all that are ambiguous.
    :raises DamstraConflictError: naming all texts that are ambiguous, if the others are not.
    """
    problems = _Problems()
    resolved: dict[str, int | list[int]] = {}
    looked_up: list[tuple[str, str, str]] = []
    for name, values in texts.items():
        id_argument, field_name = ID_ARGUMENTS[name]
        ids = _look_up(client, field_name, values, problems)
        looked_up.append((name, id_argument, format_ids(ids)))
        resolved[id_argument] = ids if id_argument.endswith("s") else next(iter(ids), 0)
    problems.raise_if_any()
    # Not before all are found: it would look like success above the error.
    for line in looked_up:
        log.info("Looked up %s: %s %s", *line)
    return resolved


def _look_up(client: SupportsCalls, field_name: str, values: list[str], problems: _Problems) -> list[int]:
    """Return the ids of the values that identify one object, and add the others to the problems."""
    ids_by_key: dict[MatchKey, list[int]]
    nearest: dict[str, str | None] = {}
    if field_name == LESSON_NAME:
        lookup = LessonLookup(client)
        rows_by_key = lookup.candidates(values)
        ids_by_key = {key: lesson_ids_of(rows) for key, rows in rows_by_key.items()}
        nearest = {
            value: lookup.nearest_name(value) for value in values if match_key(value) not in ids_by_key
        }
        unknown, ambiguous = "No lesson is named {}.", "{} lessons are named {} ({}): name one by id."
    else:
        users_by_key = UserLookup(client, match_by=field_name).candidates(values)
        ids_by_key = {key: [user.id for user in users] for key, users in users_by_key.items()}
        label = field_name.replace("_", " ").replace("email", "e-mail")
        unknown, ambiguous = f"No user has the {label} {{}}.", f"{{}} users have the {label} {{}} ({{}})."
    ids_by_value = {value: ids_by_key.get(match_key(value), []) for value in values}
    missing = [
        f"{value!r} (did you mean {near!r}?)" if (near := nearest.get(value)) else repr(value)
        for value, ids in ids_by_value.items()
        if not ids
    ]
    if missing:
        problems.unknown.append(unknown.format(join_first(missing)))
    several = [(value, ids) for value, ids in ids_by_value.items() if len(ids) > 1]
    problems.ambiguous.extend(
        ambiguous.format(len(ids), repr(value), join_first([*map(str, ids)]))
        for value, ids in several[:_MAX_SHOWN]
    )
    if len(several) > _MAX_SHOWN:
        problems.ambiguous.append(f"{len(several) - _MAX_SHOWN} more are ambiguous.")
    return [ids[0] for ids in ids_by_value.values() if len(ids) == 1]

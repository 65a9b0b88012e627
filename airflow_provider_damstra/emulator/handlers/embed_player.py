"""The player that other sites embed."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from airflow_provider_damstra.emulator import rendering
from airflow_provider_damstra.emulator.repositories.lesson_schedule import need_open_schedule
from airflow_provider_damstra.emulator.routing import emulator
from airflow_provider_damstra.endpoints.embed_player import GetEmbedUrl, GetEmbedUrlAllLessonTypes

if TYPE_CHECKING:
    from airflow_provider_damstra.emulator.unit_of_work import UnitOfWork


@emulator.answers(GetEmbedUrl, render=rendering.as_embed_url)
def get_embed_url(call: GetEmbedUrl, uow: UnitOfWork) -> str:
    """Return the player's URL for an open schedule, on the emulator's own address."""
    return _url(uow, call.lesson_schedule_id)


@emulator.answers(GetEmbedUrlAllLessonTypes, render=rendering.as_embed_url)
def get_embed_url_all_lesson_types(call: GetEmbedUrlAllLessonTypes, uow: UnitOfWork) -> str:
    """Return the player's URL for an open schedule, whatever the type of its lesson."""
    return _url(uow, call.lesson_schedule_id)


def _url(uow: UnitOfWork, schedule_id: int) -> str:
    need_open_schedule(uow, schedule_id)
    return f"{uow.base_url}/#player/{schedule_id}?embed=true&token={secrets.token_urlsafe(24)}"

"""Operations of the lesson player that other sites embed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import TypeAdapter

from airflow_provider_damstra.endpoints.base import Endpoint, parse_json
from airflow_provider_damstra.endpoints.types import Identifier
from airflow_provider_damstra.models.base import Model

if TYPE_CHECKING:
    from airflow_provider_damstra.http import Request, Response


class _EmbedPlayer(Model):
    embed_url: str


_EMBED_PLAYER: TypeAdapter[Any] = TypeAdapter(_EmbedPlayer)


class _EmbedUrlEndpoint(Endpoint[str]):
    """An operation that returns ``{"embedUrl": "..."}``: a secret, since the URL contains a token."""

    response_is_secret: ClassVar[bool] = True

    def parse_result(self, request: Request, response: Response) -> str:
        """Return the URL."""
        url: str = parse_json(_EMBED_PLAYER, request, response).embed_url
        return url


class GetEmbedUrl(_EmbedUrlEndpoint, path="/embed_player"):
    """Return the URL of the player for one lesson schedule."""

    lesson_schedule_id: Identifier


class GetEmbedUrlAllLessonTypes(_EmbedUrlEndpoint, path="/embed_player/version/{lesson_schedule_id}"):
    """Return the URL of the player for one lesson schedule, for lessons of every type."""

    lesson_schedule_id: Identifier

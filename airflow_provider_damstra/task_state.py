"""What one attempt of a task leaves for the next, as far as Airflow keeps such a thing (from 3.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_damstra.services.intent_log import Intent

_INTENTS = "intents"


class Attempts:
    """Remembers ids and texts over the attempts of one task.

    :param context: the task's context. Where Airflow keeps nothing, every attempt is the first.
    """

    def __init__(self, context: Context | dict[str, Any]) -> None:
        self._store: Any = context.get("task_state_store")

    def keep_first(self, name: str, ids: list[int]) -> list[int]:
        """Return what the first attempt kept under a name, which is these ids if this is the first."""
        kept: list[int] | None = self._recall(name)
        if kept is not None:
            return kept
        self._keep(name, ids)
        return ids

    def add(self, name: str, ids: list[int]) -> list[int]:
        """Return these ids after all that earlier attempts added under the name."""
        kept: list[int] = self._recall(name) or []
        together = kept + [one for one in ids if one not in kept]
        if together != kept:
            self._keep(name, together)
        return together

    def keep_intents(self, intents: list[Intent]) -> None:
        """Keep what is about to be sent, and what was before."""
        self._keep(_INTENTS, intents)

    def kept_intents(self) -> list[Intent]:
        """Return what earlier attempts were about to send."""
        intents: list[Intent] | None = self._recall(_INTENTS)
        return intents or []

    def keep_text(self, name: str, text: str) -> None:
        """Keep a text under a name."""
        self._keep(name, text)

    def kept_text(self, name: str) -> str | None:
        """Return the text that was last kept under a name."""
        text: str | None = self._recall(name)
        return text

    def _recall(self, name: str) -> Any:
        return self._store.get(f"damstra_{name}") if self._store is not None else None

    def _keep(self, name: str, value: list[int] | list[Intent] | str) -> None:
        if self._store is not None:
            self._store.set(f"damstra_{name}", value)

"""Which failures end a task at once: those that no retry can mend."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_IF_RENDERED = (
    ". If it is a template: render_template_as_native_obj makes numbers of texts, and quotes keep them: "
    "\"'{{ ... }}'\""
)


@contextmanager
def failing_at_once_where_retrying_is_useless() -> Iterator[None]:
    """Turn what no retry can mend into ``AirflowFailException``, in one sentence."""
    from airflow.providers.common.compat.sdk import AirflowFailException
    from pydantic import ValidationError

    from airflow_provider_damstra.endpoints.base import NOT_A_NUMBER, refusal
    from airflow_provider_damstra.errors import DamstraError, is_final

    try:
        yield
    except ValidationError as error:
        why = refusal(error)
        hint = _IF_RENDERED if NOT_A_NUMBER in why else ""
        raise AirflowFailException(f"{error.title} was not sent: {why}{hint}") from None
    except DamstraError as error:
        if is_final(error):
            raise AirflowFailException(str(error)) from error
        raise
    except ValueError as error:
        # An argument that only turned out to be wrong when it was rendered.
        raise AirflowFailException(str(error)) from error

"""Airflow internals that tests use, whose location depends on the version (``make compat``)."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.models.trigger import Trigger
from airflow.providers.common.compat.version_compat import get_base_airflow_version_tuple
from airflow.serialization import serialized_objects
from structlog.testing import capture_logs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

try:
    from airflow.sdk.exceptions import AirflowRescheduleException as AirflowRescheduleException
except ImportError:  # Airflow before 3.2
    from airflow.exceptions import AirflowRescheduleException as AirflowRescheduleException

try:
    from airflow.api_fastapi.common import http_access_log as http_access_log
except ImportError:  # Airflow before 3.2: uvicorn writes the access log
    http_access_log = None  # type: ignore[assignment]

BEFORE_3_2 = get_base_airflow_version_tuple() < (3, 2)
BEFORE_3_3 = get_base_airflow_version_tuple() < (3, 3)

DagSerialization: Any = vars(serialized_objects)["SerializedDAG" if BEFORE_3_2 else "DagSerialization"]


def stored_trigger_kwargs(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return a trigger's arguments after a round trip through Airflow's database format."""
    row = Trigger._decrypt_kwargs(Trigger.encrypt_kwargs(kwargs))
    if BEFORE_3_2:
        return row
    from airflow.serialization import decoders

    decode: Any = decoders.smart_decode_trigger_kwargs
    return {name: decode(value) for name, value in row.items()}


def load_dag_bag(path: Path | str) -> Any:
    """Return the DagBag of a folder or file."""
    if BEFORE_3_2:
        from airflow.models.dagbag import DagBag
    else:
        from airflow.dag_processing.dagbag import DagBag
    return DagBag(path)


@contextmanager
def capture_logged_errors() -> Iterator[list[str]]:
    """Yield the errors logged in the block: through structlog, before Airflow 3.1 through logging."""
    errors: list[str] = []
    recorder = logging.Handler(logging.ERROR)
    recorder.emit = lambda record: errors.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(recorder)
    try:
        with capture_logs() as entries:
            yield errors
        errors += [entry["event"] for entry in entries if entry["log_level"] == "error"]
    finally:
        logging.getLogger().removeHandler(recorder)

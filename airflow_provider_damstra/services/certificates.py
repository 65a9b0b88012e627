"""Certificates of lesson schedules: only their existence shows whether a test was passed."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from airflow_provider_damstra.endpoints.lesson_schedule import DownloadCertificate
from airflow_provider_damstra.errors import DamstraNotFoundError
from airflow_provider_damstra.services.concurrency import map_concurrently

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.base import SupportsCalls


def read_passed(client: SupportsCalls, schedule_ids: Collection[int]) -> dict[int, bool]:
    """Return by schedule id whether the test of a completed lesson schedule was passed.

    Calls ``downloadCertificate`` for each schedule.

    :raises DamstraError: if a request failed, other than because there is no certificate.
    """
    ids = list(schedule_ids)
    found = map_concurrently(lambda one: has_certificate(client, one), ids, description="certificates read")
    return dict(zip(ids, found, strict=True))


def has_certificate(client: SupportsCalls, schedule_id: int) -> bool:
    """Return whether there is a certificate of a lesson schedule; see ``find_certificate``."""
    return find_certificate(client, schedule_id) is not None


def find_certificate(client: SupportsCalls, schedule_id: int) -> bytes | None:
    """Return the certificate (PDF), or None if the lesson is not completed or not passed.

    Calls ``downloadCertificate``.

    :raises DamstraError: if the request failed, other than because there is no certificate.
    """
    try:
        return client.call(DownloadCertificate(lesson_schedule_id=schedule_id))
    except DamstraNotFoundError as error:
        if error.is_from_proxy:  # it does not mean that there is no certificate
            raise
        return None

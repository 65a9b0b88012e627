"""Certificates of lesson schedules: files, and whether a test was passed, which only they show."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_damstra.endpoints.base import RequestModel
from airflow_provider_damstra.endpoints.lesson_schedule import DownloadCertificate
from airflow_provider_damstra.endpoints.types import IdentifierList
from airflow_provider_damstra.errors import (
    DamstraError,
    DamstraNotFoundError,
    affects_every_call,
    is_permanent,
)
from airflow_provider_damstra.services.concurrency import map_concurrently
from airflow_provider_damstra.text import join_first

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.base import SupportsCalls

Saved = TypeVar("Saved")

log = logging.getLogger(__name__)


class DownloadCertificates(RequestModel):
    """Certificates of some lesson schedules."""

    lesson_schedule_ids: IdentifierList


def save_certificates(
    client: SupportsCalls,
    schedule_ids: Sequence[int],
    *,
    save: Callable[[int, bytes], Saved],
    skip_missing: bool,
) -> list[Saved]:
    """Download certificates, several concurrently, and save each.

    Calls ``downloadCertificate`` for each schedule.

    :param save: saves the certificate (PDF) of a lesson schedule.
    :param skip_missing: leave out certificates that do not exist.
    :return: the results of ``save``, in the order of the ids.
    :raises DamstraError: if some could not be downloaded, after the others are saved; one that a retry may
        resolve is preferred. At once if the error affects every call.
    """

    def download(schedule_id: int) -> Saved | DamstraError:
        try:
            return save(schedule_id, client.call(DownloadCertificate(lesson_schedule_id=schedule_id)))
        except DamstraError as error:
            if affects_every_call(error):
                raise
            return error

    outcomes = map_concurrently(download, schedule_ids, description="certificates downloaded")
    errors = [outcome for outcome in outcomes if isinstance(outcome, DamstraError)]
    failed = [error for error in errors if not (skip_missing and _is_missing(error))]
    if failed:
        raise _combine(failed, count=len(schedule_ids))
    if errors:
        log.warning("%s", join_first([str(error) for error in errors], separator="\n"))
    return [outcome for outcome in outcomes if not isinstance(outcome, DamstraError)]


def _is_missing(error: DamstraError) -> bool:
    # A 404 of a proxy does not mean that there is no certificate.
    return isinstance(error, DamstraNotFoundError) and not error.is_from_proxy


def _combine(errors: Sequence[DamstraError], *, count: int) -> DamstraError:
    """Return one of some errors, with the messages of all if ``count`` certificates were tried."""
    error = next((error for error in errors if not is_permanent(error)), errors[0])
    if count > 1:
        summary = f"{len(errors)} of {count} certificates could not be saved:"
        error.args = (join_first([summary, *map(str, errors)], separator="\n  "),)
    return error


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
        if not _is_missing(error):
            raise
        return None

"""Downloads of certificates: paths, content, and atomic writes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_provider_damstra.errors import DamstraError, DamstraNotFoundError, DamstraResponseError
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.operators.lesson import DamstraDownloadCertificateOperator
from tests.operators.lesson_session_cases import COMPLETED_SCHEDULE, DUE_SCHEDULE
from tests.operators.task_runner import error_message, run

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.endpoints.base import Endpoint
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.operators.conftest import ConnectionFactory


HAUL_TRUCK_VERSION = 2006


def step(
    path: Path | str, lesson_schedule_id: Any = COMPLETED_SCHEDULE, **options: Any
) -> DamstraDownloadCertificateOperator:
    return DamstraDownloadCertificateOperator(
        task_id="step", lesson_schedule_id=lesson_schedule_id, path=str(path), **options
    )


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_certificate_is_written_to_path(
    scheme: str, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    path = tmp_path / "new" / "liam.pdf"
    saved = run(step(f"{scheme}{path}")).value
    content = path.read_bytes()
    assert content.startswith(b"%PDF")
    assert content.rstrip().endswith(b"%%EOF")
    assert saved == {
        "path": f"{scheme}{path}",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("given", [COMPLETED_SCHEDULE, f"{COMPLETED_SCHEDULE}", f" {COMPLETED_SCHEDULE} "])
def test_file_in_folder_is_named_after_schedule(
    given: Any, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    saved = run(step(f"{tmp_path}/certificates/", given)).value
    path = tmp_path / "certificates" / "certificate-30013.pdf"
    assert saved["path"] == str(path)
    assert path.read_bytes().startswith(b"%PDF")


def test_retry_replaces_file(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    path = tmp_path / "liam.pdf"
    path.write_bytes(b"old" * 10_000)
    assert run(step(path)).value == run(step(path)).value
    assert path.read_bytes().startswith(b"%PDF")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("schedule_id", [DUE_SCHEDULE, 30018])
def test_missing_certificate_is_named_and_no_file_is_written(
    schedule_id: int, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    why = error_message(step(tmp_path / "new" / "one.pdf", schedule_id), DamstraNotFoundError)
    assert f"No certificate found for lesson schedule {schedule_id}: it is not completed and passed" in why
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fault", [{"kind": "truncate"}, {"kind": "html", "status": 200}], ids=str)
def test_invalid_download_keeps_existing_file(
    fault: dict[str, Any], damstra_emulator: DamstraEmulator, connect: ConnectionFactory, tmp_path: Path
) -> None:
    path = tmp_path / "liam.pdf"
    path.write_bytes(b"what was there")
    connect(extra={"max_retries": 0})
    damstra_emulator.add_fault(**fault, count=1)
    error_message(step(path), DamstraResponseError)
    assert path.read_bytes() == b"what was there"
    assert list(tmp_path.iterdir()) == [path]
    run(step(path))
    assert path.read_bytes().startswith(b"%PDF")


def test_failed_rename_leaves_no_temporary_file(
    damstra_emulator: DamstraEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = step(tmp_path / "liam.pdf")

    def call_and_block_target(call: Endpoint[bytes]) -> bytes:
        content = DamstraHook().call(call)
        (tmp_path / "liam.pdf").mkdir()
        (tmp_path / "liam.pdf" / "in the way").touch()
        return content

    monkeypatch.setattr(certificate.hook.get_conn(), "call", call_and_block_target)
    with pytest.raises(OSError, match=r"liam\.pdf"):
        run(certificate)
    assert [path.name for path in tmp_path.iterdir()] == ["liam.pdf"]


def test_on_missing_skip_skips_missing_certificate(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    path = tmp_path / "olivia.pdf"
    with pytest.raises(AirflowSkipException, match=f"There is no certificate: .* schedule {DUE_SCHEDULE}"):
        run(step(path, DUE_SCHEDULE, on_missing="skip"))
    assert list(tmp_path.iterdir()) == []
    run(step(path, COMPLETED_SCHEDULE, on_missing="skip"))
    assert path.read_bytes().startswith(b"%PDF")


def all_of(path: Path | str, ids: Any, **options: Any) -> DamstraDownloadCertificateOperator:
    return DamstraDownloadCertificateOperator(
        task_id="step", lesson_schedule_ids=ids, path=str(path), **options
    )


@pytest.fixture
def completed_schedules(damstra_emulator: DamstraEmulator, api: ApiClient) -> list[int]:
    """Return two schedules that are completed and passed."""
    passed = api.schedule(1012, HAUL_TRUCK_VERSION)
    damstra_emulator.complete_lesson_schedule(passed)
    return [passed, COMPLETED_SCHEDULE]


@pytest.mark.parametrize("as_text", [False, True], ids=["list", "text"])
def test_certificates_of_several_schedules_are_files_of_a_folder(
    as_text: bool, completed_schedules: list[int], damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    ids: Any = ",".join(map(str, completed_schedules)) if as_text else completed_schedules
    outcome = run(all_of(f"{tmp_path}/new/", ids))
    paths = [tmp_path / "new" / f"certificate-{one}.pdf" for one in completed_schedules]
    assert [saved["path"] for saved in outcome.value] == [str(path) for path in paths]
    assert [saved["sha256"] for saved in outcome.value] == [
        hashlib.sha256(path.read_bytes()).hexdigest() for path in paths
    ]
    assert outcome.xcoms == {}


def test_failed_certificates_are_named_after_the_others_are_saved(
    completed_schedules: list[int],
    damstra_emulator: DamstraEmulator,
    connect: ConnectionFactory,
    tmp_path: Path,
) -> None:
    connect(extra={"max_retries": 0})
    (failing, saved) = completed_schedules
    damstra_emulator.add_fault("status", path=f"/lesson_schedule/{failing}/certificate", status=503, count=1)
    operator = all_of(f"{tmp_path}/", [DUE_SCHEDULE, failing, saved])
    why = error_message(operator, DamstraError)
    assert "2 of 3 certificates could not be saved:\n  DownloadCertificate" in why
    assert f"No certificate found for lesson schedule {DUE_SCHEDULE}" in why
    assert f"/lesson_schedule/{failing}/certificate) failed (HTTP 503)" in why
    assert [path.name for path in tmp_path.iterdir()] == [f"certificate-{saved}.pdf"]


def test_on_missing_skip_leaves_out_missing_certificates(
    damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    ids = [DUE_SCHEDULE, COMPLETED_SCHEDULE]
    (saved,) = run(all_of(f"{tmp_path}/", ids, on_missing="skip")).value
    assert [str(path) for path in tmp_path.iterdir()] == [saved["path"]]
    with pytest.raises(AirflowSkipException, match=f"lesson schedule {DUE_SCHEDULE}, lesson schedule 30018"):
        run(all_of(f"{tmp_path}/", [DUE_SCHEDULE, 30018], on_missing="skip"))


@pytest.mark.parametrize(
    ("path", "ids", "problem"),
    [
        ("all.pdf", [COMPLETED_SCHEDULE], "with lesson_schedule_ids it is a folder that ends in /"),
        ("folder/", [], "lesson_schedule_ids: "),
    ],
    ids=["file", "no ids"],
)
def test_invalid_arguments_of_several_certificates(
    path: str, ids: list[int], problem: str, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    with pytest.raises(Exception, match=problem):
        run(all_of(f"{tmp_path}/{path}", ids))
    assert damstra_emulator.journal() == []
    assert list(tmp_path.iterdir()) == []


def test_on_missing_skip_does_not_skip_404_of_proxy(
    damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    damstra_emulator.add_fault("html", status=404)
    error_message(step(tmp_path / "olivia.pdf", DUE_SCHEDULE, on_missing="skip"), DamstraNotFoundError)

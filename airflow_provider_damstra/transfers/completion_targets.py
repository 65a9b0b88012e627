"""The targets of a delivery of completions: an HTTP endpoint, or a CSV file; receipts are written last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.storage import atomic_open

if TYPE_CHECKING:
    from datetime import tzinfo

    from airflow_provider_damstra.exports.completions.completion import CompletedSchedule, Completion
    from airflow_provider_damstra.exports.completions.delivery import CompletionDelivery
    from airflow_provider_damstra.exports.completions.endpoint import HttpEndpoint
    from airflow_provider_damstra.storage import TaskTry
    from airflow_provider_damstra.transfers.receipts import ReceiptFolder


def send_completions(
    delivery: CompletionDelivery,
    batches: Iterable[list[CompletedSchedule]],
    *,
    endpoint: HttpEndpoint,
    receipts: ReceiptFolder,
) -> None:
    """Send each completion to an endpoint, and write its receipt after the response.

    If the process dies before the receipt is written, a later try sends the completion with the same key.
    """

    def deliver(completion: Completion) -> None:
        schedule_id = completion.lesson_schedule_id
        accepted = endpoint.send(completion, key=receipts.key(schedule_id))
        receipts.add(schedule_id, **asdict(accepted))

    for _ in delivery.run(batches, deliver):
        pass


@dataclass(frozen=True, kw_only=True)
class CsvOptions:
    """Options of a CSV file.

    :param columns: the field of ``Completion.values`` in each column.
    :param time_zone: decides the day of completion; None for each person's own.
    :param safe_for_spreadsheets: whether formulas are escaped, and a byte order mark is written.
    """

    columns: Mapping[str, str]
    time_zone: tzinfo | None
    safe_for_spreadsheets: bool


def write_completions(
    delivery: CompletionDelivery,
    batches: Iterable[list[CompletedSchedule]],
    *,
    path: str,
    options: CsvOptions,
    receipts: ReceiptFolder,
    task_try: TaskTry,
) -> dict[str, Any]:
    """Write all completions to a file, and then their receipts; return its ``uri`` and ``sha256``.

    If the process dies before all receipts are written, the next try writes the same file again: its
    ``delivery`` delivers again what this task instance delivered.
    """
    from airflow_provider_damstra.exports.completions.csv_file import row_function, write_csv
    from airflow_provider_damstra.services.concurrency import map_concurrently

    to_row = row_function(
        options.columns,
        time_zone=options.time_zone,
        safe_for_spreadsheets=options.safe_for_spreadsheets,
    )
    ids: list[int] = []

    def rows() -> Iterator[list[str]]:
        delivered = delivery.run(batches, lambda found: (found.lesson_schedule_id, to_row(found)))
        for schedule_id, row in delivered:
            ids.append(schedule_id)
            yield row

    with atomic_open(path, task_try=task_try) as file:
        digest = write_csv(file, options.columns, rows(), safe_for_spreadsheets=options.safe_for_spreadsheets)
    facts = {"uri": path, "sha256": digest}
    map_concurrently(lambda one: receipts.add(one, **facts), ids, description="receipts written")
    return facts

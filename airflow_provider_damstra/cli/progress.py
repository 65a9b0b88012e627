"""Show the progress of a command on a terminal; elsewhere nothing is shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from airflow_provider_damstra.exports.reader import ResourceReader, Rows


@contextmanager
def spinner(text: str) -> Iterator[None]:
    """Show on a terminal that the block runs."""
    with Console(stderr=True, markup=False).status(text):
        yield


def read_with_progress(reader: ResourceReader) -> Iterator[Rows]:
    """Yield the rows of a resource page by page, and show how many were read.

    The unit is rows, or listings of groups, users or sessions.
    """
    query = reader.query
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    progress = Progress(*columns, console=console, transient=True)
    # Some versions of rich print an empty line for a disabled progress.
    with progress if console.is_terminal else nullcontext():
        parent_ids = reader.parent_ids() if query.resource.parent else None
        total = None if parent_ids is None else len(parent_ids)
        task = progress.add_task(query.resource.parent or query.resource.name, total=total)
        for page in reader.pages(parent_ids):
            if page.rows:
                yield page.rows
            if parent_ids is None:
                progress.update(task, total=reader.total, advance=len(page.rows))
            else:
                progress.update(task, advance=int(page.is_last))

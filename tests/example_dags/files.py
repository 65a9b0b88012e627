"""Input files of the example DAGs."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def write_csv(path: Path, *rows: Mapping[str, str]) -> str:
    """Write rows with a header and return the file's URL.

    :param rows: at least one; all have the columns of the first.
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path.as_uri()

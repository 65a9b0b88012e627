"""docs/testing.md links to existing pages and headings. Its examples: tests/documentation."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "testing.md").read_text()


def test_links_lead_to_existing_files_and_headings() -> None:
    for path, anchor in re.findall(r"\]\(([^)#]*)#?([\w-]*)\)", PAGE):
        headings = re.findall(r"^#+ (.*)$", (ROOT / "docs" / path).read_text(), re.M)
        assert anchor in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}

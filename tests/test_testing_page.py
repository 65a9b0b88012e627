"""The examples of docs/testing.md run exactly as printed, in a fresh pytest."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "testing.md").read_text()
EXAMPLES = dict(re.findall(r"^## With (?:the )?([\w-]+)\n.*?```python\n(.*?)```", PAGE, re.M | re.S))


def test_page_has_example_per_tool() -> None:
    assert EXAMPLES.keys() == {"requests-mock", "emulator"}
    assert PAGE.count("```python") == len(EXAMPLES)


@pytest.mark.parametrize("tool", EXAMPLES)
def test_example_passes_as_printed(tool: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    (tmp_path / "test_example.py").write_text(EXAMPLES[tool])
    # Only the plugins that the page names: the others take seconds to import.
    options = ["-q", "-p", "damstra", "-p", "requests_mock"]
    # Warnings are errors, unless this run ignores those of an older Airflow (make compat).
    options += [f"-W{rule}" for rule in request.config.getoption("pythonwarnings") or ["error"]]
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": str(ROOT),
    }
    environment.pop("AIRFLOW_CONN_DAMSTRA_DEFAULT", None)
    result = subprocess.run(  # noqa: S603 (the page's own code)
        [sys.executable, "-m", "pytest", *options, "test_example.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    count = EXAMPLES[tool].count("\ndef test_")
    assert f"{count} passed" in result.stdout, result.stdout + result.stderr


def test_links_lead_to_existing_files_and_headings() -> None:
    for path, anchor in re.findall(r"\]\(([^)#]*)#?([\w-]*)\)", PAGE):
        headings = re.findall(r"^#+ (.*)$", (ROOT / "docs" / path).read_text(), re.M)
        assert anchor in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}

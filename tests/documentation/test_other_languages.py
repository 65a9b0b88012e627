"""Data, configuration, diagrams and output in README and docs; and no block is without a test."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from airflow.providers.common.compat.sdk import Connection

from airflow_provider_damstra.clients.settings import ClientSettings
from airflow_provider_damstra.hooks.connection import settings_from_connection
from airflow_provider_damstra.webhooks import config, receiver
from demo.cohort import COHORT
from demo.report import HEADINGS, OnboardingRecord, TrainingRecord
from demo.terminal import COLOURS, Terminal
from docs._extensions.diagrams import replace_diagrams
from tests.documentation.snippets import ROOT, SNIPPETS, Snippet, read_snippets, snippet_id, snippets_in
from tests.sensors import test_log
from tests.test_imports import MAY_IMPORT

if TYPE_CHECKING:
    from pathlib import Path

LANGUAGES = {
    "python": "test_python.py",
    "csv": "test_python.py",  # files that Python blocks read
    "jsonl": "test_python.py",
    "yaml": "test_python.py",
    "bash": "test_shell.py",
    "console": "test_shell.py",
    "json": "test_other_languages.py",
    "mermaid": "test_other_languages.py",
    "nginx": "test_other_languages.py",
    "sql": "test_sql.py",
}
"""Where the blocks of each language are tested."""

OUTPUT = {
    "start.md, 1. Run the demonstration": (
        "tests/documentation/test_other_languages.py::test_output_of_demo_is_as_printed"
    ),
    "waiting.md, What the log shows": (
        "tests/documentation/test_other_languages.py::test_log_of_wait_is_as_printed"
    ),
    "training-gate.md, What happens otherwise": (
        "tests/operators/test_training_gate.py::test_failure_is_reported_as_on_the_page"
    ),
    "completion-delivery.md, To an HTTP endpoint": (
        "tests/test_completion_delivery_page.py::test_printed_completion_is_what_is_sent"
    ),
    "completion-delivery.md, Receipts": (
        "tests/test_completion_delivery_page.py::test_printed_receipt_is_what_is_written"
    ),
    "training-requirements.md, Rules": (
        "tests/test_training_requirements_page.py::test_printed_problems_are_those_of_the_reader"
    ),
    "training-requirements.md, Schedule what is due": (
        "tests/test_training_requirements_page.py::test_printed_plan_is_that_of_a_dry_run"
    ),
    "input-files.md, What is rejected": (
        "tests/test_input_files_page.py::test_printed_messages_are_those_of_the_reader"
    ),
}
"""The test of each block in the language ``text``."""

LINE_OF_DEMO = re.compile(r" *\d+\.\d s  (triggered \w+, run \S+|the DAG run ended: \w+| *(\w+)  \S.*)")


@pytest.mark.parametrize("snippet", SNIPPETS, ids=snippet_id)
def test_block_has_a_test(snippet: Snippet) -> None:
    place = f"{snippet.name} (line {snippet.line})"
    if snippet.language == "text":
        assert snippet.name in OUTPUT, f"{place}: name the test of this output in OUTPUT"
        file, _, test = OUTPUT[snippet.name].partition("::")
        assert f"def {test}(" in (ROOT / file).read_text()
    else:
        assert snippet.language in LANGUAGES, f"{place}: no test runs {snippet.language or 'no language'!r}"


@pytest.mark.parametrize("snippet", snippets_in("csv", "jsonl", "yaml"), ids=snippet_id)
def test_data_file_is_read_by_a_python_block(snippet: Snippet) -> None:
    readers = [other.text for other in snippets_in("python") if other.page == snippet.page]
    assert any(f'"{snippet.file_name}"' in reader for reader in readers)


@pytest.mark.parametrize("snippet", snippets_in("json"), ids=snippet_id)
def test_json_is_extra_of_connection(snippet: Snippet) -> None:
    fields = {"conn_type": "damstra", "password": "access-key", "extra": json.loads(snippet.text)}
    settings = settings_from_connection(Connection.from_json(json.dumps(fields)))
    assert isinstance(settings, ClientSettings)
    for kind in settings.link_urls or {}:
        assert re.fullmatch(r"https://app\.velpic\.com/.*\b7", settings.record_url(kind, 7))


@pytest.mark.parametrize("snippet", snippets_in("mermaid"), ids=snippet_id)
def test_diagram_is_consistent(snippet: Snippet) -> None:
    kind, *lines = (line.strip() for line in snippet.text.splitlines() if line.strip())
    if kind == "sequenceDiagram":
        check_sequence(lines)
    else:
        assert kind == "flowchart TB"
        check_imports(lines)


def test_diagrams_are_lists_on_the_site() -> None:
    page = (ROOT / "docs" / "concepts" / "architecture.md").read_text(encoding="utf-8")
    assert "```mermaid" in page
    on_site = replace_diagrams(page)
    assert "```mermaid" not in on_site
    assert "  - **polling** → hooks, conditions\n" in on_site
    assert "   1. **SharedPoller** → **Damstra API**: GET /user/7/lesson_schedule\n" in on_site


@pytest.mark.parametrize("statement", ["sequenceDiagram\nautonumber", "flowchart TB\na --- b", "pie"])
def test_diagram_that_cannot_be_a_list_is_an_error(statement: str) -> None:
    with pytest.raises(ValueError, match="cannot write"):
        replace_diagrams(f"```mermaid\n{statement}\n```\n")


def check_sequence(lines: list[str]) -> None:
    """Check the statements of a sequence diagram, whose messages must be between declared participants."""
    declared = {found[1] for line in lines if (found := re.fullmatch(r"participant (\w+) as .+", line))}
    blocks = 0
    for line in lines:
        if message := re.fullmatch(r"(\w+)-?->>(\w+): .+", line):
            assert set(message.groups()) <= declared, line
        elif note := re.fullmatch(r"Note over (\w+)(?:,(\w+))?: .+", line):
            assert {name for name in note.groups() if name} <= declared, line
        elif re.match(r"(loop|alt|opt|par) .+", line):
            blocks += 1
        elif line == "end":
            blocks -= 1
        else:
            assert re.match(r"(participant \w+ as|else) .+", line), line
    assert blocks == 0


def check_imports(lines: list[str]) -> None:
    """Check that each arrow of a flow chart is a permitted import."""
    for line in lines:
        if arrow := re.fullmatch(r"(\w+)(?:\[.+\])? --> (\w+)(?:\[.+\])?", line):
            assert arrow[2] in MAY_IMPORT[arrow[1]], line
        else:
            assert re.fullmatch(r"subgraph \w+\[\".+\"\]|end", line), line
    assert sum(line.startswith("subgraph") for line in lines) == lines.count("end")


@pytest.mark.parametrize("snippet", snippets_in("nginx"), ids=snippet_id)
def test_nginx_configuration_has_the_limits_of_the_receiver(snippet: Snippet) -> None:
    without_comments = re.sub(r"#.*", "", snippet.text)
    statement = r"[a-z_]+(?: [^\s;{}]+)+"
    assert re.sub(rf"\s*(?:{statement};|(?:{statement}|server) \{{|\}})", "", without_comments).strip() == ""
    assert without_comments.count("{") == without_comments.count("}")
    directives = dict(re.findall(r"^ *(\w+) ([^;{]+?) *[;{]", without_comments, re.M))
    assert directives["location"] == f"{config.URL_PREFIX}/webhooks/"
    assert directives["client_max_body_size"] == f"{receiver.MAX_BODY_BYTES // 1024}k"
    assert directives["client_body_timeout"] == f"{receiver.BODY_TIMEOUT_SECONDS:.0f}s"
    assert directives["limit_conn"].split()[0] in directives["limit_conn_zone"]


def test_output_of_demo_is_as_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (snippet,) = (one for one in snippets_in("text") if "the DAG run ended" in one.text)
    steps, table = snippet.text.split("\n\n")
    for line in steps.splitlines():
        step = LINE_OF_DEMO.fullmatch(line)
        assert step or line == "  ...", line
        assert not step or step[2] is None or step[2] in {*COLOURS, "trainee"}
    *lines, more = table.splitlines()
    assert more == "..."
    trainings = tuple(training(line, tmp_path) for line in lines[2:])
    records = [OnboardingRecord(new_starter=COHORT[0], user_id=1041, trainings=trainings)]
    records += [OnboardingRecord(new_starter=one, user_id=None, trainings=()) for one in COHORT[1:]]
    Terminal().table(HEADINGS, [row for record in records for row in record.rows()])
    assert capsys.readouterr().out.splitlines()[: len(lines)] == lines


def test_log_of_wait_is_as_printed() -> None:
    (snippet,) = (one for one in snippets_in("text") if "The wait has ended" in one.text)
    progress, end = snippet.text.splitlines()
    times = f"Next poll at {test_log.TIME}, deadline at {test_log.TIME}\\."
    assert re.fullmatch(f"{re.escape(f'{test_log.PROGRESS} {test_log.OPEN}')} {times}", progress)
    assert end == test_log.END


def training(line: str, folder: Path) -> TrainingRecord:
    """Return the record of a printed row, with a certificate of its size."""
    cells = re.split(r" {2,}", line[26:])
    certificate = folder / cells[-2]
    certificate.write_bytes(b" " * int(cells[-1].removesuffix(" B")))
    return TrainingRecord(
        schedule_id=int(cells[0]),
        lesson=cells[1],
        status=cells[2],
        ilt_session=cells[3] if len(cells) > 5 else "",
        certificate=certificate,
    )


def test_block_that_is_not_closed_is_an_error(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n```bash\nmake demo\n")
    with pytest.raises(ValueError, match=r"page\.md, line 3: the block is not closed"):
        read_snippets(page)

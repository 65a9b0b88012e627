"""mypy and pyright accept and reject what users write, as the samples and the documentation state."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.documentation.snippets import snippets_in
from tests.test_readme import public_classes
from tests.typing.checkers import HERE, TypingError, run_mypy, run_pyright

PASSING = sorted((HERE / "pass").glob("*.py"))
FAILING = sorted((HERE / "fail").glob("*.py"))
PYRIGHT_CODES = {
    "arg-type": "reportArgumentType",
    "attr-defined": "reportAttributeAccessIssue",
    "call-arg": "reportCallIssue",
    "list-item": "reportArgumentType",
}
"""The code of pyright for each code of mypy with which the samples mark lines: ``# E: arg-type``."""

UNTYPED_FUNCTIONS = {"no-untyped-def", "no-untyped-call"}
"""Errors about functions without annotations, as tests in the documentation are."""


@pytest.fixture(scope="module")
def snippets(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return a file for each Python snippet of README and docs, named after the page and its line."""
    folder = tmp_path_factory.mktemp("snippets")
    return [
        snippet.write(folder / f"{Path(snippet.page).stem.lower()}_line_{snippet.line}.py")
        for snippet in snippets_in("python")
    ]


@pytest.fixture(scope="module")
def mypy_errors(snippets: list[Path]) -> list[TypingError]:
    return list(run_mypy([*PASSING, *FAILING, *snippets]))


@pytest.fixture(scope="module")
def pyright_errors(snippets: list[Path]) -> list[TypingError]:
    return list(run_pyright([*PASSING, *FAILING, *snippets]))


@pytest.fixture(scope="module", params=["mypy", "pyright"])
def errors(request: pytest.FixtureRequest) -> list[TypingError]:
    found: list[TypingError] = request.getfixturevalue(f"{request.param}_errors")
    return found


def marked_errors() -> set[tuple[str, int, str]]:
    """Return file name, line and mypy's code of each mark in the failing samples."""
    return {
        (path.name, number, mark[1])
        for path in FAILING
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if (mark := re.search(r"# E: ([\w-]+)$", line))
    }


def test_passing_samples_have_no_errors(errors: list[TypingError]) -> None:
    assert [error for error in errors if error.path in PASSING] == []


def test_snippets_of_documentation_have_no_errors(errors: list[TypingError], snippets: list[Path]) -> None:
    pages = {path.stem.partition("_")[0] for path in snippets}
    assert pages >= {"architecture", "events", "readme", "testing"}
    found = [error for error in errors if error.path in snippets and error.code not in UNTYPED_FUNCTIONS]
    assert found == []


def test_mypy_reports_exactly_the_marked_errors(mypy_errors: list[TypingError]) -> None:
    found = {(error.path.name, error.line, error.code) for error in mypy_errors if error.path in FAILING}
    assert found == marked_errors()


def test_pyright_reports_exactly_the_marked_errors(pyright_errors: list[TypingError]) -> None:
    found = {(error.path.name, error.line, error.code) for error in pyright_errors if error.path in FAILING}
    assert found == {(name, line, PYRIGHT_CODES[code]) for name, line, code in marked_errors()}


def test_every_operator_sensor_and_transfer_has_a_misspelt_argument() -> None:
    sample = (HERE / "fail" / "misspelt_arguments.py").read_text()
    assert sorted(re.findall(r"^(Damstra\w+)\(.*# E: call-arg$", sample, re.M)) == public_classes()

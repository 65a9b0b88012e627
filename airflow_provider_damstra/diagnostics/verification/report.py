"""The report of a verification, as Markdown or JSON: shapes, codes and counts, and no value of a record."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra import __version__
from airflow_provider_damstra.diagnostics.verification.assumption import Outcome

if TYPE_CHECKING:
    from airflow_provider_damstra.diagnostics.verification.model_assumptions import FieldProfile
    from airflow_provider_damstra.diagnostics.verification.run import Verification


def render_json(verification: Verification) -> str:
    """Return the report as JSON."""
    report = {
        "provider_version": __version__,
        "date": verification.date.date().isoformat(),
        "requests": verification.request_count,
        "summary": _summary(verification),
        "assumptions": [
            {
                "id": result.assumption_id,
                "outcome": result.outcome.value,
                "text": result.text,
                "details": list(result.details),
            }
            for result in verification.results
        ],
        "fields": {
            operation: {
                "rows": count,
                "fields": {name: _field(profile, count) for name, profile in sorted(profiles.items())},
            }
            for operation, (count, profiles) in verification.fields.items()
        },
    }
    return json.dumps(report, indent=2) + "\n"


def render_markdown(verification: Verification) -> str:
    """Return the report as Markdown."""
    return "\n".join(_lines(verification)) + "\n"


def _lines(verification: Verification) -> Iterator[str]:
    summary = ", ".join(f"{count} {outcome}" for outcome, count in _summary(verification).items())
    yield "# Verification of a Damstra Learning account"
    yield ""
    yield (
        f"airflow-provider-damstra {__version__}, {verification.date:%Y-%m-%d}, "
        f"{verification.request_count} GET requests: {summary}."
    )
    yield ""
    yield "| assumption | outcome | details |"
    yield "|---|---|---|"
    for result in sorted(verification.results, key=lambda result: result.outcome is not Outcome.DEVIATES):
        details = "; ".join(result.details)
        yield f"| `{result.assumption_id}`: {_cell(result.text)} | {result.outcome} | {_cell(details)} |"
    for operation, (count, profiles) in verification.fields.items():
        yield ""
        yield f"## {operation}: {count} rows"
        yield ""
        yield "| field | missing | types | formats |"
        yield "|---|---|---|---|"
        for name, profile in sorted(profiles.items()):
            field = _field(profile, count)
            types, formats = (_counts(field[key]) for key in ("types", "formats"))
            yield f"| {name} | {field['missing']} | {types} | {formats} |"


def _summary(verification: Verification) -> dict[str, int]:
    counts = Counter(result.outcome for result in verification.results)
    return {outcome.value: counts[outcome] for outcome in Outcome}


def _field(profile: FieldProfile, count: int) -> dict[str, Any]:
    return {
        "missing": count - profile.types.total(),
        "types": dict(profile.types),
        "formats": dict(profile.formats),
    }


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")

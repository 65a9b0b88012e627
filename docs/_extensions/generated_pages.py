"""Put generated Markdown into pages, in place of lines ``<!-- generated: NAME -->`` and of diagrams."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pygments.lexers.special import TextLexer

from docs._extensions import api, commands, emulator, example_dags, metrics, operators, options
from docs._extensions.diagrams import replace_diagrams

if TYPE_CHECKING:
    from collections.abc import Callable

    from sphinx.application import Sphinx

GENERATORS: dict[str, Callable[[], str]] = {
    "argument types": operators.render_argument_types,
    "commands": commands.render_commands,
    "configuration": options.render_configuration,
    "connection extras": options.render_connection_extras,
    "control plane": emulator.render_control_plane,
    "emulator options": commands.render_emulator_options,
    "endpoints": api.render_endpoints,
    "errors": api.render_errors,
    "example DAGs": example_dags.render,
    "metrics": metrics.render_metrics,
    "models": api.render_models,
    "operations": api.render_operations,
    "operators": operators.render_operators,
    "sensors": operators.render_sensors,
    "transfers": operators.render_transfers,
    "triggers": operators.render_triggers,
}
_MARKER = re.compile(r"^<!-- generated: (.+) -->$", re.M)


def expand(text: str) -> str:
    """Return the text of a page with its generated parts.

    :raises KeyError: if nothing generates a part.
    """
    return _MARKER.sub(lambda marker: GENERATORS[marker[1]](), text)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.connect("source-read", _expand_page)
    for language in ("csv", "jsonl"):
        app.add_lexer(language, TextLexer)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _expand_page(app: Sphinx, page: str, content: list[str]) -> None:
    content[0] = replace_diagrams(expand(content[0]))

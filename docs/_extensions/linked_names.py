"""Link names of documented classes, in code font, to their reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util.nodes import make_refnode

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.connect("doctree-resolved", _link_names)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _link_names(app: Sphinx, doctree: nodes.document, page: str) -> None:
    classes = {
        name.rpartition(".")[2]: entry
        for name, entry in app.env.domains.python_domain.objects.items()
        if entry.objtype == "class"
    }
    for literal in list(doctree.findall(nodes.literal)):
        entry = classes.get(literal.astext())
        if entry and not isinstance(literal.parent, nodes.reference | nodes.title):
            link = make_refnode(app.builder, page, entry.docname, entry.node_id, literal.deepcopy())
            literal.replace_self(link)

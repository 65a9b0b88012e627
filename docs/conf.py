"""The configuration of Sphinx, which ``make docs`` runs."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
# Airflow writes its configuration and logs where it is imported for the first time.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="damstra-docs-"))

from airflow_provider_damstra import __version__  # noqa: E402

project = "airflow-provider-damstra"
author = "the authors of airflow-provider-damstra"
version = release = __version__
language = "en"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "docs._extensions.generated_pages",
    "docs._extensions.linked_names",
]
exclude_patterns = ["_extensions"]
nitpicky = True
# Dashes only: quotes stay as they are in error messages, which users search for.
smartquotes_action = "D"
toc_object_entries = False

# Markdown
myst_heading_anchors = 4

# Without a network, only names of this project can be links.
intersphinx_mapping = (
    {
        "airflow": ("https://airflow.apache.org/docs/apache-airflow/stable/", None),
        "python": ("https://docs.python.org/3/", None),
    }
    if os.environ.get("DOCS_INTERSPHINX") == "1"
    else {}
)
# Types of other projects, which are no links unless their inventories are loaded.
nitpick_ignore_regex = [("py:.*", rf"(?!{re.escape('airflow_provider_damstra')}).*")]

# Autodoc: docstrings are plain reST field lists.
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_class_signature = "mixed"

# HTML; the theme's scripts, styles and fonts are on the site.
html_theme = "pydata_sphinx_theme"
html_title = "Damstra Learning for Apache Airflow"
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "Damstra Learning"},
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "footer_start": [],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}

"""Sphinx configuration: `tox -e docs` builds the pages into docs/_build/html."""

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

from mobility import __version__

project = "mobility"
version = release = __version__
extensions = ["myst_parser"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "alabaster"
html_theme_options = {"description": "An open mobility front end", "page_width": "1100px"}


def setup(app: Sphinx) -> None:
    """Show Mermaid's diagrams as their text; where pages are read on the forge they are drawn."""
    app.add_lexer("mermaid", TextLexer)

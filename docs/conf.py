"""Sphinx configuration: `tox -e docs` builds the pages into docs/_build/html."""

from mobility import __version__

project = "mobility"
version = release = __version__
extensions = ["myst_parser"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "alabaster"
html_theme_options = {"description": "An open mobility front end", "page_width": "1100px"}

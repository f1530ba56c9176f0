"""The documentation as a site: `./run docs` builds it into runs/docs."""

from importlib.metadata import version as _version

project = "SynLearn"
author = "the SynLearn authors"
release = _version("synlearn")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
exclude_patterns = ["figures/*"]
html_theme = "furo"
html_title = "SynLearn"
html_copy_source = False
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_class_signature = "separated"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
suppress_warnings = ["myst.xref_missing"]  # links to files of the repository beside these pages

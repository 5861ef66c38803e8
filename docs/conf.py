"""The site: python -m sphinx -W -b html docs build/site.   Needs the extra `docs`, and no network."""

import os
import sys
from pathlib import Path

# The tutorial's matrices are small: a second thread would only get in the way.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))  # docstrings.py

import minidl

project = "minidl"
version = release = minidl.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "sphinx_gallery.gen_gallery", "docstrings"]
exclude_patterns = ["_build", "tutorial/*.ipynb", "tutorial/*.py"]

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False
autodoc_typehints = "signature"
python_maximum_signature_line_length = 100

sphinx_gallery_conf = {
    "examples_dirs": "../examples/tutorial",
    "gallery_dirs": "tutorial",  # made here, and not in the repository
    "filename_pattern": "chapter_",
    "within_subsection_order": "FileNameSortKey",
    "capture_repr": ("_repr_html_",),
    "abort_on_example_error": True,
    "download_all_examples": False,
    "write_computation_times": False,
    "remove_config_comments": True,
    "show_signature": False,
    "image_srcset": ["2x"],
}

html_theme = "furo"
html_title = "minidl"
html_static_path = ["_static"]
html_css_files = ["minidl.css"]
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False

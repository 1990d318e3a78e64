"""Find the pictures that the documentation shows."""

import re

from tests.pictures.picture import ROOT

_SHOWN = re.compile(r"pictures/([\w.-]+\.(?:svg|png))")


def in_docs() -> set[str]:
    """Return the names of the pictures that a page of the documentation shows."""
    pages = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
    return {name for page in pages for name in _SHOWN.findall(page.read_text("utf-8"))}

"""A picture of the documentation: a name, and how it is made."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "docs" / "pictures"


class Picture(NamedTuple):
    """One file, such as `pass-80x24-en.svg`. `draw` returns its content."""

    name: str
    draw: Callable[[], bytes]

    def write(self, folder: Path) -> Path:
        """Write the picture into the folder, and return where it is."""
        path = folder / self.name
        path.write_bytes(self.draw())
        return path

"""Draw the wiring of fixture boards as their pages say: `python -m tests.docs.schematics`.

A line of a page's block `wiring` is a wire: `PART PIN -- PART PIN : note`. Parts at the left stand
in one column, those at the right in another, each as tall as its wires.
"""

import re
from html import escape
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parents[2] / "docs" / "firmware"
_BLOCK = re.compile(r"^```wiring\n(.*?)^```$", re.M | re.S)
_WIRE = re.compile(r"(\S+) (.+?) -- (\S+) (.+?)(?: : (.+))?")
ROW_PX, WIDTH_PX, BOX_PX, TOP_PX = 26, 900, 250, 16


class Wire(NamedTuple):
    """A wire between a pin of one part and that of another."""

    part: str
    pin: str
    to_part: str
    to_pin: str
    note: str


def wires_of(page: str) -> list[Wire]:
    """Return the wires of a page. Raises `ValueError` for a line that is none."""
    found = []
    for block in _BLOCK.findall(page):
        for line in block.splitlines():
            if (match := _WIRE.fullmatch(line)) is None:
                raise ValueError(f"no wire: {line!r}")
            found.append(Wire(*(part or "" for part in match.groups())))
    return found


def drawn(wires: list[Wire], title: str) -> str:
    """Return the picture of these wires as SVG."""
    height = TOP_PX * 2 + ROW_PX * len(wires)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH_PX} {height}"'
        f' font-family="sans-serif" font-size="13" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH_PX}" height="{height}" fill="white"/>',
    ]
    right = WIDTH_PX - BOX_PX - 8
    for side, x in ((0, 8), (2, right)):
        row = 0
        for part, group in groupby(wires, key=lambda wire: wire[side]):
            rows = len(list(group))
            y = TOP_PX + ROW_PX * row
            lines.append(
                f'<rect x="{x}" y="{y + 2}" width="{BOX_PX}" height="{ROW_PX * rows - 4}"'
                ' fill="#eef4fb" stroke="#245" rx="4"/>'
            )
            middle = y + ROW_PX * rows // 2 + 4
            at, anchor = (x + 8, "start") if side == 0 else (x + BOX_PX - 8, "end")
            lines.append(
                f'<text x="{at}" y="{middle}" text-anchor="{anchor}" font-weight="bold">'
                f"{escape(part.replace('_', ' '))}</text>"
            )
            row += rows
    for n, wire in enumerate(wires):
        y = TOP_PX + ROW_PX * n + ROW_PX // 2
        begin, end = 8 + BOX_PX, right
        lines += [
            f'<line x1="{begin}" y1="{y}" x2="{end}" y2="{y}" stroke="#245"/>',
            f'<text x="{begin - 6}" y="{y + 4}" text-anchor="end">{escape(wire.pin)}</text>',
            f'<text x="{end + 6}" y="{y + 4}">{escape(wire.to_pin)}</text>',
        ]
        if wire.note:
            lines.append(
                f'<text x="{(begin + end) // 2}" y="{y - 3}" text-anchor="middle"'
                f' font-size="10" fill="#555">{escape(wire.note)}</text>'
            )
    return "\n".join([*lines, "</svg>"]) + "\n"


def pictures() -> dict[Path, str]:
    """Return each picture's file and what should stand in it."""
    found = {}
    for page in sorted(FOLDER.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        if wires := wires_of(text):
            found[page.with_suffix(".svg")] = drawn(wires, text.splitlines()[0].lstrip("# "))
    return found


if __name__ == "__main__":
    for path, picture in pictures().items():
        path.write_text(picture, encoding="utf-8")

"""Write lines of a terminal as SVG: grounds as rectangles, texts as wide as their cells."""

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

WIDTH, HEIGHT, SIZE, BASE = 8, 17, 13, 13
"""A cell, its letters and their base line, in units of the picture."""
INK, GROUND = "#d0d0d0", "#101014"
FONTS = "DejaVu Sans Mono, Liberation Mono, Menlo, Consolas, monospace"


def svg(strips: Sequence[Strip], title: str) -> bytes:
    """Return a picture of the lines. `title` says what is seen, for readers who see no pictures."""
    cells = max((strip.cell_length for strip in strips), default=1)
    width, height = cells * WIDTH, len(strips) * HEIGHT
    rows = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        f' width="{width}" height="{height}" font-family="{FONTS}" font-size="{SIZE}">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="{GROUND}"/>',
    ]
    for y, strip in enumerate(strips):
        rows += _line(strip, y * HEIGHT)
    rows.append("</svg>")
    return ("\n".join(rows) + "\n").encode()


def _line(strip: Strip, y: int) -> Iterator[str]:
    x = 0
    texts = []
    for segment in Segment.simplify(strip):
        cells = cell_len(segment.text)
        ink, ground, bold = _colours(segment.style or Style())
        if ground != GROUND:
            yield (
                f'<rect x="{x * WIDTH}" y="{y}" width="{cells * WIDTH}" height="{HEIGHT}"'
                f' fill="{ground}"/>'
            )
        if (said := segment.text.strip(" ")) and not (set(said) <= {"█", " "} and ink == ground):
            before = cell_len(segment.text) - cell_len(segment.text.lstrip(" "))
            texts.append(_text(said, x + before, y, ink, bold=bold))
        x += cells
    yield from texts


def _text(said: str, x: int, y: int, ink: str, *, bold: bool) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x * WIDTH}" y="{y + BASE}" fill="{ink}" textLength="{cell_len(said) * WIDTH}"'
        f' lengthAdjust="spacingAndGlyphs" xml:space="preserve"{weight}>{escape(said)}</text>'
    )


def _colours(style: Style) -> tuple[str, str, bool]:
    ink, ground = _hex(style.color, INK), _hex(style.bgcolor, GROUND)
    if style.reverse:
        ink, ground = ground, ink
    return ink, ground, bool(style.bold)


def _hex(colour: Color | None, usual: str) -> str:
    return usual if colour is None or colour.is_default else colour.get_truecolor().hex

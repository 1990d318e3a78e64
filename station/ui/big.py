"""Words of large block letters, to be read across a room.

Letters are five rows of full blocks, which every terminal has; half blocks, which the fonts of
the Linux console often lack, only make them smaller where there is no room for more.
"""

from itertools import zip_longest
from unicodedata import combining, normalize

_GLYPHS = {
    "A": (".##.", "#..#", "####", "#..#", "#..#"),
    "B": ("###.", "#..#", "###.", "#..#", "###."),
    "C": (".###", "#...", "#...", "#...", ".###"),
    "D": ("###.", "#..#", "#..#", "#..#", "###."),
    "E": ("####", "#...", "###.", "#...", "####"),
    "F": ("####", "#...", "###.", "#...", "#..."),
    "G": (".###", "#...", "#.##", "#..#", ".###"),
    "H": ("#..#", "#..#", "####", "#..#", "#..#"),
    "I": ("###", ".#.", ".#.", ".#.", "###"),
    "J": ("..##", "...#", "...#", "#..#", ".##."),
    "K": ("#..#", "#.#.", "##..", "#.#.", "#..#"),
    "L": ("#..", "#..", "#..", "#..", "###"),
    "M": ("#...#", "##.##", "#.#.#", "#...#", "#...#"),
    "N": ("#..#", "##.#", "#.##", "#..#", "#..#"),
    "O": (".##.", "#..#", "#..#", "#..#", ".##."),
    "P": ("###.", "#..#", "###.", "#...", "#..."),
    "Q": (".##.", "#..#", "#..#", "#.#.", ".#.#"),
    "R": ("###.", "#..#", "###.", "#.#.", "#..#"),
    "S": (".###", "#...", ".##.", "...#", "###."),
    "T": ("#####", "..#..", "..#..", "..#..", "..#.."),
    "U": ("#..#", "#..#", "#..#", "#..#", ".##."),
    "V": ("#...#", "#...#", "#...#", ".#.#.", "..#.."),
    "W": ("#...#", "#...#", "#.#.#", "##.##", "#...#"),
    "X": ("#..#", "#..#", ".##.", "#..#", "#..#"),
    "Y": ("#...#", ".#.#.", "..#..", "..#..", "..#.."),
    "Z": ("####", "...#", ".##.", "#...", "####"),
    "?": ("###.", "...#", ".##.", "....", ".#.."),
}

# Columns and rows of one dot, largest first. A cell is about twice as high as wide.
_SCALES = ((8, 4), (6, 4), (6, 3), (4, 3), (4, 2), (3, 2), (2, 2), (2, 1), (1, 1))

_HALVES = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}


def big_word(word: str, width: int, height: int, *, half_blocks: bool = True) -> list[str]:
    """Return the equally long lines of `word`, as large as fits; none only when `height` is 0.

    What does not fit as a drawing, or has letters without a drawing, comes as spaced or plain text.
    """
    if height < 1 or width < 1:
        return []
    drawn = _without_accents(word)
    if all(letter in _GLYPHS for letter in drawn):
        dots = [".".join(rows) for rows in zip(*(_GLYPHS[letter] for letter in drawn), strict=True)]
        for across, down in _SCALES:
            if across * len(dots[0]) <= width and down * len(dots) <= height:
                return [_row(line, across) for line in dots for _ in range(down)]
        if half_blocks and len(dots[0]) <= width and height >= 3:
            return _halved(dots, min(width // len(dots[0]), 2))
    spaced = " ".join(word)
    return [(spaced if len(spaced) <= width else word)[:width]]


def _without_accents(word: str) -> str:
    """Return the word in letters that are drawn: French capitals are read without accents, too."""
    return "".join(one for one in normalize("NFD", word) if not combining(one))


def _row(dots: str, across: int) -> str:
    return "".join(("█" if dot == "#" else " ") * across for dot in dots)


def _halved(dots: list[str], across: int) -> list[str]:
    blank = "." * len(dots[0])
    pairs = zip_longest(dots[::2], dots[1::2], fillvalue=blank)
    return [
        "".join(
            _HALVES[upper == "#", lower == "#"] * across for upper, lower in zip(*pair, strict=True)
        )
        for pair in pairs
    ]

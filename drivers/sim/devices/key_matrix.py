"""The matrix of rows and columns that a keyboard's switches are wired in."""

import itertools
from collections.abc import Iterable, Set

MODIFIERS = range(0xE0, 0xE8)


class KeyMatrix:
    """Eight rows; each modifier has a column of its own. `place` is row and column of each key.

    Without diodes, three closed keys at the corners of a rectangle close the fourth.
    """

    def __init__(self, keys: Iterable[int], *, diodes: bool) -> None:
        self.diodes = diodes
        self.place = _wiring(keys)

    def seen(self, contacts: Set[int]) -> set[int]:
        """Return the keys that look closed with these contacts closed, phantoms included."""
        if self.diodes:
            return set(contacts)
        line: dict[tuple[str, int], set[tuple[str, int]]] = {}
        for key in contacts:
            row, column = self.place[key]
            joined = line.get(("row", row), {("row", row)}) | line.get(
                ("column", column), {("column", column)}
            )
            line.update(dict.fromkeys(joined, joined))
        return {
            key
            for key, (row, column) in self.place.items()
            if ("column", column) in line.get(("row", row), ())
        }

    def is_ambiguous(self, keys: Set[int]) -> bool:
        """Tell whether there are four keys at the corners of a rectangle, and no diodes.

        Any three of the four would look the same.
        """
        if self.diodes:
            return False
        columns: dict[int, set[int]] = {}
        for key in keys:
            row, column = self.place[key]
            columns.setdefault(row, set()).add(column)
        return any(len(a & b) > 1 for a, b in itertools.combinations(columns.values(), 2))


def _wiring(keys: Iterable[int]) -> dict[int, tuple[int, int]]:
    """Row and column of each key: eight rows, and a column of its own for each modifier."""
    plain = sorted(set(keys) - set(MODIFIERS))
    wiring = {key: (index % 8, index // 8) for index, key in enumerate(plain)}
    columns = itertools.count(len(plain) // 8 + 1)
    return wiring | {key: (key - 0xE0, next(columns)) for key in MODIFIERS if key in keys}

"""A matrix that makes a colour meter right for one kind of panel.

The correction is that of Ohno and Hardis, Four-Color Matrix Method for Correction of Tristimulus
Colorimeters (NIST, 1997), without its treatment of luminance: of red, green, blue and white the
tristimulus values are fitted by least squares.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from station.rig.calibrating.figures import CalibrationError

Vector = tuple[float, float, float]
Rows = tuple[Vector, Vector, Vector]

LEAST = 4
"""Pictures: three fix the matrix, and one more shows whether it is right."""


class Xyy(NamedTuple):
    """CIE 1931 chromaticity, and illuminance in lux."""

    x: float
    y: float
    illuminance_lux: float

    def tristimulus(self) -> Vector:
        """Return X, Y and Z in lux. Raises `CalibrationError` for what is no colour."""
        x, y, lux = self
        if not (all(map(math.isfinite, self)) and y > 0 and x >= 0 and x + y <= 1 and lux > 0):
            raise CalibrationError(f"x {x:g}, y {y:g} with {lux:g} lx is no colour")
        return (x * lux / y, lux, (1 - x - y) * lux / y)


class Corrected(NamedTuple):
    """The new matrix, and the largest distance in x or y that it leaves in any picture."""

    matrix: Rows
    left_xy: float


def corrected_matrix(
    before: Sequence[Sequence[float]], readings: Sequence[Xyy], references: Sequence[Xyy]
) -> Corrected:
    """Return the matrix with which the readings of all pictures come next to their references.

    `before` is the matrix that the readings were taken with. Each picture counts alike, whatever
    its brightness. Raises `CalibrationError`.
    """
    if len(readings) != len(references) or len(readings) < LEAST:
        raise CalibrationError(f"at least {LEAST} pictures are needed, each with its reference")
    seen = [one.tristimulus() for one in readings]
    true = [one.tristimulus() for one in references]
    weights = [1.0 / sum(one) for one in true]
    normal = _sum_of_products(seen, seen, weights)
    mixed = _sum_of_products(true, seen, weights)
    change = _times(mixed, _inverse(normal))
    left = 0.0
    for one, reference in zip(seen, references, strict=True):
        x, y, z = _apply(change, one)
        if min(x, y, z) < 0:
            raise CalibrationError("with this matrix a picture would have no colour")
        left = max(left, abs(x / (x + y + z) - reference.x), abs(y / (x + y + z) - reference.y))
    return Corrected(_times(change, before), left)


def _sum_of_products(
    rows: Sequence[Vector], columns: Sequence[Vector], weights: Sequence[float]
) -> Rows:
    def at(row: int, column: int) -> float:
        return math.fsum(
            (w * one[row]) * (w * other[column])
            for one, other, w in zip(rows, columns, weights, strict=True)
        )

    return _rows([[at(row, column) for column in range(3)] for row in range(3)])


def _inverse(m: Rows) -> Rows:
    """Return the inverse, by cofactors. Raises `CalibrationError` for colours in one line."""
    (a, b, c), (d, e, f), (g, h, i) = m
    whole = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    if abs(whole) <= 1e-9 * (a + e + i) ** 3:
        raise CalibrationError(
            "the pictures do not differ enough in colour: red, green and blue do"
        )
    return _rows(
        [
            [(e * i - f * h) / whole, (c * h - b * i) / whole, (b * f - c * e) / whole],
            [(f * g - d * i) / whole, (a * i - c * g) / whole, (c * d - a * f) / whole],
            [(d * h - e * g) / whole, (b * g - a * h) / whole, (a * e - b * d) / whole],
        ]
    )


def _times(left: Rows, right: Sequence[Sequence[float]]) -> Rows:
    return _rows(
        [
            [math.fsum(left[row][k] * right[k][column] for k in range(3)) for column in range(3)]
            for row in range(3)
        ]
    )


def _apply(matrix: Rows, vector: Vector) -> Vector:
    x, y, z = (math.fsum(m * v for m, v in zip(row, vector, strict=True)) for row in matrix)
    return x, y, z


def _rows(rows: Sequence[Sequence[float]]) -> Rows:
    first, second, third = ((row[0], row[1], row[2]) for row in rows)
    return first, second, third

"""The F distribution, which Python's library lacks.

Source: NIST Digital Library of Mathematical Functions, 8.17.22, the continued fraction of the
incomplete beta function.
"""

import math

MOST_TERMS = 500
CLOSE = 1e-14
_TINY = 1e-300


def f_above(f: float, above: int, below: int) -> float:
    """Return the chance of a larger F by chance alone, with these degrees of freedom.

    Raises `ValueError` for a negative F.
    """
    if f < 0:
        raise ValueError(f"F is a ratio of squares, and not {f}")
    return _beta(below / (below + above * f), below / 2.0, above / 2.0)


def _beta(x: float, a: float, b: float) -> float:
    """Return the regularized incomplete beta function of `x`, from 0 to 1."""
    if x in (0.0, 1.0):
        return x
    if x > (a + 1.0) / (a + b + 2.0):  # where the fraction is slow
        return 1.0 - _beta(1.0 - x, b, a)
    log = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(log + a * math.log(x) + b * math.log1p(-x)) / a
    return front * _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    """Return 1/(1 + d1/(1 + d2/(1 + …))) from the front, by Lentz's way."""
    value, upper, lower = 1.0, 1.0, 0.0
    for number in range(MOST_TERMS):
        m = number // 2
        if number == 0:
            term = 1.0
        elif number % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        lower = 1.0 / ((1.0 + term * lower) or _TINY)
        upper = (1.0 + term / upper) or _TINY
        value *= upper * lower
        if abs(upper * lower - 1.0) < CLOSE:
            break
    return value - 1.0

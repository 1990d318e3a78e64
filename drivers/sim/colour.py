"""Colours as tristimulus values: CIE 1931, for panels whose white and primaries are known."""

SRGB_PRIMARIES = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
D65 = (0.3127, 0.3290)

Xy = tuple[float, float]


def direction(xy: Xy) -> tuple[float, float, float]:
    """Tristimulus values of that chromaticity with Y = 1."""
    x, y = xy
    return x / y, 1.0, (1 - x - y) / y


def primaries(white: Xy) -> list[tuple[float, float, float]]:
    """Tristimulus values of red, green and blue that add up to this white with Y = 1."""
    red, green, blue = (direction(xy) for xy in SRGB_PRIMARIES)
    goal = direction(white)
    whole = _determinant(red, green, blue)
    shares = (
        _determinant(goal, green, blue) / whole,
        _determinant(red, goal, blue) / whole,
        _determinant(red, green, goal) / whole,
    )
    return [
        (share * x, share * y, share * z)
        for share, (x, y, z) in zip(shares, (red, green, blue), strict=True)
    ]


def _determinant(
    a: tuple[float, float, float], b: tuple[float, float, float], c: tuple[float, float, float]
) -> float:
    return (
        a[0] * (b[1] * c[2] - b[2] * c[1])
        - b[0] * (a[1] * c[2] - a[2] * c[1])
        + c[0] * (a[1] * b[2] - a[2] * b[1])
    )

"""The mistakes of a calibration, and the place in `station.toml` where its result goes."""

from collections.abc import Sequence


class CalibrationError(ValueError):
    """Tells why no calibration follows from some figures."""


def numbers(text: str) -> list[float]:
    """Return numbers that are separated by spaces. Raises `CalibrationError`."""
    try:
        return [float(one) for one in text.split()]
    except ValueError:
        raise CalibrationError(
            f"{text.strip()!r} is not numbers with spaces between them"
        ) from None


def as_toml(value: float | Sequence[object]) -> str:
    """Return a number with seven digits, or an array of such, as TOML writes them."""
    if isinstance(value, int | float):
        text = f"{value:.7g}"
        return text if any(sign in text for sign in ".en") else f"{text}.0"
    return f"[{', '.join(as_toml(one) for one in value)}]"  # type: ignore[arg-type]

"""Puts figures and facts into words for a page."""

from collections.abc import Callable
from datetime import datetime

from records import Basis, Limit, Value, Verdict

_BASIS = {
    Basis.SOURCE: "From the source",
    Basis.GENERAL: "General engineering knowledge, from no text",
    Basis.PROPOSAL: "This project's own proposal",
}


def verdict(value: Verdict | str, marginal: bool = False) -> str:
    """Return a verdict in capitals. Marginal is a pass that a person should look at."""
    text = str(value).upper().replace("_", " ")
    return f"{text}, MARGINAL" if marginal and value == Verdict.PASS else text


def css(value: Verdict | str, marginal: bool = False) -> str:
    return "marginal" if marginal and value == Verdict.PASS else str(value)


def value(measured: Value) -> str:
    if isinstance(measured, bool):
        return "yes" if measured else "no"
    if isinstance(measured, str):
        return measured
    try:
        return f"{measured:.6g}"
    except OverflowError:
        return "an integer beyond 1e308"


def limit(bounds: Limit | None) -> str:
    if bounds is None:
        return ""
    if isinstance(bounds.equals, bool):
        return f"= {value(bounds.equals)}"
    return str(bounds)


def basis(bounds: Limit) -> str:
    """Return where a limit comes from. Only what was read in a source is printed as its text."""
    words = _BASIS[bounds.basis]
    if not bounds.source:
        return words
    return f"{words}: {bounds.source}"


def duration(seconds: float) -> str:
    if abs(seconds) < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def when(moment: datetime | str) -> str:
    """Return a time to the second; the page says that it is UTC."""
    return str(moment)[:19].replace("T", " ")


def size(number_of_bytes: int) -> str:
    if number_of_bytes < 10_000:
        return f"{number_of_bytes} bytes"
    return f"{number_of_bytes / 1000:.0f} kB"


_STANDINGS = {
    "verified": "verified",
    "received": "received",
    "unsigned": "unsigned",
    "offered": "key not confirmed",
    "unknown_key": "key not known",
    "other_station": "another station's key",
    "revoked": "key revoked",
    "altered": "altered",
    "damaged": "damaged",
}


def standing(state: str) -> str:
    """Return in two words how far a record can be believed."""
    return _STANDINGS[state]


FILTERS: dict[str, Callable[..., str]] = {
    "verdict": verdict,
    "css": css,
    "value": value,
    "limit": limit,
    "basis": basis,
    "duration": duration,
    "when": when,
    "size": size,
    "standing": standing,
}

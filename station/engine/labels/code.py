"""Read the values in a scanned code: pairs such as `output_v=19.5`, or the words of a label.

    https://example.org/d?maker=Delta&model=ADP-65JH&output_v=19.5&output_a=3.33
    model: ADP-65JH; output_v: 19,5; output_a: 3.33; output_w: 65
    Delta ADP-65JH INPUT: 100-240V~1.5A OUTPUT: 19.5V 3.33A 65W

Only what is certain is taken: a pair named like a rating, or the only figure with a rating's unit.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import unquote_plus

from station.engine.labels.nameplate import Typed
from station.engine.library.tables import Rating, Told

_APART = re.compile(r"[;&|\n]")
_PAIR = re.compile(r"\s*([A-Za-z][\w.]*)\s*[=:]\s*(.+?)\s*")
_OUTPUT = re.compile(r"\b(output|sortie|ausgang|salida)\b", re.IGNORECASE)
_FIGURE = re.compile(r"(?<![\w.,-])([0-9]+(?:[.,][0-9]+)?)\s*(V|A|W)(?![A-Za-z0-9])")


class Code(NamedTuple):
    """The content of a code. `texts` are the values as they stand there, numbers and products."""

    maker: str
    model: str
    values: Mapping[str, Told]
    texts: Mapping[str, str]


def read(scanned: str, ratings: Mapping[str, Rating]) -> Code | None:
    """Return what a code says; None for a text that holds neither a value nor pairs.

    Raises `ValueError` for a value that no such device can have.
    """
    pairs = dict(_pairs(scanned))
    maker, model = pairs.pop("maker", ""), pairs.pop("model", "")
    texts = {name: text for name, text in pairs.items() if name in ratings}
    if not texts and not model:
        texts = dict(_printed(scanned, ratings))
        if not texts:
            return None
    values = {}
    for name, text in texts.items():
        if not ratings[name].product:
            values[name] = value(ratings[name], text, name)
    return Code(maker, model, values, texts)


def value(rating: Rating, text: str, name: str = "") -> Told:
    """Return a value that was typed or scanned. Raises `ValueError` for one that cannot be."""
    try:
        if rating.names:
            return rating.check(text.replace(",", " ").split())
        if rating.choice:
            alike = [one for one in rating.choice if one.casefold() == text.strip().casefold()]
            return rating.check(alike[0] if alike else text.strip())
        return rating.check(Typed.of(text).value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}" if name else str(error)) from error


def _pairs(scanned: str) -> Iterator[tuple[str, str]]:
    is_address = scanned.lower().startswith(("http://", "https://"))
    text = scanned.partition("?")[2] if is_address else scanned
    for part in _APART.split(text):
        if found := _PAIR.fullmatch(part):
            yield found[1], unquote_plus(found[2]) if is_address else found[2]


def _printed(scanned: str, ratings: Mapping[str, Rating]) -> Iterator[tuple[str, str]]:
    """Yield the figures of a label's text, each that is the only one with the unit of a rating."""
    output = _OUTPUT.split(scanned)[-1]  # the input has volts and amperes, too
    for name, rating in ratings.items():
        alike = [
            other for other in ratings.values() if other.is_number and other.unit == rating.unit
        ]
        found = {figure for figure, unit in _FIGURE.findall(output) if unit == rating.unit}
        if rating.is_number and len(alike) == 1 and len(found) == 1:
            yield name, found.pop()

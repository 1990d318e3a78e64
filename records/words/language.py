"""Say a phrase in a language: its sentence, filled with values as that language writes them.

The name of a value says how it is shown: a number called `meter_v` with its unit, one called `role`
or `keys` by what the language calls them.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from math import isfinite

from records.words.phrase import Phrase, Value

DIGITS = 4
"""Significant digits of a number whose place asks for no others."""

UNITS = {
    "v": "V",
    "a": "A",
    "w": "W",
    "s": "s",
    "hz": "Hz",
    "percent": "%",
    "cd_m2": "cd/m²",
    "lux": "lx",
    "mib": "MiB",
}
"""The unit of a number by the end of its name."""

NAMED = {
    "role": "role",
    "roles": "role",
    "key": "key",
    "keys": "key",
    "measurements": "measured",
    "ratings": "rating",
    "rating": "rating",
    "missing": "key",
    "wrong": "key",
    "stuck": "key",
    "lost": "key",
    "ghosts": "key",
    "blocked": "key",
}
"""The ids that hold the names of these values; several of them stand in a row, with commas."""

NO_BREAK = "\N{NO-BREAK SPACE}"

SENTENCES = ("because", "answer")
"""Values that are ids of sentences; the other values fill their places."""

_TIED = re.compile(r" (?=[:;?!»%](?:\W|$))|(?<=«) ")
_PLACE = re.compile(r"\{(\w+)(?::([^{}]*))?\}")
_APART = re.compile(r"(, |(?<! )\+)")
_TYPED = re.compile(r"[+-]?([0-9]+([.,][0-9]*)?|[.,][0-9]+)")
_LRI, _PDI = "\N{LEFT-TO-RIGHT ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"


class _Missing(Exception):
    """A sentence has a place that nothing fills."""


class Language:
    """One language. `code` is that of its file, `fallback` what is asked where it has no words."""

    def __init__(
        self,
        code: str,
        sentences: Mapping[str, Sequence[str]],
        form_of: Callable[[int], int],
        fallback: "Language | None" = None,
    ) -> None:
        self.code = code
        self._sentences = sentences
        self._form_of = form_of
        self._fallback = fallback
        self.decimal = self.text("language.decimal") if self.has("language.decimal") else "."
        self.right_to_left = self.has("language.direction") and (
            self.text("language.direction") == "rtl"
        )

    def has(self, name: str) -> bool:
        """Tell whether this language, or one that it falls back to, has words for an id."""
        return name in self._sentences or (self._fallback is not None and self._fallback.has(name))

    def also(self, words: Mapping[str, str]) -> "Language":
        """Return a language with more words by id, such as those that a plan brings along."""
        return Language(self.code, {id: (form,) for id, form in words.items()}, _first, self)

    def text(self, what: Phrase | str, /, **values: Value) -> str:
        """Return a phrase, or an id with values, as a sentence for people. Never raises.

        What this language lacks is said in the language it falls back to, in the end English. An
        unknown id is shown with its values, and the verbatim text after it, if not alone.
        """
        phrase = Phrase(what, values) if isinstance(what, str) else what
        if not phrase.id:
            return phrase.text
        here: Language | None = self
        while here is not None:
            if (forms := here._sentences.get(phrase.id)) is not None:
                try:
                    return self._filled(here._form(forms, phrase), phrase)
                except _Missing:
                    pass
            here = here._fallback
        return phrase.text if phrase.text and not phrase.values else str(phrase)

    def number(self, value: Value, form: str = "") -> str:
        """Return a value as this language writes it. `form` is a format of Python, such as `.2f`.

        Without one a fraction has four significant digits. No number has an exponent.
        """
        if isinstance(value, bool):
            return self.text("value.yes" if value else "value.no")
        if isinstance(value, int) and not form:
            return hex(value) if abs(value) >= 10**15 else str(value)
        if isinstance(value, str) or not isfinite(value):
            return str(value)
        return self.written(format(value, form) if form else positional(value))

    def fills(self, name: str, values: Mapping[str, Value]) -> bool:
        """Tell whether `values` fill every place of the sentence of that id."""
        phrase = Phrase(name, dict(values))
        try:
            self._filled(self._form(self._forms(name), phrase), phrase)
        except (_Missing, LookupError):
            return False
        return True

    def _forms(self, name: str) -> Sequence[str]:
        if (forms := self._sentences.get(name)) is not None:
            return forms
        if self._fallback is None:
            raise LookupError(name)
        return self._fallback._forms(name)

    def written(self, digits: str) -> str:
        """Return digits with a decimal point as this language writes them."""
        return digits.replace(".", self.decimal)

    def unit(self, unit: str) -> str:
        """Return what this language calls a unit of the records."""
        name = f"unit.{unit}"
        return self.text(name) if self.has(name) else unit

    def quantity(self, number: str, unit: str) -> str:
        """Return a number, which this language has written, with its unit."""
        return f"{number}{NO_BREAK}{self.unit(unit)}" if unit else number

    def name(self, family: str, one: str) -> str:
        """Return what this language calls one of a family, such as the `role` "meter".

        A name that no catalogue has is shown as it is, with blanks instead of underscores.
        """
        found = f"{family}.{one}"
        return self.text(found) if self.has(found) else one.replace("_", " ")

    def names(self, family: str, several: str) -> str:
        """Return the names of several of a family, which stand in a row with commas or `+`."""
        parts = _APART.split(several)
        return "".join(one if _APART.fullmatch(one) else self.name(family, one) for one in parts)

    def any_of(self, several: Sequence[str]) -> str:
        """Return several names as a choice: "a, b or c"."""
        if len(several) < 2:
            return "".join(several)
        return self.text("language.or", before=", ".join(several[:-1]), last=several[-1])

    def read_number(self, typed: str) -> float:
        """Return the number that was typed, with a comma or a point.

        Raises `ValueError` for anything else: a sign for thousands could be mistaken for either.
        """
        stripped = typed.strip()
        if _TYPED.fullmatch(stripped) is None:
            raise ValueError(f"{typed!r} is no number")
        return float(stripped.replace(",", "."))

    def _form(self, forms: Sequence[str], phrase: Phrase) -> str:
        if len(forms) < 2:
            return forms[0]
        count = phrase.values.get("count")
        if isinstance(count, int):
            return forms[min(self._form_of(count), len(forms) - 1)]
        return forms[-1]  # a fraction is never one

    def _filled(self, form: str, phrase: Phrase) -> str:
        form = _TIED.sub(NO_BREAK, form)
        if "{" not in form:
            return form

        def fill(place: re.Match[str]) -> str:
            name, format_ = place[1], place[2] or ""
            if name == "text" and phrase.text:
                return phrase.text
            if name not in phrase.values:
                raise _Missing
            shown = self._shown(name, phrase.values, format_)
            return f"{_LRI}{shown}{_PDI}" if self.right_to_left else shown

        return _PLACE.sub(fill, form)

    def _shown(self, name: str, values: Mapping[str, Value], form: str) -> str:
        value = values[name]
        if name in SENTENCES and isinstance(value, str):
            return self.text(Phrase(value, {n: v for n, v in values.items() if n != name}))
        if isinstance(value, str):
            family = NAMED.get(name)
            return self.names(family, value) if family else value
        try:
            number = self.number(value, form)
        except (ValueError, OverflowError):  # a format that Python does not know, or a huge number
            number = self.number(value)
        return number if isinstance(value, bool) else self.quantity(number, unit_of(name))


def unit_of(name: str) -> str:
    """Return the unit of a number by its name: that of `meter_v` is V. Empty where it has none."""
    return next((unit for end, unit in UNITS.items() if name.endswith(f"_{end}")), "")


def positional(value: float, digits: int = DIGITS) -> str:
    """Return a number with so many significant digits, and without an exponent."""
    shown = f"{value:.{digits}g}"
    return format(Decimal(shown), "f") if "e" in shown else shown


def _first(number: int) -> int:
    return 0

"""Identify a device: from memory, from a code, or by questions about its label.

A value is never assumed. A label is asked for once for each model, is shown at each run,
and is changed only after a second confirmation. Watts that are printed have to agree with volts and
amperes; without them each figure is typed twice.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from math import prod
from typing import NamedTuple

from records import Phrase, Value
from station.engine.labels import code, nameplate
from station.engine.labels.memory import Changed, Memory, Remembered, Teller
from station.engine.library import Kind
from station.engine.library.tables import Rating, Told
from station.engine.prompts import Operator

NOT_SAID = "?"
"""The answer to a question about something that the label does not say."""

NONE = "-"
"""The answer of an operator who looked for names and found none."""


class Seen(NamedTuple):
    """The identity that a device states, by its USB descriptors or its EDID."""

    maker: str
    model: str


class Identified(NamedTuple):
    """A device whose label is known. What is not in `nameplate`, the label does not say."""

    nameplate: Mapping[str, Told]
    maker: str = ""
    model: str = ""


class _Again(Exception):
    """An answer that cannot be: `because` is the id of the sentence that says why."""

    def __init__(self, because: str, **values: Value) -> None:
        self.because = because
        self.values = values


def shown(nameplate: Mapping[str, Told], ratings: Mapping[str, Rating]) -> str:
    """Return a label as labels are printed, such as "19.5 V, 3.33 A, VI"."""
    return ", ".join(_written(one, ratings[name].unit) for name, one in nameplate.items())


def identify(
    kind: Kind,
    operator: Operator,
    memory: Memory,
    told_by: str,
    now: Callable[[], datetime],
    seen: Seen | None = None,
    told: Mapping[str, Told] | None = None,
) -> tuple[Identified, Memory]:
    """Return what the label of a device says, and the memory with it.

    `told_by` is the operator's name, `seen` what the device says itself, `told` the values that are
    known already and never asked for.
    """
    told = told or {}
    asking = _Asking(kind, operator)
    maker, model, scanned = asking.model(seen)
    known = memory.find(kind.id, maker, model)
    if known is not None and asking.is_still(known):
        return Identified({**known.nameplate, **told}, known.maker, known.model), memory
    while True:
        values, teller = asking.label(scanned, told)
        found = Identified(values, maker, model)
        if not model:
            return found, memory
        label = Remembered(
            equipment=kind.id, maker=maker, model=model, nameplate=dict(values),
            told_by=told_by, told_at=now(), teller=teller,
        )  # fmt: skip
        try:
            return found, memory.remember(label)
        except Changed as changed:
            if asking.is_changed(model, changed):
                return found, memory.remember(label, confirmed=True)
            scanned = None  # the code may be another device's


class _Asking:
    """Asks for the ratings of one kind."""

    def __init__(self, kind: Kind, operator: Operator) -> None:
        self._kind = kind
        self._ratings = kind.ratings
        self._operator = operator

    def model(self, seen: Seen | None) -> tuple[str, str, code.Code | None]:
        """Return maker, model, and the code when one was scanned. No model: the label has none."""
        if seen is not None and seen.model.strip():
            return seen.maker, seen.model, None
        because: _Again | None = None
        while True:
            typed = self._ask("identify.model", because)
            try:
                scanned = code.read(typed, self._ratings)
            except ValueError:
                because = _Again("identify.wrong_code")
                continue
            if scanned is not None:
                return scanned.maker, scanned.model, scanned
            return "", "" if typed == NOT_SAID else typed, None

    def is_still(self, known: Remembered) -> bool:
        """Show a remembered label, and return whether the device at hand has the same."""
        return self._operator.confirm(
            "identify.remembered",
            model=f"{known.maker} {known.model}".strip(),
            label=shown(known.nameplate, self._ratings),
        )

    def is_changed(self, model: str, changed: Changed) -> bool:
        """Return whether a label that was known otherwise is confirmed a second time."""
        before, after = (
            shown({name: pair[which] for name, pair in changed.changes.items()}, self._ratings)
            for which in (0, 1)
        )
        return self._operator.confirm("identify.changed", model=model, before=before, after=after)

    def label(
        self, scanned: code.Code | None, told: Mapping[str, Told]
    ) -> tuple[dict[str, Told], Teller]:
        """Return every value that the label says, and who told it."""
        if scanned is not None and scanned.values and not self._disagrees(scanned.texts):
            said = shown(scanned.values, self._ratings)
            if self._operator.confirm("identify.from_code", label=said):
                return self._others({**scanned.values, **told}), "scan"
        return self._others(told), "operator"

    def _others(self, known: Mapping[str, Told]) -> dict[str, Told]:
        """Ask for every value that is not known yet: first for products with their factors."""
        found = dict(known)
        for name, rating in self._ratings.items():
            missing = [factor for factor in rating.product if factor not in found]
            if rating.product and len(missing) == len(rating.product):
                found |= self._product(name, rating)
            elif missing:
                found |= self._twice(missing)
        factors = {factor for rating in self._ratings.values() for factor in rating.product}
        for name, rating in self._ratings.items():
            if name in found or name in factors or rating.product:
                continue
            if rating.is_number:
                found |= self._twice([name])
            elif (told := self._value(name)) is not None:
                found[name] = told
        return {name: found[name] for name in self._ratings if name in found}

    def _product(self, name: str, rating: Rating) -> dict[str, Told]:
        """Ask for factors and their product until they agree; without a product, for each twice."""
        because: _Again | None = None
        while True:
            told, texts = self._each(rating.product, because)
            if len(told) < len(rating.product):  # there is nothing to multiply
                return self._twice(told)
            typed = self._number(name, rating, "identify.product")
            if typed is None:
                again, _ = self._each(rating.product, None, "identify.number_again")
                if again == told:
                    return told
                because = _Again("identify.differs")
            elif self._agree(rating, texts, typed[1]):
                return told
            else:
                because = self._disagreement(rating, told, typed[1])

    def _twice(self, names: Iterable[str]) -> dict[str, Told]:
        """Ask for numbers twice, until both typings agree."""
        names, because = tuple(names), None
        while True:
            told, _ = self._each(names, because)
            again, _ = self._each(told, None, "identify.number_again")
            if again == told:
                return told
            because = _Again("identify.differs")

    def _each(
        self, names: Iterable[str], because: _Again | None, about: str = "identify.number"
    ) -> tuple[dict[str, Told], dict[str, str]]:
        told: dict[str, Told] = {}
        texts: dict[str, str] = {}
        for name in names:
            value = self._number(name, self._ratings[name], about, because)
            because = None
            if value is not None:
                told[name], texts[name] = value
        return told, texts

    def _number(
        self, name: str, rating: Rating, about: str, because: _Again | None = None
    ) -> tuple[Told, str] | None:
        """Ask for a number until one is typed that can be, or `?`. A product has no range."""
        while True:
            typed = self._ask(about, because, rating=name, unit=rating.unit)
            if typed == NOT_SAID:
                return None
            try:
                number = nameplate.Typed.of(typed).value
            except ValueError:
                because = _Again("identify.not_a_number", typed=typed)
                continue
            if rating.product:
                return number, typed
            try:
                return rating.check(number), typed
            except ValueError:
                because = _Again(
                    "identify.out_of_range", typed=typed, unit=rating.unit,
                    least=rating.min or 0.0, most=rating.max or 0.0,
                )  # fmt: skip

    def _value(self, name: str) -> Told | None:
        """Ask for a choice or for names until they can be; None for `?`."""
        rating = self._ratings[name]
        about = "identify.names" if rating.names else "identify.choice"
        because: _Again | None = None
        while True:
            values = ", ".join(rating.choice)
            typed = self._ask(about, because, rating=name, values=values)
            if typed == NOT_SAID:
                return None
            try:
                return code.value(rating, "" if typed == NONE else typed)
            except ValueError:
                wrong = "identify.not_names" if rating.names else "identify.not_a_choice"
                because = _Again(wrong, typed=typed)

    def _ask(self, about: str, because: _Again | None, **values: Value) -> str:
        asks = Phrase(about, values)
        if because is not None:
            why = {"because": because.because, "answer": about}
            asks = Phrase("identify.once_more", {**values, **because.values, **why})
        return self._operator.ask(asks).strip()

    def _disagrees(self, texts: Mapping[str, str]) -> bool:
        """Return whether a code's product is not that of its factors."""
        return any(
            name in texts
            and all(factor in texts for factor in rating.product)
            and not self._agree(rating, texts, texts[name])
            for name, rating in self._ratings.items()
            if rating.product
        )

    def _agree(self, rating: Rating, texts: Mapping[str, str], product: str) -> bool:
        """Return whether a product is that of its factors, as exact as they were typed."""
        factors = [texts[one] for one in rating.product]
        if [self._ratings[one].unit for one in rating.product] == ["V", "A"]:
            return not nameplate.disagreement(factors[0], factors[1], product)
        typed = nameplate.Typed.of(product)
        found = prod(nameplate.Typed.of(one).value for one in factors)
        return abs(found - typed.value) <= typed.half_digit

    def _disagreement(self, rating: Rating, told: Mapping[str, Told], product: str) -> _Again:
        written = [_written(told[one], self._ratings[one].unit) for one in rating.product]
        found = prod(float(str(told[one])) for one in rating.product)
        return _Again(
            "identify.disagrees",
            factors=" × ".join(written),
            found=_written(round(found, 1), rating.unit),
            typed=f"{product} {rating.unit}",
        )


def _written(value: Told, unit: str) -> str:
    if isinstance(value, float):
        return f"{value:g} {unit}"
    return value if isinstance(value, str) else " ".join(value) or NONE

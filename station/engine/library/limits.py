"""Find the mistakes of limits: what they address, what they depend on, and whether they may."""

from collections.abc import Iterator, Mapping, Sequence
from math import inf

from records.toml.lines import Document
from records.toml.tables import suggest
from station.engine import step as steps
from station.engine.curves import CURVES, ratings_of
from station.engine.library import kinds
from station.engine.library.files import File, Files
from station.engine.library.kinds import Place
from station.engine.library.tables import Limit, Profile, Rating

Spoken = tuple[str, str, str]
"""A test or a step, and a measurement there."""


class LimitChecks:
    """The limits of all profiles and sites against all tests."""

    def __init__(self, files: Files, places: Mapping[str, Sequence[Place]]) -> None:
        self._files = files
        self._ratings = {key: kinds.ratings_of(files, key) for key in files.equipment}
        self._by_address: dict[str, list[Place]] = {}
        self._by_step: dict[str, list[tuple[str, Place]]] = {}
        self._kinds_of: dict[str, list[str]] = {}
        for kind, tests in places.items():
            for place in tests:
                for name in place.names:
                    self._by_address.setdefault(name, []).append(place)
                    self._kinds_of.setdefault(name, []).append(kind)
                for use in place.entry.use:
                    self._by_step.setdefault(use, []).append((kind, place))

    @property
    def addresses(self) -> Sequence[str]:
        """Return the addresses of all tests."""
        return tuple(self._by_address)

    def at(self, address: str) -> Sequence[Place]:
        """Return the tests that have this address; a part's test stands in several kinds."""
        return self._by_address.get(address, ())

    def mistakes(self, file: File[Profile], *, is_site: bool) -> Iterator[str]:
        document, table = file
        spoken: dict[Spoken, tuple[Limit, int]] = {}
        for index, limit in enumerate(table.limit):
            for key, said in self._one(limit):
                yield document.says(said, "limit", index, key)
            for said in self._twice(document, spoken, limit, index):
                yield document.says(said, "limit", index)
            if is_site:
                for said in self._loosened(limit):
                    yield document.says(said, "limit", index)

    def _one(self, limit: Limit) -> Iterator[tuple[str, str]]:
        """Yield the key and what is wrong with it."""
        if limit.source not in self._files.sources:
            said = f"no source {limit.source!r}; {suggest(limit.source, self._files.sources)}"
            yield "source", said
        if limit.curve and limit.curve.name not in CURVES:
            yield "curve", f"no curve {limit.curve.name!r}; {suggest(limit.curve.name, CURVES)}"
        if limit.step and limit.step not in self._by_step:
            yield (
                "step",
                f"no test uses the step {limit.step!r}; {suggest(limit.step, self._by_step)}",
            )
            return
        if limit.test and limit.test not in self._by_address:
            yield "test", f"no test {limit.test!r}; {suggest(limit.test, self._by_address)}"
            return
        uses = (limit.step,) if limit.step else self._by_address[limit.test][0].entry.use
        yield from self._measured(limit, uses)
        for kind, place in self._where(limit):
            found = list(self._depends(limit, place, self._ratings[kind]))
            yield from found
            if found:
                break

    def _where(self, limit: Limit) -> list[tuple[str, Place]]:
        if limit.step:
            return self._by_step[limit.step]
        return list(zip(self._kinds_of[limit.test], self._by_address[limit.test], strict=True))

    def _measured(self, limit: Limit, uses: Sequence[str]) -> Iterator[tuple[str, str]]:
        methods = [steps.find(use) for use in uses]
        for name in limit.of:
            units = {step.units[name]: step.name for step in methods if name in step.units}
            if not units:
                known = {one for step in methods for one in step.units}
                yield "of", f"no method measures {name!r} there; {suggest(name, known)}"
            elif len(units) > 1:
                ways = " and ".join(f"{u or 'no unit'} by {s}" for u, s in sorted(units.items()))
                yield "of", f"{name} is in {ways}: write a limit for each `step`"
        if len(set(limit.of)) < len(limit.of):
            yield "of", "a measurement stands in `of` twice"

    def _depends(
        self, limit: Limit, place: Place, ratings: Mapping[str, Rating]
    ) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with the ratings that a limit depends on at a place."""
        prefix = place.ratings
        own = {key[len(prefix) :]: one for key, one in ratings.items() if key.startswith(prefix)}
        numbers = {key for key, rating in own.items() if rating.is_number}
        if limit.by and limit.by not in numbers:
            yield "by", f"{place.names[0]} has no number {limit.by!r}; {suggest(limit.by, numbers)}"
        for name, values in limit.when.items():
            for said in when_mistakes(name, values, own):
                yield "when", f"{place.names[0]}: {said}"
        if limit.curve and limit.curve.name in CURVES:
            for name in ratings_of(CURVES[limit.curve.name]):
                if name not in numbers:
                    said = f"{limit.curve.name} needs the number {name!r}"
                    yield "curve", f"{said}, which {place.names[0]} has not"

    def _twice(
        self, document: Document, spoken: dict[Spoken, tuple[Limit, int]], limit: Limit, index: int
    ) -> Iterator[str]:
        """Yield limits of one measurement at one address that no `when` tells apart."""
        for name in dict.fromkeys(limit.of):
            key = (limit.test, limit.step, name)
            before, where = spoken.setdefault(key, (limit, index))
            if before is limit:
                continue
            if not limit.when or not before.when:
                line = document.line("limit", where)
                yield f"{name} of {limit.test or limit.step} has a limit in line {line} already"

    def _loosened(self, limit: Limit) -> Iterator[str]:
        """Yield where a site's limit could be looser than one that is `safety`."""
        if not self._is_there(limit):
            return
        here = {place.names[0] for _, place in self._where(limit)}
        for file in self._files.profiles.values():
            for index, other in enumerate(file.table.limit):
                common = set(limit.of) & set(other.of)
                if not (other.safety and common and self._is_there(other)):
                    continue
                meets = any(place.names[0] in here for _, place in self._where(other))
                if meets and not _is_as_tight(limit, other):
                    yield (
                        f"{', '.join(sorted(common))} is `safety` in"
                        f" {file.document.name}:{file.document.line('limit', index)}:"
                        " a site may only tighten it, by plain bounds"
                    )

    def _is_there(self, limit: Limit) -> bool:
        return (limit.step or limit.test) in (self._by_step if limit.step else self._by_address)


def _is_as_tight(limit: Limit, safety: Limit) -> bool:
    """Return whether `limit` holds always, and lets nothing pass that `safety` does not."""
    if limit.when or limit.rows or limit.curve or limit.waived or safety.curve:
        return False
    if safety.uncertainty is not None and (limit.uncertainty or inf) > safety.uncertainty:
        return False
    if safety.equals is not None:
        return limit.equals == safety.equals and type(limit.equals) is type(safety.equals)
    return all(
        (low is None or (limit.min is not None and limit.min >= low))
        and (high is None or (limit.max is not None and limit.max <= high))
        for low, high in safety.bounds
    )


def when_mistakes(
    name: str, values: Sequence[str] | str, ratings: Mapping[str, Rating]
) -> Iterator[str]:
    """Yield what is wrong with a `when` that asks for `values` of a rating."""
    rating = ratings.get(name)
    if rating is None:
        yield f"no rating {name!r}; {suggest(name, ratings)}"
    elif not rating.choice:
        yield f"`when` asks for a `choice`, and {name} is none"
    else:
        for value in [values] if isinstance(values, str) else values:
            if value not in rating.choice:
                yield f"{name} is never {value!r}; {suggest(value, rating.choice)}"

"""One kind of equipment with all that its plans are resolved from. Frozen, and quick to load."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeVar

import msgspec

from records.toml.lines import Document
from station.engine.library.files import File, Files
from station.engine.library.tables import DecisionRule, Depth, Entry, Limit, Profile, Rating, Source

Value = TypeVar("Value")

Words = dict[str, str]
"""A text in each language that has it."""


class Origin(NamedTuple):
    """The origin of a value. A value that stands in no file has line 0."""

    file: str
    line: int = 0
    note: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class Place(msgspec.Struct, frozen=True):
    """A test where it stands: a part's tests are tests of all that it is a part of.

    `names` are the addresses of the test, the outermost equipment first; `ratings` is the prefix of
    the ratings that the test means.
    """

    id: str
    names: tuple[str, ...]
    ratings: str
    entry: Entry
    title: Words
    when: tuple[tuple[str, tuple[str, ...]], ...]
    origin: Origin
    settings: dict[str, Origin]


class LimitAt(msgspec.Struct, frozen=True):
    """A limit and where it stands."""

    limit: Limit
    origin: Origin


class Layer(msgspec.Struct, frozen=True):
    """The part of a profile or a site for one kind; `require`, `depth` and `clause` by address."""

    id: str
    title: str
    based_on: str
    decision_rule: DecisionRule | None
    require: dict[str, tuple[str, Origin]]
    depth: dict[str, tuple[Depth, Origin]]
    clause: dict[str, tuple[str, Origin]]
    limits: tuple[LimitAt, ...]


class Kind(msgspec.Struct, frozen=True):
    """A kind of equipment, with every profile and site there is."""

    id: str
    title: Words
    is_part: bool
    ratings: dict[str, Rating]
    rating_titles: dict[str, Words]
    places: tuple[Place, ...]
    profiles: dict[str, Layer]
    sites: dict[str, Layer]
    sources: dict[str, Source]


def compile_kind(files: Files, equipment: str) -> Kind:
    """Return a kind of files that `check` has found to be without mistake."""
    places = tuple(places_of(files, equipment))
    addresses = {name for place in places for name in place.names}
    steps = {use for place in places for use in place.entry.use}

    profiles = {key: _layer(one, addresses, steps) for key, one in files.profiles.items()}
    sites = {key: _layer(one, addresses, steps) for key, one in files.sites.items()}
    layers = (*profiles.values(), *sites.values())
    cited = {one.limit.source for layer in layers for one in layer.limits}
    return Kind(
        id=equipment,
        title=_words(files, equipment, "title"),
        is_part=files.equipment[equipment].table.is_part,
        ratings=ratings_of(files, equipment),
        rating_titles=rating_titles_of(files, equipment),
        places=places,
        profiles=profiles,
        sites=sites,
        sources={key: files.sources[key].table for key in sorted(cited)},
    )


def _layer(file: File[Profile], addresses: set[str], steps: set[str]) -> Layer:
    document, table = file

    def here(what: str, said: Mapping[str, Mapping[str, Value]]) -> dict[str, tuple[Value, Origin]]:
        return {
            f"{equipment}.{test}": (value, _origin(document, what, equipment, test))
            for equipment, tests in said.items()
            for test, value in tests.items()
            if f"{equipment}.{test}" in addresses
        }

    return Layer(
        id=table.id,
        title=table.title,
        based_on=table.based_on,
        decision_rule=table.decision_rule,
        require=here("require", table.require),
        depth=here("depth", table.depth),
        clause=here("clause", table.clause),
        limits=tuple(
            LimitAt(limit, _origin(document, "limit", index))
            for index, limit in enumerate(table.limit)
            if limit.test in addresses or limit.step in steps
        ),
    )


def places_of(
    files: Files, equipment: str, around: tuple[tuple[str, str], ...] = (), prefix: str = "",
    when: tuple[tuple[str, tuple[str, ...]], ...] = (), within: Words | None = None,
) -> Iterator[Place]:  # fmt: skip
    """Yield the tests of an equipment and of its parts, in order.

    `around` are the equipments that this one is a part of, each with the path from there to here.
    """
    document, table = files.equipment[equipment]
    for index, entry in enumerate(table.test):
        outer = (*around, (equipment, ""))
        there = (*when, *_holds(entry.when, prefix))
        title = _words(files, equipment, entry.id, within)
        if entry.part:
            dot = "." if entry.id else ""
            paths = tuple((name, f"{path}{entry.id}{dot}") for name, path in outer)
            inner = f"{prefix}{entry.id}{dot}"
            part_title = title if entry.id else within
            yield from places_of(files, entry.part, paths, inner, there, part_title)
            continue
        yield Place(
            id=f"{prefix}{entry.id}",
            names=tuple(f"{name}.{path}{entry.id}" for name, path in outer),
            ratings=prefix,
            entry=entry,
            title=title,
            when=there,
            origin=_origin(document, "test", index),
            settings={
                name: _origin(document, "test", index, "settings", name) for name in entry.settings
            },
        )


def ratings_of(files: Files, equipment: str, prefix: str = "") -> dict[str, Rating]:
    """Return the ratings of an equipment and of its parts, with the parts' prefixes."""
    table = files.equipment[equipment].table
    found = {
        prefix + name: msgspec.structs.replace(
            rating, product=tuple(prefix + one for one in rating.product)
        )
        if rating.product
        else rating
        for name, rating in table.nameplate.items()
    }
    for entry in table.test:
        if entry.part:
            found |= ratings_of(files, entry.part, f"{prefix}{entry.id}." if entry.id else prefix)
    return found


def rating_titles_of(
    files: Files, equipment: str, prefix: str = "", within: Words | None = None
) -> dict[str, Words]:
    """Return what people call the ratings of an equipment and of its parts."""
    table = files.equipment[equipment].table
    found = {prefix + name: _words(files, equipment, name, within) for name in table.nameplate}
    for entry in table.test:
        if entry.part:
            inner = f"{prefix}{entry.id}." if entry.id else prefix
            title = _words(files, equipment, entry.id, within) if entry.id else within
            found |= rating_titles_of(files, entry.part, inner, title)
    return found


def _holds(
    when: Mapping[str, tuple[str, ...] | str], prefix: str
) -> Iterator[tuple[str, tuple[str, ...]]]:
    for rating, values in when.items():
        yield prefix + rating, (values,) if isinstance(values, str) else values


def _words(files: Files, equipment: str, key: str, within: Words | None = None) -> Words:
    """Return a title in each language; one of a part follows that of the part."""
    found = {
        language: texts[key]
        for language, texts in files.equipment[equipment].table.words.items()
        if key in texts
    }
    if within is None:
        return found
    return {
        language: f"{within[language]}: {text[:1].lower()}{text[1:]}"
        for language, text in found.items()
        if language in within
    }


def _origin(document: Document, *key: str | int) -> Origin:
    return Origin(document.name, document.line(*key))

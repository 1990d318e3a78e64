"""Turns TOML tables into structs, and says each mistake of a file in one sentence, all at once.

A sentence names the place in the file and what would be right there: `slots.left.roles.meter.bus:
-5 is not a whole number of at least 0`. A struct states what is right by its types: `Annotated`
with `msgspec.Meta` for ranges and lengths, and with a `description` (a noun phrase, such as "a TCP
port from 1 to 65535") where the type alone would not help.
"""

import enum
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from datetime import date, datetime
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

import msgspec

Table = TypeVar("Table")

_LISTED = 20  # values that a sentence names; of more it names the nearest
_SHOWN = 60  # characters of a value that a sentence quotes
_ARRAYS = (list, tuple, set, frozenset, Sequence, Set)
_MAPPINGS = (dict, Mapping)


class MistakesInFile(Exception):
    """The mistakes of a file, one line each: file, place, and what would be right."""

    def __init__(self, *mistakes: str) -> None:
        self.mistakes = tuple(_one_line(mistake) for mistake in mistakes)
        super().__init__("\n".join(self.mistakes))


class TableError(Exception):
    """The mistakes of a table, one sentence each, without the name of the file."""

    def __init__(self, *mistakes: str) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(mistakes))

    def after(self, place: object) -> list[str]:
        """Return the mistakes with `place`, such as a file's name, before each."""
        return [f"{place}: {mistake}" for mistake in self.mistakes]


def read(path: Path) -> dict[str, Any]:
    """Return what a TOML file holds. Raises `TableError` when it cannot be read or is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TableError(error.strerror or str(error)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TableError(f"not TOML: {error}") from error


def convert(raw: object, kind: type[Table], place: str = "") -> Table:
    """Return `raw` as a struct; `place` is where it stands in the file, such as `slots.left`.

    Raises `TableError` with all mistakes.
    """
    if found := mistakes(raw, kind, place):
        raise TableError(*found)
    return msgspec.convert(raw, kind)


def mistakes(raw: object, kind: Any, place: str = "") -> list[str]:
    """Return the mistakes of `raw` as a `kind`, each with its place; none when it converts.

    `kind` is a struct, or any other type that msgspec converts. Numbers have to be finite, save
    where `Any` stands: what is there has its own conversion later.
    """
    if _is_finite(raw):
        try:
            msgspec.convert(raw, kind)
        except msgspec.ValidationError:
            pass
        else:
            return []
    return [str(one) for one in _walk(raw, _Right.of(kind), place)]


def suggest(name: str, known: Iterable[str]) -> str:
    """Return the nearest known name as half a sentence, or all known names."""
    names = sorted(known)
    if close := get_close_matches(name, names, n=1):
        return f"did you mean {close[0]!r}?"
    return f"known are {', '.join(names) or 'none'}"


def inside(place: str, key: str) -> str:
    """Return the place of a key in the table at `place`, in TOML's own spelling."""
    spelt = key if _is_bare(key) else msgspec.json.encode(key).decode()
    return f"{place}.{spelt}" if place else spelt


class _Right(NamedTuple):
    """The rule of a place: the type without `Annotated` and `None`, and its marks."""

    hint: Any
    bare: Any
    marks: tuple[msgspec.Meta, ...]

    @classmethod
    def of(cls, hint: Any) -> "_Right":
        bare: Any = hint
        marks: tuple[msgspec.Meta, ...] = ()
        while True:
            if get_origin(bare) is Annotated:
                bare, *others = get_args(bare)
                marks = (*marks, *(mark for mark in others if isinstance(mark, msgspec.Meta)))
            elif _is_union(bare) and len(some := _without_none(bare)) == 1:
                bare = some[0]
            else:
                return cls(hint, bare, marks)

    def mark(self, name: str) -> Any:
        """Return a value that a mark sets, or None."""
        return next(
            (found for one in self.marks if (found := getattr(one, name)) is not None), None
        )

    def takes(self, raw: object) -> bool:
        """Return whether `raw` has the shape of this type: a table, a list, or neither."""
        if isinstance(raw, dict):
            return _is_struct(self.bare) or _origin(self.bare) in _MAPPINGS
        if isinstance(raw, list):
            return _origin(self.bare) in _ARRAYS
        return not _is_struct(self.bare) and _origin(self.bare) not in (*_MAPPINGS, *_ARRAYS)


def _walk(raw: object, right: _Right, place: str) -> Iterator[str]:
    """Yield the mistakes at `place` and below; at a place with some below, no others."""
    below = 0
    for mistake in _below(raw, _chosen(raw, right), place):
        below += 1
        yield mistake
    if below:
        return
    if right.bare is not Any and isinstance(raw, float) and not isfinite(raw):
        yield _at(place, f"{raw} is not a finite number")
        return
    try:
        msgspec.convert(raw, right.hint)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, ValueError | TypeError):  # of the struct, in its own words
            yield _at(place, str(error.__cause__))
        else:
            yield _at(place, _is_not(raw, right))


def _chosen(raw: object, right: _Right) -> _Right:
    """Return the member of a union that `raw` is meant for, if there is only one."""
    if not _is_union(right.bare):
        return right
    members = [_Right.of(member) for member in _without_none(right.bare)]
    fitting = [member for member in members if member.takes(raw)]
    if isinstance(raw, dict) and len(fitting) > 1:
        fitting = [member for member in fitting if _has_tag(raw, member.bare)]
    return fitting[0] if len(fitting) == 1 else right


def _below(raw: object, right: _Right, place: str) -> Iterator[str]:
    """Yield the mistakes of a table's keys or a list's items."""
    arguments = get_args(right.bare)
    if isinstance(raw, dict) and _is_struct(right.bare):
        yield from _keys(raw, right.bare, place)
    elif isinstance(raw, dict) and _origin(right.bare) in _MAPPINGS and arguments:
        for key, value in raw.items():
            if _fits(key, arguments[0]):
                yield from _walk(value, _Right.of(arguments[1]), inside(place, key))
            else:
                yield _at(
                    inside(place, key), f"the key is not {_expected(_Right.of(arguments[0]))}"
                )
    elif isinstance(raw, list) and _origin(right.bare) in _ARRAYS and arguments:
        fixed = _origin(right.bare) is tuple and arguments[-1] is not ...
        if fixed and len(arguments) != len(raw):
            return
        for number, item in enumerate(raw):
            kind = arguments[number] if fixed else arguments[0]
            yield from _walk(item, _Right.of(kind), f"{place}[{number}]")


def _keys(raw: dict[str, Any], kind: Any, place: str) -> Iterator[str]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    config = kind.__struct_config__
    misspelt = set[str]()
    for key, value in raw.items():
        if field := fields.get(key):
            yield from _walk(value, _Right.of(field.type), inside(place, key))
        elif config.forbid_unknown_fields and key != config.tag_field:
            open_keys = [name for name in fields if name not in raw]
            misspelt.update(get_close_matches(key, open_keys, n=1))
            spelt = inside("", key)
            yield _at(place, f"there is no key `{spelt}`; {suggest(key, open_keys or fields)}")
    for name, field in fields.items():
        if field.required and name not in raw and name not in misspelt:
            yield _at(place, f"the key `{name}` is missing")


def _is_not(raw: object, right: _Right) -> str:
    """Return the sentence that `raw` is not what is right."""
    values = _values(right.bare)
    if len(values) > _LISTED and isinstance(raw, str):
        return f"{_shown(raw)} is not known; {suggest(raw, values)}"
    return f"{_shown(raw)} is not {_expected(right)}"


def _shown(raw: object) -> str:
    """Return a value as a file has it, cut where it is long."""
    if isinstance(raw, dict):
        return "a table"
    if isinstance(raw, list):
        return f"a list of {len(raw)}"
    if isinstance(raw, bool):
        return "true" if raw else "false"
    text = repr(raw) if isinstance(raw, str) else str(raw)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _expected(right: _Right) -> str:
    """Return what is right, as a noun phrase."""
    if said := right.mark("description"):
        return str(said)
    if values := _values(right.bare):
        return f"one of {', '.join(values)}" if len(values) > 1 else values[0]
    if _is_union(right.bare):
        phrases = [_expected(_Right.of(member)) for member in _without_none(right.bare)]
        return " or ".join(dict.fromkeys(phrases))
    if _is_struct(right.bare) or _origin(right.bare) in _MAPPINGS:
        return "a table"
    if _origin(right.bare) in _ARRAYS:
        return _expected_list(right)
    if right.bare is str:
        return _expected_text(right)
    if right.bare in (int, float):
        noun = "a whole number" if right.bare is int else "a number"
        return noun + _range(right)
    return _NOUNS.get(right.bare, f"a {getattr(right.bare, '__name__', right.bare)}")


_NOUNS: dict[object, str] = {
    bool: "true or false",
    date: "a date such as 2026-11-29",
    datetime: "a time such as 2026-11-29T18:00:00Z",
}


def _expected_list(right: _Right) -> str:
    arguments = [one for one in get_args(right.bare) if one is not ...]
    if _origin(right.bare) is tuple and get_args(right.bare)[-1:] != (...,):
        return f"a list of {len(arguments)}"
    low, high = right.mark("min_length"), right.mark("max_length")
    if low is not None and low == high:
        return f"a list of {low}"
    if low is not None and high is not None:
        return f"a list of {low} to {high}"
    if low is not None:
        return f"a list of at least {low}"
    return "a list" if high is None else f"a list of at most {high}"


def _expected_text(right: _Right) -> str:
    low, high = right.mark("min_length"), right.mark("max_length")
    if pattern := right.mark("pattern"):
        return f"a text of the form {pattern}"
    if high is not None:
        return f"a text of {low or 0} to {high} characters"
    if low == 1:
        return "a non-empty text"
    return f"a text of at least {low} characters" if low else "a text"


def _range(right: _Right) -> str:
    at_least, above = _figure(right.mark("ge")), _figure(right.mark("gt"))
    at_most, below = _figure(right.mark("le")), _figure(right.mark("lt"))
    if at_least is not None and at_most is not None:
        return f" from {at_least} to {at_most}"
    low = f"of at least {at_least}" if at_least is not None else ""
    low = f"above {above}" if above is not None else low
    high = f"of at most {at_most}" if at_most is not None else ""
    high = f"below {below}" if below is not None else high
    return "".join(
        (f" {low}" if low else "", " and" if low and high else "", f" {high}" if high else "")
    )


def _figure(bound: float | None) -> str | None:
    """Write a bound the same, whether it was written 1 or 1.0: equal marks stand for each other."""
    is_whole = isinstance(bound, float) and bound.is_integer() and abs(bound) < 1e15
    return None if bound is None else str(int(bound)) if is_whole else str(bound)


def _values(bare: Any) -> list[str]:
    """Return the values of an enumeration or a `Literal`."""
    if isinstance(bare, type) and issubclass(bare, enum.Enum):
        return [str(member.value) for member in bare]
    return [str(one) for one in get_args(bare)] if get_origin(bare) is Literal else []


def _has_tag(raw: dict[str, Any], bare: Any) -> bool:
    config = getattr(bare, "__struct_config__", None)
    return config is not None and config.tag is not None and raw.get(config.tag_field) == config.tag


def _fits(value: object, hint: Any) -> bool:
    try:
        msgspec.convert(value, hint)
    except msgspec.ValidationError:
        return False
    return True


def _is_finite(raw: object) -> bool:
    """Return whether no number in `raw` is infinite or none at all; TOML knows `inf` and `nan`."""
    if isinstance(raw, dict):
        return all(_is_finite(value) for value in raw.values())
    if isinstance(raw, list):
        return all(_is_finite(value) for value in raw)
    return not isinstance(raw, float) or isfinite(raw)


def _is_struct(bare: Any) -> bool:
    return isinstance(bare, type) and issubclass(bare, msgspec.Struct)


def _origin(bare: Any) -> Any:
    return get_origin(bare) or bare


def _is_union(bare: Any) -> bool:
    return get_origin(bare) in (Union, UnionType)


def _without_none(bare: Any) -> list[Any]:
    return [one for one in get_args(bare) if one is not NoneType]


def _is_bare(key: str) -> bool:
    """Return whether TOML takes this key without quotes."""
    return key != "" and all(char.isascii() and (char.isalnum() or char in "_-") for char in key)


def _at(place: str, sentence: str) -> str:
    return f"{place}: {sentence}" if place else sentence


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else "\ufffd" for char in text)

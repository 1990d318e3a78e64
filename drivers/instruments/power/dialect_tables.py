"""Tables of a dialect: what each key may hold, and a reader that names every mistake.

A kind of table is a `Table` whose fields are `Annotated` with the marks below. The reader takes
plain mappings, as `tomllib` gives them, and knows no dialect.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from string import Formatter
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    NamedTuple,
    NoReturn,
    TypeVar,
    Union,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

from drivers.wiring import Between, OneOf

T = TypeVar("T", bound="Table")

_HINTS: dict[type, dict[str, Any]] = {}  # of each kind of table, by the reader
SAMPLES: Mapping[str, object] = {"channel": 1, "value": 1.0, "state": "ON", "range": "LOW"}


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Table:
    """A frozen record of annotated fields, as a dataclass is.

    It takes its fields from its annotations when it is made, not when its module is imported: that
    of ten dataclasses took four times as long, at each start of a station.
    """

    def __init__(self, **values: Any) -> None:
        for name in _hints(type(self)):
            vars(self)[name] = values.pop(name) if name in values else getattr(type(self), name)
        if values:
            raise TypeError(f"{type(self).__name__} has no field {next(iter(values))!r}")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be set")

    def mistakes(self) -> Iterator[str]:
        """Yield what does not fit together, each with the place where it stands."""
        yield from ()


class Line(NamedTuple):
    """A text that is sent: `{}` stand for `fills`, of which `needs` must occur.

    An empty text says that the family has no such words. With `per_channel` a table of several
    channels must fill in `{channel}`.
    """

    fills: tuple[str, ...] = ("channel",)
    needs: tuple[str, ...] = ()
    per_channel: bool = True


class Pattern(NamedTuple):
    """A regular expression."""


class AnswerForm(NamedTuple):
    """The form of an answer with a number in it, such as `V{channel} {number}` or `{number}A`."""


def read_table(kind: type[T], table: object, place: str, mistakes: list[str]) -> T | None:
    """Return `table` as a `kind`; otherwise add each mistake, with its place, to `mistakes`."""
    if not isinstance(table, Mapping):
        mistakes.append(f"{place}: a table is wanted, not {table!r}")
        return None
    before = len(mistakes)
    hints = _hints(kind)
    for key in table:
        if key not in hints:
            mistakes.append(f"{place}: there is no key {key!r}{did_you_mean(str(key), hints)}")
    values: dict[str, Any] = {}
    for name, hint in hints.items():
        if name in table:
            values[name] = _read(hint, table[name], f"{place}.{name}", mistakes)
        elif not hasattr(kind, name):
            mistakes.append(f"{place}: the key {name!r} is missing")
    if len(mistakes) > before:
        return None
    made = kind(**values)
    mistakes += [f"{place}{one}" for one in made.mistakes()]
    return made


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a complaint about `word`: the nearest of `known`, if there is one."""
    near = get_close_matches(word, list(known), 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def lines_without(table: Table, fill: str, place: str = "") -> Iterator[str]:
    """Yield the place of each text in `table` that must fill in `fill` and does not."""
    for name, hint in _hints(type(table)).items():
        value = getattr(table, name)
        if isinstance(value, Table):
            yield from lines_without(value, fill, f"{place}.{name}")
        for mark in _marks(hint):
            if isinstance(mark, Line) and mark.per_channel:
                texts = (value,) if isinstance(value, str) else value
                if any(text and f"{{{fill}}}" not in text for text in texts):
                    yield f"{place}.{name}"


def _hints(kind: type[Table]) -> dict[str, Any]:
    if kind not in _HINTS:
        _HINTS[kind] = get_type_hints(kind, include_extras=True)
    return _HINTS[kind]


def _marks(hint: Any) -> tuple[Any, ...]:
    """Return the marks of a field, or of the elements of its tuple."""
    if get_origin(hint) is tuple:
        return _marks(get_args(hint)[0])
    return get_args(hint)[1:] if get_origin(hint) is Annotated else ()


def _read(hint: Any, value: object, place: str, mistakes: list[str]) -> Any:
    marks = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    kind = get_args(hint)[0] if marks else hint
    if get_origin(kind) in (UnionType, Union):  # a table, or nothing
        kind = next(one for one in get_args(kind) if one is not NoneType)
        if value == {}:
            return None
    if get_origin(kind) is tuple:
        if not isinstance(value, list | tuple):
            mistakes.append(f"{place}: a list is wanted, not {value!r}")
            return ()
        inner = get_args(kind)[0]
        return tuple(
            _read(inner, one, f"{place}[{index}]", mistakes) for index, one in enumerate(value)
        )
    if issubclass(kind, Table):
        return read_table(kind, value, place, mistakes)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            value = float(value)
        except OverflowError:
            value = math.inf
    if type(value) is not kind:
        words = {str: "text", int: "a whole number", float: "a number"}
        mistakes.append(f"{place}: {words[kind]} is wanted, not {value!r}")
        return None
    for mark in marks:
        if why := _objection(mark, value):
            mistakes.append(f"{place}: {why}")
    return value


def _objection(mark: object, value: Any) -> str:
    """Return why `mark` does not allow `value`, or nothing."""
    match mark:
        case Between(low=low, high=high):
            if not low <= value <= high:
                return f"{value!r:.60} is outside {low}…{high}"
        case OneOf(values=values):
            if value not in values:
                return f"{value!r} is not one of {', '.join(map(repr, values))}"
        case Pattern():
            try:
                re.compile(value)
            except re.error as error:
                return f"{value!r} is no regular expression: {error}"
        case Line():
            return _objection_to_line(mark, value)
        case AnswerForm():
            return _objection_to_fills(value, ("number", "channel"), ("number",))
    return ""


def _objection_to_line(mark: Line, text: str) -> str:
    if not text:
        return ""
    if not (text.isascii() and text.isprintable()):
        return f"{text!r} is not one line of ASCII"
    return _objection_to_fills(text, mark.fills, mark.needs)


def _objection_to_fills(text: str, fills: tuple[str, ...], needs: tuple[str, ...]) -> str:
    known = ", ".join(f"{{{fill}}}" for fill in fills) or "none"
    try:
        parts = [part for part in Formatter().parse(text) if part[1] is not None]
    except ValueError as error:
        return f"{text!r}: {error}"
    for _, name, specification, conversion in parts:
        if name not in fills:
            hint = did_you_mean(str(name), fills)
            return f"{text!r} fills in {{{name}}}, but there is {known}{hint}"
        if conversion or "{" in (specification or ""):
            return f"{text!r}: {{{name}}} takes a plain format, such as {{{name}:.3f}}"
    for need in needs:
        if need not in (name for _, name, _, _ in parts):
            return f"{text!r} does not fill in {{{need}}}"
    try:
        text.format_map({"number": "1.0", **SAMPLES})
    except ValueError as error:
        return f"{text!r}: {error}"
    return ""

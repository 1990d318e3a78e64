"""TOML tables into structs. A mistake is one sentence: the key, and what would be right."""

import enum
import re
from collections.abc import Iterable
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

Table = TypeVar("Table")

_NO_FIELD = re.compile(r"Object contains unknown field `(.*)`")
_MISSING = re.compile(r"Object missing required field `(.*)`")
_NO_MEMBER = re.compile(r"Invalid enum value (.*)")
_PATH = re.compile(r"\.(\w+)|\[[^]]*]")


class MistakeInFile(Exception):
    """One line, whatever a file holds: file, place, and what would be right."""

    def __init__(self, text: str) -> None:
        super().__init__("".join(char if char.isprintable() else "\ufffd" for char in text))


class TableError(Exception):
    """What is wrong, after the key that is wrong."""


def convert(raw: object, kind: type[Table], place: str = "") -> Table:
    """`raw` as a struct; `place` is where it stands in the file, such as `slots.left`.

    Raises `TableError`.
    """
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `$")
        path = path.rstrip("`")
        where = f"{place}{path}".lstrip(".")
        text = _in_words(text, _hint_at(kind, path))
        raise TableError(f"{where}: {text}" if where else text) from error


def suggest(name: str, known: Iterable[str]) -> str:
    """What might have been meant, as half a sentence."""
    names = sorted(known)
    if close := get_close_matches(name, names, n=1):
        return f"did you mean {close[0]!r}?"
    return f"known are {', '.join(names) or 'none'}"


def _hint_at(hint: Any, path: str) -> Any:
    """The type that stands at `path`, which reads like `.zones[0].channel`."""
    for part in _PATH.finditer(path):
        hint = _bare(hint)
        if not part[1]:
            args = get_args(hint) or (None,)
            hint = args[-1] if get_origin(hint) is dict else args[0]
        elif hasattr(hint, "__struct_fields__"):
            hint = get_type_hints(hint, include_extras=True).get(part[1])
    return _bare(hint)


def _bare(hint: Any) -> Any:
    """Without what `Annotated` adds, and as if it could not be left out."""
    if get_origin(hint) is Annotated:
        return _bare(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return _bare(next(one for one in get_args(hint) if one is not NoneType))
    return hint


def _in_words(text: str, hint: Any) -> str:
    """msgspec speaks of objects and fields; whoever writes TOML, of tables and keys."""
    if found := _NO_FIELD.fullmatch(text):
        known = getattr(hint, "__struct_fields__", ())
        return f"there is no key `{found[1]}`; {suggest(found[1], known)}"
    if found := _MISSING.fullmatch(text):
        return f"the key `{found[1]}` is missing"
    if found := _NO_MEMBER.fullmatch(text):
        return f"{found[1]} is not one of {', '.join(_members(hint))}"
    return text.replace("`object`", "`table`")


def _members(hint: Any) -> list[str]:
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return [str(member.value) for member in hint]
    return [str(one) for one in get_args(hint)] if get_origin(hint) is Literal else []

"""Types, defaults and tables, in the words of TOML."""

import datetime
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from drivers.wiring import OneOf

_PLAIN: Mapping[object, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    datetime.date: "date",
    Any: "table",
}


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns = list(head)
    lines = [columns, ["---"] * len(columns), *(list(row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def type_in_words(hint: Any, *, hexadecimal: bool = False) -> str:
    if hint in _PLAIN:
        return _PLAIN[hint]
    origin, given = get_origin(hint), get_args(hint)
    if origin is Annotated:
        metas = [mark for mark in given[1:] if isinstance(mark, msgspec.Meta)]
        if metas and any(isinstance(mark, OneOf) for mark in given):
            return str(metas[0].description)
        bounds = _bounds(metas[0], hexadecimal=hexadecimal) if metas else ""
        return type_in_words(given[0]) + bounds
    if origin is Literal:
        return "one of " + ", ".join(f"`{one}`" for one in given)
    if origin in (Union, types.UnionType):
        known = [one for one in given if one is not type(None)]
        return " or ".join(type_in_words(one) for one in known)
    if origin is tuple and given[-1] is not Ellipsis:
        return f"{len(given)} of {type_in_words(given[0])}"
    if origin in (tuple, list, Sequence):
        words, comma, bounds = type_in_words(given[0], hexadecimal=hexadecimal).partition(",")
        return f"list of {_plural(words)}{comma}{bounds}"
    if origin is dict:
        return "table"
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return "table `{ " + ", ".join(hint.__struct_fields__) + " }`"
    if isinstance(hint, type):
        return "one of " + ", ".join(f'`"{one.value}"`' for one in hint)  # type: ignore[attr-defined]
    raise TypeError(f"no words for {hint!r}")


def _plural(words: str) -> str:
    if words.startswith("list of"):
        return words.replace("list", "lists", 1)
    return {
        "table": "tables",
        "text": "texts",
        "number": "numbers",
        "whole number": "whole numbers",
    }.get(words) or words.replace("table `", "tables `", 1)


def _bounds(meta: msgspec.Meta, *, hexadecimal: bool) -> str:
    def written(number: float) -> str:
        if isinstance(number, int):
            return f"{number:#04x}" if hexadecimal else str(number)
        return f"{number:g}"

    if meta.ge is not None and meta.le is not None:
        return f", {written(meta.ge)} to {written(meta.le)}"
    if meta.ge is not None:
        return f", at least {written(meta.ge)}"
    return f", above {written(meta.gt)}" if meta.gt is not None else ""


def default_in_words(field: msgspec.structs.FieldInfo, *, hexadecimal: bool = False) -> str:
    if field.required:
        return "required"
    if field.default is msgspec.NODEFAULT:
        return ""
    return value_in_words(field.default, hexadecimal=hexadecimal)


def value_in_words(value: object, *, hexadecimal: bool = False) -> str:
    """Return the value as TOML has it; an empty or absent one stays empty."""
    match value:
        case None | "" | ():
            return ""
        case bool():
            return f"`{str(value).lower()}`"
        case int() if hexadecimal:
            return f"`{value:#04x}`"
        case int():
            return f"`{value}`"
        case float():
            return f"`{value:g}`"
        case str():
            return f'`"{value}"`'
        case tuple():
            return f"`{_listed(value)}`"
        case _:
            return ""


def _listed(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_listed(one) for one in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)

"""Read TOML files that keep the line of every value, so that a mistake can name it.

`tomllib` reads and checks a file. The scan beside it meets valid TOML only, and looks for lines.
"""

import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from records.toml.tables import MistakesInFile, mistakes

Key = tuple[str | int, ...]
"""The way to a value: names of keys, and numbers of items from 0."""

Table = TypeVar("Table")

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_PART = re.compile(r"""[ \t]*("(?:\\.|[^"\\])*"|'[^']*'|[A-Za-z0-9_-]+)[ \t]*(\.?)""")
_TEXT = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})|\'\'\'.*?\'\'\'(?:\'{0,2})|"(?:\\.|[^"\\])*"|\'[^\']*\'',
    re.DOTALL,
)
_PLAIN = re.compile(r"[^,\]}\n#]*")
_PLACE = re.compile(r"""\.?(?:("(?:\\.|[^"\\])*")|([A-Za-z0-9_-]+)|\[(\d+)\])""")


class Document(NamedTuple):
    """The content of a TOML file. `name` is the file's name in messages."""

    name: str
    data: dict[str, Any]
    lines: dict[Key, int]

    def line(self, *key: str | int) -> int:
        """Return the line of `key`, or of the nearest table around it; lines count from 1."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 1)

    def says(self, sentence: str, *key: str | int) -> str:
        """Return `sentence` with this file and the line of `key` before it."""
        return f"{self.name}:{self.line(*key)}: {sentence}"

    def convert(self, kind: type[Table]) -> Table:
        """Return the file as a struct. Raises `MistakesInFile` with all mistakes, each by line."""
        if found := mistakes(self.data, kind):
            raise MistakesInFile(*(self.says(one, *_key_of(one)) for one in found))
        return msgspec.convert(self.data, kind)


def read(path: Path, name: str = "") -> Document:
    """Read a file. Raises `MistakesInFile` when it cannot be read or is not TOML."""
    name = name or str(path)
    try:
        text = path.read_bytes().decode()
        return Document(name, tomllib.loads(text), scan(text))
    except OSError as error:
        raise MistakesInFile(f"{name}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MistakesInFile(f"{name}: not TOML: {error}") from error


def scan(text: str) -> dict[Key, int]:
    """Return the line of each table, key and item of `text`, which is valid TOML."""
    return _Scan(text).lines


def _key_of(mistake: str) -> Key:
    """Return the key that a sentence of `records.toml.tables` begins with, such as `test[3].id`."""
    key: list[str | int] = []
    at = 0
    while found := _PLACE.match(mistake, at):
        at = found.end()
        quoted, bare, number = found.groups()
        key.append(int(number) if number else msgspec.json.decode(quoted) if quoted else bare)
    return tuple(key) if mistake.startswith(": ", at) else ()


class _Scan:
    """A walk through a text, with the number of the line that it has come to."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = self._counted = 0
        self._line = 1
        self._arrays: dict[Key, int] = {}
        self.lines: dict[Key, int] = {}
        table: Key = ()
        while self._skip(_BLANK) < len(text):
            if text[self._at] != "[":
                self._pair(table)
                continue
            brackets = 2 if text.startswith("[[", self._at) else 1
            self._at += brackets
            table = self._within(self._key())
            if brackets == 2:
                self._arrays[table] = self._arrays.get(table, -1) + 1
                table = (*table, self._arrays[table])
            self._note(table)
            self._at = text.index("]", self._at) + brackets

    def _skip(self, what: re.Pattern[str]) -> int:
        found = what.match(self._text, self._at)
        assert found is not None
        self._at = found.end()
        return self._at

    def _note(self, key: Key) -> None:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        self.lines[key] = self._line

    def _key(self) -> Key:
        parts: list[str] = []
        while True:
            found = _PART.match(self._text, self._at)
            assert found is not None
            self._at = found.end()
            part = found[1]
            parts.append(tomllib.loads(f"_ = {part}")["_"] if part[0] in "\"'" else part)
            if not found[2]:
                return tuple(parts)

    def _within(self, key: Key) -> Key:
        """Return the full key of a table: one within an array belongs to its latest item."""
        full: Key = ()
        for position, part in enumerate(key):
            full = (*full, part)
            if position < len(key) - 1 and full in self._arrays:
                full = (*full, self._arrays[full])
        return full

    def _pair(self, table: Key) -> None:
        key = (*table, *self._key())
        self._note(key)
        self._at = self._text.index("=", self._at) + 1
        self._value(key)

    def _value(self, key: Key) -> None:
        self._skip(_BLANK)
        opening = self._text[self._at]
        if opening not in "[{":
            self._skip(_TEXT if opening in "\"'" else _PLAIN)
            return
        self._at += 1
        closing, index = "]" if opening == "[" else "}", 0
        while self._text[self._skip(_BLANK)] != closing:
            if opening == "{":
                self._pair(key)
            else:
                self._note((*key, index))
                self._value((*key, index))
                index += 1
            if self._text[self._skip(_BLANK)] == ",":
                self._at += 1
        self._at += 1

"""MCCS capability strings: VESA Monitor Control Command Set 2.2a; VESA DDC/CI 1.1, 4.6.

    (prot(monitor)type(LCD)model(U2415)cmds(01 02 03)vcp(02 10 12 14(05 08 0B))mccs_ver(2.1))

People write them by hand in monitors' firmware: brackets are missing, blanks are not, groups come
twice or one inside the other. The meaning is nearly always clear; the mistakes are in `errors`.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple, Protocol

from drivers.formats.text import MOST_QUOTED, clean, few, quote


class Capabilities(NamedTuple):
    """The facts that a monitor states of its controls. A missing one is None or empty."""

    prot: str | None
    type: str | None
    model: str | None
    cmds: tuple[int, ...]
    """DDC/CI operations it understands."""
    vcp: Mapping[int, tuple[int, ...]]
    """Its controls, each with the values it takes; none are listed for a continuous control."""
    mccs_ver: str | None
    other: Mapping[str, str]
    """Any other group, by name. A binary one (`edid bin`) is as sent, one character per byte."""
    errors: tuple[str, ...]


def parse(text: str) -> Capabilities:
    """Decode all that can be decoded; the mistakes are in `errors`. Never raises.

    For binary groups (`edid bin(128(…))`) the text must have one character per byte (Latin-1).
    """
    return _Reading(text).capabilities()


# A word is a group's name or a number; "edid bin" and "vdif bin" are the names of two words.
_WORD = re.compile(r"[\s,\0]*([^\s,\0()]*(?:\s+bin(?=\s*\())?)[\s,\0]*", re.IGNORECASE)
_BRACKET = re.compile(r"\bbin\s*\(\s*(\d{1,5})\s*\(|[()]", re.IGNORECASE)
_HEX = re.compile(r"[0-9a-f]+", re.IGNORECASE)
_TEXTS = ("prot", "type", "model", "mccs_ver")
_DEEPEST = 8

# A group that begins within the text of another: the bracket that closes the other is missing.
_GROUP_WITHIN = re.compile(
    r"(?:cmds|vcp|vcpname|mccs_ver|mswhql|asset_eep|mpu|prot|type|model|(?:edid|vdif)\s+bin)\s*\(",
    re.IGNORECASE,
)


class _Reading:
    def __init__(self, text: str) -> None:
        self.texts: dict[str, str] = {}
        self.cmds: list[int] = []
        self.vcp: dict[int, tuple[int, ...]] = {}
        self.other: dict[str, str] = {}
        self.errors: list[str] = []
        self._read_groups(text, depth=0)
        if not (self.texts or self.cmds or self.vcp or self.other):
            self.errors.append("no groups")

    def capabilities(self) -> Capabilities:
        return Capabilities(
            prot=self.texts.get("prot"),
            type=self.texts.get("type"),
            model=self.texts.get("model"),
            cmds=tuple(self.cmds),
            vcp=self.vcp,
            mccs_ver=self.texts.get("mccs_ver"),
            other=self.other,
            errors=few(self.errors),
        )

    def _read_groups(self, text: str, depth: int) -> None:
        for word, body in self._items(text):
            if body is None:
                self.errors.append(f"{quote(word)} is no group")
            elif not word:  # the brackets around everything
                self._deeper(self._read_groups, body, depth)
            else:
                self._read_group(word, body, depth)

    def _read_group(self, word: str, body: str, depth: int) -> None:
        name = word.lower()
        # "MStarcmds(…)": the model's own brackets are missing.
        for known in ("cmds", "vcp"):
            if name.endswith(known) and name != known:
                self.errors.append(f"{quote(word)} read as {known!r}")
                name = known
        if name == "vcp":
            self._deeper(self._read_vcp, body, depth)
        elif name == "cmds":
            for item, values in self._items(body):
                self.cmds += self._numbers(item, "cmds", bytes_only=True)
                if values is not None:
                    self.errors.append(
                        f"cmds: {quote(item)} has values ({clean(values, MOST_QUOTED)})"
                    )
        elif name in _TEXTS and (within := _GROUP_WITHIN.search(body)):
            self.errors.append(f"{name}: a ) is missing")
            self._deeper(self._read_groups, f"{name}({body[: within.start()]})", depth)
            self._deeper(self._read_groups, body[within.start() :], depth)
        elif name in _TEXTS and name not in self.texts:
            self.texts[name] = clean(body)
        elif name in _TEXTS or clean(word) in self.other:
            self.errors.append(f"{quote(word)} comes again: {quote(body.strip())}")
        else:
            self.other[clean(word)] = body.strip() if clean(name).endswith(" bin") else clean(body)

    def _read_vcp(self, text: str, depth: int) -> None:
        for word, body in self._items(text):
            if body is not None and not _HEX.fullmatch(word):
                # A group inside vcp: its closing bracket is missing, or "vcp(vcp(…))".
                self.errors.append(f"{quote(word)} inside vcp")
                self._deeper(self._read_groups, f"{word}({body})", depth)
                continue
            codes = self._numbers(word, "vcp", bytes_only=True)
            for code in codes:
                self.vcp.setdefault(code, ())
            if body is not None and codes:
                values = self._values(codes[-1], body)
                had = self.vcp[codes[-1]]
                more = values if not had else [value for value in values if value not in had]
                self.vcp[codes[-1]] = (*had, *more)

    def _values(self, code: int, text: str) -> list[int]:
        """Return the values of a control; of words with four digits, either 16 bits or two bytes.

        Values are listed in ascending order: `0102` are two bytes, `FE00 FE01` are two values.
        """
        words = []
        for word, body in self._items(text):
            words.append(word)
            if body is not None:
                self.errors.append(f"values of {code:02X}: ({clean(body, MOST_QUOTED)}) left out")
        digits = [word for word in words if _HEX.fullmatch(word) and len(word) % 2 == 0]
        packed = bytes.fromhex("".join(digits))
        bytes_only = all(low < high for low, high in pairwise(packed))
        values = []
        for word in words:
            values += self._numbers(word, f"values of {code:02X}", bytes_only=bytes_only)
        return values

    def _numbers(self, word: str, where: str, *, bytes_only: bool) -> list[int]:
        """Return hexadecimal numbers: of one digit, two without blanks between, or of 16 bits."""
        if not _HEX.fullmatch(word):
            self.errors.append(f"{where}: {quote(word)} is no number")
            return []
        if len(word) <= 2 or (len(word) == 4 and not bytes_only):
            return [int(word, 16)]
        if len(word) % 2:
            self.errors.append(f"{where}: {quote(word)} has an odd number of digits")
            return []
        return list(bytes.fromhex(word))

    def _items(self, text: str) -> Iterator[tuple[str, str | None]]:
        """Yield words, each with the text in brackets after it, or None."""
        at = 0
        while at < len(text):
            match = _WORD.match(text, at)
            word, start, at = (match[1], match.start(1), match.end()) if match else ("", at, at)
            body = None
            if text[at : at + 1] == "(":
                end = self._closing(text, start)
                body, at = text[at + 1 : end], end + 1
            if word or body is not None:
                yield word, body
            elif text[at : at + 1] == ")":
                self.errors.append("a ) too many")
                at += 1

    def _closing(self, text: str, at: int) -> int:
        """Return the place where the first bracket after `at` is closed."""
        depth = 0
        while bracket := _BRACKET.search(text, at):
            at = bracket.end()
            if bracket[1]:  # "bin(128(": a count of bytes, any of which may look like a bracket
                at += int(bracket[1])
                depth += 2
            else:
                depth += 1 if bracket[0] == "(" else -1
            if not depth:
                return bracket.start()
        self.errors.append("a ) is missing")
        return len(text)

    def _deeper(self, read: "_Read", text: str, depth: int) -> None:
        if depth < _DEEPEST:
            read(text, depth + 1)
        else:
            self.errors.append("brackets nested too deep")


class _Read(Protocol):
    def __call__(self, text: str, depth: int) -> None: ...

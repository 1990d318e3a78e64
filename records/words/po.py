"""Read catalogues: gettext PO files, in which `msgid` is an id and `msgstr` its sentence.

The format is that of GNU gettext, "The Format of PO Files". Files are read as they are: a checkout,
a wheel and a package need no compiled ones.
"""

import re
from collections.abc import Callable, Iterator
from gettext import c2py
from pathlib import Path
from typing import NamedTuple

_ESCAPES = {'\\"': '"', "\\\\": "\\", "\\n": "\n", "\\t": "\t"}
_ESCAPE = re.compile(r"\\.")
_LINE = re.compile(
    r"""^(?:(msg\w+(?:\[\d\])?)[ ])?"(.*)"[ \t]*$ | ^(\#.*|[ \t]*)$ | ^(.+)$""",
    re.MULTILINE | re.VERBOSE,
)
_FORMS = re.compile(r"nplurals=(\d+);\s*plural=([^;]+);")
_HEADER = re.compile(r"^([\w-]+):[ \t]*(.*)$", re.MULTILINE)


class PoError(ValueError):
    """Tells the mistake of a PO file, with file and line."""


class Catalogue(NamedTuple):
    """The contents of a PO file: the forms of each id, and which of them a number takes."""

    headers: dict[str, str]
    sentences: dict[str, tuple[str, ...]]
    form_of: Callable[[int], int]


def read(path: Path) -> Catalogue:
    """Return what a PO file says. Raises `PoError`, and `OSError` where there is no file.

    A sentence that is empty is not translated yet, and left out.
    """
    try:
        content = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise PoError(f"{path}: not UTF-8: {error}") from error
    headers: dict[str, str] = {}
    sentences: dict[str, tuple[str, ...]] = {}
    form_of: Callable[[int], int] = _one_form
    count = 1
    for texts in _entries(path, content):
        name = texts["msgid"]
        if not name:
            headers = dict(_HEADER.findall(texts.get("msgstr", "")))
            form_of, count = _plural(path, headers)
            continue
        if name in sentences:
            raise PoError(f"{path}: {name} is there twice")
        if "msgid_plural" in texts:
            forms = tuple(texts.get(f"msgstr[{form}]", "") for form in range(count))
        else:
            forms = (texts.get("msgstr", ""),)
        if all(forms):
            sentences[name] = forms
    return Catalogue(headers, sentences, form_of)


def _one_form(number: int) -> int:
    return 0


def _plural(path: Path, headers: dict[str, str]) -> tuple[Callable[[int], int], int]:
    stated = headers.get("Plural-Forms", "")
    found = _FORMS.match(stated)
    if not found:
        raise PoError(f"{path}: Plural-Forms {stated!r} is not as gettext writes it")
    try:
        return c2py(found[2]), int(found[1])
    except ValueError as error:
        raise PoError(f"{path}: Plural-Forms: {error}") from error


def _entries(path: Path, content: str) -> Iterator[dict[str, str]]:
    """Yield the texts of each entry by their keywords."""
    texts: dict[str, str] = {}
    keyword = ""
    for number, (new, text, other, wrong) in enumerate(_LINE.findall(content), start=1):
        if new:
            keyword = new
            if keyword == "msgid" and texts:
                yield texts
                texts = {}
            elif keyword != "msgid" and "msgid" not in texts:
                raise PoError(f"{path}:{number}: {keyword} before msgid")
            texts[keyword] = _plain(text)
        elif wrong or (text and not keyword):
            raise PoError(
                f"{path}:{number}: no comment, keyword or text in quotes: {wrong or text}"
            )
        elif other[:2] == "#," and "fuzzy" in other:
            raise PoError(f"{path}:{number}: a fuzzy entry: nobody has looked at it yet")
        elif text:
            texts[keyword] += _plain(text)
    if texts:
        yield texts


def _plain(text: str) -> str:
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda found: _ESCAPES.get(found[0], found[0]), text)

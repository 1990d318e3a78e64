"""Make an artificial language: it finds texts in no catalogue, and texts that do not fit.

Each letter has an accent, each sentence is a third longer and stands in brackets; what fills its
places is left alone. What is seen without accents is a leftover; a bracket that is lost was cut.
"""

import re

from records.words import SHIPPED, Language, language, po

OPEN, CLOSE = "⟦", "⟧"
_ACCENTS = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "àƀçđéƒĝĥîĵķļɱñöþǫŕšţûṽŵẋýžÀƁÇĐÉƑĜĤÎĴĶĻṀÑÖÞǪŔŠŢÛṼŴẊÝŽ",
)
_PLACE = re.compile(r"(\{[^{}]*\}|`[^`]*`|Ctrl\+\w|F\d+|Esc|Tab|Enter)")
LONGER = 0.35
NAMES = ("title.", "measured.", "plan.", "kind.", "key.", "role.")
AS_THEY_ARE = ("language.", "unit.", "value.", "limit.")


def disguised(sentence: str, *, name: bool = False) -> str:
    """Return a sentence with accents, longer by a third and in brackets; its places are kept.

    A name may be cut in a column, and has no brackets.
    """
    parts = _PLACE.split(sentence)
    plain = "".join(one if at % 2 else one.translate(_ACCENTS) for at, one in enumerate(parts))
    dots = "·" * max(round(sum(map(len, parts[::2])) * LONGER) - 2, 0)
    return f"{plain}{dots}" if name else f"{OPEN}{plain}{dots}{CLOSE}"


def pseudo(*, right_to_left: bool = False) -> Language:
    """Return the language, with a decimal comma."""
    english = po.read(SHIPPED / "en.po")
    sentences = {
        name: forms
        if name.startswith(AS_THEY_ARE) or name.endswith(".key")
        else tuple(disguised(form, name=name.startswith(NAMES)) for form in forms)
        for name, forms in english.sentences.items()
    }
    sentences["language.decimal"] = (",",)
    sentences["language.direction"] = ("rtl" if right_to_left else "ltr",)
    return Language("xx", sentences, english.form_of, language())

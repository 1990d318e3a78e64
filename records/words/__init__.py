"""The texts for people, by id: a catalogue for each language, English among them.

phrase.py     a sentence as its id and values, as records hold it
po.py         reads a catalogue
language.py   says a phrase in a language
values.py     says measured values and limits in a language
en.po, …      the catalogues; a folder of one's own may add to them, or hold another language
released.txt  ids that records in the world hold: none of them ever vanishes
"""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from records.words.language import Language
from records.words.phrase import Phrase, Value
from records.words.po import PoError, read

__all__ = ["ENGLISH", "Language", "Phrase", "PoError", "Value", "language", "languages", "text"]

ENGLISH = "en"
SHIPPED = Path(__file__).parent


def languages(folders: Iterable[Path] = ()) -> list[str]:
    """Return the codes of the languages for which there is a catalogue, here or in `folders`."""
    return sorted({path.stem for folder in (SHIPPED, *folders) for path in folder.glob("*.po")})


@cache
def language(code: str = ENGLISH, folders: tuple[Path, ...] = ()) -> Language:
    """Return a language. What `folders` say of it comes before what is shipped.

    Raises `LookupError` for a language without a catalogue, and `PoError` for a broken one.
    """
    known = languages(folders)
    if code not in known:
        raise LookupError(f"no language {code!r}; there are {', '.join(known)}")
    chosen = None if code == ENGLISH else language(ENGLISH, folders)
    for folder in (SHIPPED, *reversed(folders)):
        path = folder / f"{code}.po"
        if path.is_file():
            found = read(path)
            chosen = Language(code, found.sentences, found.form_of, chosen)
    assert chosen is not None
    return chosen


def text(what: Phrase | str, code: str = ENGLISH, /, **values: Value) -> str:
    """Return a phrase, or an id with values, in a shipped language. Never raises.

    A language that has no catalogue is English.
    """
    try:
        chosen = language(code)
    except LookupError:
        chosen = language()
    return chosen.text(what, **values)

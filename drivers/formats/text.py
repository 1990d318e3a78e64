"""The words of devices and instruments, made fit for records, screens and databases.

The name that a device under test gives itself is not trusted: it may steer a terminal, turn the
reading direction, hold half a character, or fill a register with zeros. Each driver and parser
passes such words through `clean` where they enter, so that no code behind it has to think of them
again.

Sources: Unicode 15, 4.5 (general category) and 3.8 (surrogates); UAX #9 for what turns the reading
direction.
"""

import re
import unicodedata
from collections.abc import Sequence

MOST_CHARACTERS = 1000
"""A proposal of this project. A USB string has 126 at most, an answer to *IDN? 72 (IEEE 488.2,
10.14.3); an IEEE 1284 id could fill 64 KiB."""

MOST_QUOTED = 80
MOST_ERRORS = 20

_SEPARATORS = re.compile(" *\n[ \n]*")


def clean(said: str | bytes, most: int = MOST_CHARACTERS) -> str:
    """Return what was said as one line of at most `most` characters that can be seen.

    * Bytes are read as UTF-8; each that is none gives U+FFFD.
    * Two surrogates that make a character become it; one alone gives U+FFFD. U+FFFD itself stays:
      it says that something was lost.
    * Control characters (U+0000 among them), line ends, tabs, wide and narrow blanks become one
      blank, with all blanks beside them. Plain blanks alone stay; none is left at the ends.
    * What has no width of its own and no meaning without its neighbours is taken out: marks of
      reading direction, joiners, zero-width blanks, byte order marks. So is what no standard gives
      a shape: private use, unassigned, and the U+FFFF of an erased memory.
    * Longer text is cut, and ends in `…` then.

    The result is printable (`str.isprintable`), can be written as UTF-8, and cleaning it again
    changes nothing.
    """
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    if not text.isprintable():
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        text = _SEPARATORS.sub(" ", "".join(map(_seen, text)))
    text = text.strip()
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def quote(said: str | bytes, most: int = MOST_QUOTED) -> str:
    """Return what was said in quotes, for a sentence about it: escaped where it cannot be seen.

    Of what is longer than `most` characters or bytes, the beginning and `…`.
    """
    return repr(said) if len(said) <= most else f"{said[:most]!r}…"


def few(errors: Sequence[str], most: int = MOST_ERRORS) -> tuple[str, ...]:
    """Return the first errors, and a sentence about how many more there are."""
    if len(errors) <= most:
        return tuple(errors)
    return (*errors[:most], f"and {len(errors) - most} more")


def _seen(character: str) -> str:
    if character.isprintable():
        return character
    separates = character.isspace() or unicodedata.category(character) == "Cc"
    return "\n" if separates else ""

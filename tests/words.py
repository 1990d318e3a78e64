"""Look at the English of operator texts: Simplified Technical English (ASD-STE100), in part.

A sentence has at most twenty words and one instruction, and one thing has one name.
"""

import re
import sys
from collections.abc import Iterator, Mapping

from records.words import SHIPPED, po

MOST_WORDS = 20
OPERATORS = (
    "adapter",
    "answer",
    "bench",
    "display",
    "fail",
    "identify",
    "keyboard",
    "next",
    "power",
    "refused",
    "run",
    "screen",
    "usb",
)
"""The families of ids whose sentences an operator reads."""

INSTRUCTIONS = (
    "answer",
    "bring",
    "check",
    "choose",
    "correct",
    "do",
    "give",
    "go",
    "keep",
    "look",
    "note",
    "press",
    "put",
    "read",
    "repair",
    "scan",
    "stop",
    "switch",
    "take",
    "test",
    "touch",
    "try",
    "type",
    "wait",
)

PREFERRED = {
    "charger": "adapter",
    "power brick": "adapter",
    "monitor": "display",
    "sensors": "light sensors",
    "actuator": "key actuator",
    "multimeter": "meter",
    "mend": "repair",
    "fix": "repair",
    "hit": "press",
    "push": "press",
    "click": "press",
    "lit": "on",
    "led": "lamp",
    "leds": "lamps",
    "lead wire": "lead",
    "wire": "lead",
    "cord": "mains cord",
    "socket": "port",
    "unit": "device",
    "label number": "asset tag",
    "bay": "slot",
    "seat": "slot",
}
"""Words that are not used, and what the thing is called instead."""

_SENTENCE = re.compile(r"(?<=[.?!])\s+")
_WORD = re.compile(r"\{[^}]*\}|[^\s·|]+")


def complaints(sentences: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Yield each sentence that an operator may misread, and why."""
    for name, forms in sentences.items():
        if name.partition(".")[0] not in OPERATORS:
            continue
        for sentence in (one for form in forms for one in _SENTENCE.split(form)):
            count = len(_WORD.findall(sentence))
            if count > MOST_WORDS:
                yield f"{name}: {count} words: {sentence}"
            if len(_instructions(sentence)) > 1:
                both = " and ".join(_instructions(sentence))
                yield f"{name}: two instructions, {both}: {sentence}"
            for word in _not_preferred(sentence):
                yield f"{name}: {PREFERRED[word]!r}, not {word!r}: {sentence}"


def _instructions(sentence: str) -> list[str]:
    """Return the verbs of the instructions in a sentence."""
    verbs = "|".join(INSTRUCTIONS)
    first = re.match(rf"(?:Now |Then |First )?({verbs})\b", sentence, re.IGNORECASE)
    more = re.findall(rf"(?:, then|,? and) ({verbs})\b(?! by)", sentence, re.IGNORECASE)
    return [*([first[1]] if first else []), *more] if first else []


def _not_preferred(sentence: str) -> Iterator[str]:
    said = re.sub(r"\{[^}]*\}|`[^`]*`", "", sentence).lower()
    for word, wanted in PREFERRED.items():
        left = said.replace(wanted, "") if word in wanted else said
        if re.search(rf"\b{re.escape(word)}\b", left):
            yield word


def main() -> int:
    """Print what is wrong. Exit code 1 when anything is."""
    found = list(complaints(po.read(SHIPPED / "en.po").sentences))
    for one in found:
        print(one, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

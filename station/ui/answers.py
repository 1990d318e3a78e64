"""The answers to a question, as a language writes them and has keys for them."""

from collections.abc import Sequence
from typing import NamedTuple

from records.words import Language
from station.engine.events import Choice, Question


class OpenQuestion(NamedTuple):
    """A question on the screen; `number` tells it from every other one of this slot."""

    slot: str
    number: int
    question: Question
    since_s: float

    def key_for(self, character: str, words: Language) -> str | None:
        """Return the key of the choice that `character` makes, also when Caps Lock is on."""
        choices = self.question.choices
        keys = {pressed_for(choice, choices, words): choice.key for choice in choices}
        if character in keys:
            return keys[character]
        alike = [key for pressed, key in keys.items() if pressed.casefold() == character.casefold()]
        return alike[0] if len(alike) == 1 else None


def choice_texts(choices: Sequence[Choice], words: Language) -> list[str]:
    """Return each choice as `[y] Yes`, or only as `[3]` where the key says it all."""
    return [
        f"[{_key_name(pressed_for(choice, choices, words), words)}]"
        + (f" {words.text(choice.label)}" if choice.label else "")
        for choice in choices
    ]


def pressed_for(choice: Choice, choices: Sequence[Choice], words: Language) -> str:
    """Return the key that the operator presses for a choice: the language's own, if it is free."""
    own = f"{choice.label}.key"
    if not choice.label or not words.has(own):
        return choice.key
    pressed = words.text(own)
    others = {words.text(f"{other.label}.key") for other in choices if other is not choice}
    return choice.key if pressed in others or len(pressed) != 1 else pressed


def choice_lines(choices: Sequence[Choice], width: int, words: Language) -> list[str]:
    """Return the choices in as few lines as they need; a choice is never torn apart."""
    rows: list[str] = []
    for one in choice_texts(choices, words):
        if rows and len(rows[-1]) + 2 + len(one) <= width:
            rows[-1] += f"  {one}"
        else:
            rows.append(one)
    return rows


def _key_name(key: str, words: Language) -> str:
    return words.text("screen.space") if key == " " else key


def answers_text(choices: Sequence[Choice], words: Language) -> str:
    """Return the keys that answer: "d or c"."""
    return words.any_of(
        [_key_name(pressed_for(choice, choices, words), words) for choice in choices]
    )

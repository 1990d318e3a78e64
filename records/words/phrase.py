"""Hold a sentence as its id with named values, so that it can be shown in any language."""

import msgspec

Value = float | int | bool | str


class Phrase(msgspec.Struct, frozen=True, omit_defaults=True):
    """Name one sentence of the catalogues, with what fills its places.

    `text` is verbatim and never translated: a dialogue with an instrument, which its sentence shows
    where it says `{text}`, or the words of a plan or of a record of version 1, which have no `id`.
    """

    id: str = ""
    values: dict[str, Value] = {}
    text: str = ""

    def __hash__(self) -> int:
        return hash((self.id, self.text, *self.values.items()))

    @property
    def words(self) -> str:
        """Return the sentence in English, for logs, searches and pages without a language."""
        from records.words import text  # the catalogues are made of phrases

        return text(self)

    def __str__(self) -> str:
        """Return the phrase for programs: its id, its values and its verbatim text."""
        values = ", ".join(f"{name} {value}" for name, value in self.values.items())
        named = f"{self.id} ({values})" if values else self.id
        return ": ".join(part for part in (named, self.text) if part)

"""Hold what people read as an id with named values, so that it can be shown in any language."""

import msgspec

Value = float | int | bool | str


class Phrase(msgspec.Struct, frozen=True, omit_defaults=True):
    """Name one sentence of the catalogues, with what fills its places.

    `text` is verbatim and never translated: a dialogue with an instrument, a plan's own words, or
    the English of a record of version 1, which has no `id`.
    """

    id: str = ""
    values: dict[str, Value] = {}
    text: str = ""

    def __hash__(self) -> int:
        return hash((self.id, self.text, *self.values.items()))

    @property
    def words(self) -> str:
        """Return what a page shows that has no catalogue: the verbatim text, or id and values."""
        return self.text or str(self)

    def __str__(self) -> str:
        """Return the phrase for logs: its id, its values and its verbatim text."""
        values = ", ".join(f"{name} {value}" for name, value in self.values.items())
        named = f"{self.id} ({values})" if values else self.id
        return ": ".join(part for part in (named, self.text) if part)

"""Writes times and foreign texts so that every database, terminal and log can take them."""

from datetime import UTC, datetime, timedelta


def utc_text(when: datetime) -> str:
    """Return ISO 8601 in UTC with microseconds and `Z`: it sorts as text, in every database.

    The contract's times are UTC; a time without a zone is taken for UTC.
    """
    if when.tzinfo is not UTC:
        when = when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
    text = when.isoformat()
    return f"{text[:26]}Z" if len(text) == 32 else f"{text[:19]}.000000Z"


def now_text() -> str:
    """Return the present time, as `utc_text` writes it."""
    return utc_text(datetime.now(UTC))


def later_text(seconds: float) -> str:
    """Return the time that is so much later than the present one."""
    return utc_text(datetime.now(UTC) + timedelta(seconds=seconds))


def printable(text: str) -> str:
    """Return a text in which U+FFFD stands for what would move a cursor or start a line."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def is_plain(text: str) -> bool:
    """Return whether a text is ASCII without U+0000: every database keeps it as it is."""
    return text.isascii() and "\0" not in text


def bounded(text: str, most: int) -> str:
    """Return a text that every database keeps: at most `most` characters, no U+0000, no half ones.

    A cut text ends with "…"; the whole of it is in the record that it comes from.
    """
    if len(text) > most:
        text = f"{text[: most - 1]}…"
    if is_plain(text):
        return text
    return text.encode(errors="surrogatepass").decode(errors="replace").replace("\0", "\ufffd")

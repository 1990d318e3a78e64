"""Asset tags: the text on a device's sticker, by which its records are found again.

A tag has 1 to 80 characters, each of which can be seen (`str.isprintable`): letters, digits, signs
and blanks of any script. It has no control characters, no line ends, no marks without a width, and
no blanks at its ends, as those come from the scanner. Two tags are the same when all characters
are; upper and lower case differ.
"""

MOST_CHARACTERS = 80


def strip(text: str) -> str:
    """Return what was scanned, typed or asked for, without the blanks around it."""
    return text.strip()


def is_tag(text: str) -> bool:
    """Tell whether `text` can be an asset tag as it stands."""
    return 0 < len(text) <= MOST_CHARACTERS and text.isprintable() and text == strip(text)


def read(text: str) -> str:
    """Return the asset tag in what was scanned or typed. Raises `ValueError`, a sentence."""
    tag = strip(text)
    if not is_tag(tag):
        raise ValueError(
            f"{text[:MOST_CHARACTERS]!r} is no asset tag:"
            f" 1 to {MOST_CHARACTERS} printable characters"
        )
    return tag


def from_serial_number(serial_number: str) -> str:
    """Return a device's serial number where that can be its asset tag, else an empty text.

    One character at least must be a letter, or a digit other than 0: with zeros, dashes and dots
    alone the maker left the number blank.
    """
    tag = strip(serial_number)
    blank = all(letter == "0" or not letter.isalnum() for letter in tag)
    return "" if blank or not is_tag(tag) else tag

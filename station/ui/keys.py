"""Tells a scanner from a finger: a scan must never answer a question by its characters.

A barcode scanner is a keyboard that types fast and ends with Enter. So a printable key answers a
question only when it stands alone: the input line is empty, nothing was pressed shortly before,
and nothing follows for `quiet_s`. Everything else is text, which Enter ends. Times are monotonic
seconds, and those of the keys are when they were pressed, not when they were read.
"""

from typing import NamedTuple

MAX_LENGTH = 256


class Lone(NamedTuple):
    """A key that stood alone, and the question that was open when it was pressed."""

    character: str
    question: object


class _Pressed(NamedTuple):
    character: str
    at_s: float


class KeyReader:
    """`quiet_s` of silence make a lone key; scanners send at least every 20 to 50 ms.

    `stale_s` is how long a forgotten half-line may stand before a scan replaces it, and
    `again_s` how soon after another key an Enter on the empty line means nothing: scanners may end
    with CR and LF, and people press Enter after an answer by habit.
    """

    def __init__(
        self,
        *,
        quiet_s: float = 0.08,
        burst_s: float = 0.03,
        stale_s: float = 1.0,
        again_s: float = 0.4,
    ) -> None:
        self._quiet_s = quiet_s
        self._burst_s = burst_s
        self._stale_s = stale_s
        self._again_s = again_s
        self._line: list[_Pressed] = []
        self._pending: Lone | None = None
        self._last_s = float("-inf")  # any key
        self._silent_since_s = 0.0
        self._polled_s = 0.0

    @property
    def text(self) -> str:
        """Return the input line."""
        return "".join(pressed.character for pressed in self._line)

    @property
    def waiting(self) -> bool:
        """Tell whether a key waits to be known as lone; `lone` must be called every few 10 ms."""
        return self._pending is not None

    def press(self, character: str, at_s: float, question: object = None) -> None:
        """Take in a printable key. `question` is what it would answer, None for nothing."""
        alone = not self._line and self._pending is None and at_s - self._last_s >= self._quiet_s
        if alone and question is not None:
            self._pending = Lone(character, question)
            self._silent_since_s = self._polled_s = at_s
        else:
            self._settle()
            if len(self._line) < MAX_LENGTH:
                self._line.append(_Pressed(character, at_s))
        self._last_s = at_s

    def lone(self, now_s: float) -> Lone | None:
        """Return the key that has stood alone for long enough, once.

        Silence counts only while the station listens: after a stall of the machine, more keys may
        have been pressed than have arrived, and the wait begins anew.
        """
        if self._pending is None:
            return None
        if now_s - self._polled_s > self._quiet_s / 2:
            self._silent_since_s = now_s
        self._polled_s = now_s
        if now_s - self._silent_since_s < self._quiet_s:
            return None
        pending, self._pending = self._pending, None
        return pending

    def enter(self, at_s: float) -> str | None:
        """Return the line that ends here: "" for Enter by itself, None where it means nothing."""
        since_s = at_s - self._last_s
        self._settle()
        line = self._without_leftovers(at_s)
        self._line = []
        self._last_s = at_s
        if line:
            return line
        return None if since_s < self._again_s else ""

    def backspace(self, at_s: float) -> None:
        self._settle()
        del self._line[-1:]
        self._last_s = at_s

    def clear(self) -> bool:
        """Forget the line. Return whether there was anything to forget."""
        had_any = bool(self._line) or self._pending is not None
        self._line, self._pending = [], None
        return had_any

    def paste(self, text: str, at_s: float) -> None:
        """Add pasted text, which never ends a line by itself."""
        first_line = next(iter(text.splitlines()), "")
        for character in filter(str.isprintable, first_line):
            self.press(character, at_s)
        self._last_s = at_s

    def _settle(self) -> None:
        """Add the waiting key to the line: it was no answer, as something else followed."""
        if self._pending is not None:
            self._line.append(_Pressed(self._pending.character, self._last_s))
            self._pending = None

    def _without_leftovers(self, at_s: float) -> str:
        """Return the line without what stood before a scan; nothing else loses characters."""
        start = len(self._line)
        later_s = at_s
        while start and later_s - self._line[start - 1].at_s <= self._burst_s:
            start -= 1
            later_s = self._line[start].at_s
        scanned = len(self._line) - start
        if start and scanned >= 3 and later_s - self._line[start - 1].at_s > self._stale_s:
            return "".join(pressed.character for pressed in self._line[start:])
        return self.text

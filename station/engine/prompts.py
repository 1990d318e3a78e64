"""The operator as an instrument: is asked, and answers with one key, or with a line.

A question without choices is answered by a line that is typed or scanned.
"""

import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable

import records
from records import Phrase, Value
from station.engine.clock import Cancelled, Clock
from station.engine.events import Answered, Asked, Choice, Event, Question
from station.engine.uncertainty import plain_values

YES = Choice("y", "answer.yes")
NO = Choice("n", "answer.no")
DIGITS = (*(Choice(str(n)) for n in range(9)), Choice("9", "answer.nine_or_more"))


LONGEST_LINE = 400
"""Characters of an answer that is typed or scanned: a code holds a whole label."""


class Operator(ABC):
    """The person at the bench, or a stand-in."""

    @abstractmethod
    def ask(self, asks: Phrase, *choices: Choice) -> str:
        """Return the key of the choice that was made; without choices, the line that was typed.

        Waits as long as it takes.
        """

    def confirm(self, about: str, /, **values: Value) -> bool:
        """Ask for yes or no, and return whether it was yes. `about` is the id of the question."""
        return self.ask(Phrase(about, plain_values(values)), YES, NO) == YES.key

    def count(self, about: str, /, **values: Value) -> int:
        """Ask how many there are; nine stands for nine or more."""
        return int(self.ask(Phrase(about, plain_values(values)), *DIGITS))


class Heard(Operator):
    """Writes each question and its answer to `asked`, for the record. The answer is a key."""

    def __init__(self, operator: Operator, clock: Clock, asked: list[records.Asked]) -> None:
        self._operator = operator
        self._clock = clock
        self._asked = asked

    def ask(self, asks: Phrase, *choices: Choice) -> str:
        asked_at, start_s = self._clock.now(), self._clock.monotonic()
        key = self._operator.ask(asks, *choices)
        self._asked.append(
            records.Asked(
                question=asks,
                answer=key,
                asked_at=asked_at,
                answered_after_s=round(self._clock.monotonic() - start_s, 3),
            )
        )
        return key


class Prompter(Operator):
    """Asks through events, and hears through `answer` from any thread."""

    def __init__(self, emit: Callable[[Event], None], clock: Clock) -> None:
        self._emit = emit
        self._clock = clock
        self._lock = threading.Lock()
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._keys: frozenset[str] = frozenset()  # what the open question may be answered with
        self._wants_line = False

    def ask(self, asks: Phrase, *choices: Choice) -> str:
        keys = frozenset(choice.key for choice in choices)
        if len(keys) != len(choices) or any(len(key) != 1 for key in keys):
            raise ValueError(f"{asks}: the answers need one distinct key each")
        with self._lock:
            self._answers = queue.SimpleQueue()
            self._keys, self._wants_line = keys, not choices
        try:
            self._emit(Asked(Question(asks, choices)))
            key = self._wait()
        finally:
            with self._lock:
                self._keys, self._wants_line = frozenset(), False
        self._emit(Answered(key))
        return key

    @property
    def keys(self) -> frozenset[str]:
        """Return the keys of the open question; none while nothing is asked."""
        return self._keys

    def answer(self, key: str) -> bool:
        """Tell whether `key` answers what is being asked now. A question is answered once.

        A question without choices is answered by a line that is not empty, and not too long.
        """
        with self._lock:
            line = self._wants_line and 0 < len(key.strip()) <= LONGEST_LINE
            if key not in self._keys and not line:
                return False
            self._keys, self._wants_line = frozenset(), False
            self._answers.put(key)
            return True

    def _wait(self) -> str:
        while not self._clock.cancelled:
            try:
                return self._answers.get(timeout=0.05)
            except queue.Empty:
                continue
        raise Cancelled

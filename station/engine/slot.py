"""A place where one device is tested at a time: one thread, one way out."""

import logging
import threading
import time
from collections.abc import Callable, Iterator

from records import Phrase
from station.engine.clock import BY_OPERATOR, Cancelled, Clock
from station.engine.events import Event
from station.engine.prompts import Prompter

log = logging.getLogger(__name__)

Begin = Callable[[Clock, Prompter], Iterator[Event]]


class Slot:
    """`emit(slot, event)` is called from the slot's thread; give it something thread-safe."""

    def __init__(
        self,
        name: str,
        emit: Callable[[str, Event], None],
        new_clock: Callable[[], Clock] = Clock,
    ) -> None:
        self.name = name
        self._emit = emit
        self._new_clock = new_clock
        self._clock = new_clock()
        self._prompter: Prompter | None = None
        self._thread: threading.Thread | None = None
        self._stopped_s: float | None = None

    @property
    def busy(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self, begin: Begin) -> None:
        """Call `begin` in the slot's thread. Raises `RuntimeError` when the slot is busy."""
        if self.busy:
            raise RuntimeError(f"slot {self.name} is busy")
        self._stopped_s = None
        self._clock = self._new_clock()
        self._prompter = Prompter(lambda event: self._emit(self.name, event), self._clock)
        self._thread = threading.Thread(
            target=self._drive, args=(begin, self._clock, self._prompter), name=self.name
        )
        self._thread.start()

    @property
    def answers(self) -> frozenset[str]:
        """Return the keys that answer what the slot asks now; none while it asks nothing."""
        return self._prompter.keys if self._prompter is not None else frozenset()

    def answer(self, key: str) -> bool:
        """Answer. Return whether the slot was asking, and `key` was one of the answers."""
        return self._prompter is not None and self._prompter.answer(key)

    def cancel(self, reason: Phrase = BY_OPERATOR, *, in_doubt: bool = False) -> None:
        """Stop what runs, if anything does; `reason` is for its record.

        `in_doubt`: what it has measured may be another device's, so that no FAIL of it stands.
        """
        if self._stopped_s is None:
            self._stopped_s = time.monotonic()
        self._clock.cancel(reason, in_doubt=in_doubt)

    def overdue(self, grace_s: float) -> bool:
        """Tell whether a run hangs: it goes on, and was stopped more than `grace_s` ago.

        A run that was not stopped may take as long as it likes.
        """
        stopped_s = self._stopped_s
        return self.busy and stopped_s is not None and time.monotonic() - stopped_s > grace_s

    def join(self, timeout_s: float | None = None) -> None:
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _drive(self, begin: Begin, clock: Clock, prompter: Prompter) -> None:
        try:
            for event in begin(clock, prompter):
                self._emit(self.name, event)
        except Cancelled:
            log.info("slot %s: stopped before the run could begin", self.name)
        except Exception:
            log.exception("slot %s: the run broke off; its journal will tell", self.name)

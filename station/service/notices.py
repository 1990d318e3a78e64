"""Notices of a station: to every listener, and to one that comes later what it has missed."""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping

from station.console import (
    AutopilotNotice,
    BeforeNotice,
    DeliveryNotice,
    Notice,
    SlotNotice,
    TodayNotice,
    UnsafeNotice,
)
from station.engine.events import (
    Identifying,
    NotSaved,
    NotStarted,
    RunFinished,
    RunStarted,
    Shown,
)
from station.rig.seats import Seat

log = logging.getLogger(__name__)

Listener = Callable[[Notice], None]


class Notices:
    """Tells listeners, from any thread. `lock` guards what is remembered, and the seats."""

    def __init__(
        self, seats: Mapping[str, Seat], delivery: DeliveryNotice, monotonic: Callable[[], float]
    ) -> None:
        self.lock = threading.Lock()
        self.delivery = delivery
        self._seats = seats
        self._monotonic = monotonic
        self._autopilot: AutopilotNotice | None = None
        self._today = TodayNotice()
        self._before: dict[str, BeforeNotice] = {}
        self._unsafe: dict[str, UnsafeNotice] = {}
        self._runs: dict[str, list[SlotNotice]] = {slot: [] for slot in seats}
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Tell the listener what is remembered, and everything from now on."""
        with self.lock:
            for notice in self._remembered():
                listener(notice)
            self._listeners.append(listener)

    def tell(self, notice: Notice) -> None:
        """Tell every listener. A listener that raises is logged, and harms no other."""
        with self.lock:
            self._remember(notice)
            listeners = tuple(self._listeners)
        for listener in listeners:
            try:
                listener(notice)
            except Exception:
                log.exception("a listener raised on %s", type(notice).__name__)

    def tell_port(self, seat: Seat) -> None:
        """Tell what is in a slot's port, and again where a run has begun meanwhile.

        The last word must not be an old one.
        """
        told = None
        while told is not seat.notice:
            told = seat.notice
            self.tell(told)

    def _remembered(self) -> Iterable[Notice]:
        yield self.delivery
        if self._autopilot is not None:
            yield self._autopilot
        yield self._today
        yield from self._unsafe.values()
        for slot, run in self._runs.items():
            yield from run
            if slot in self._before:
                yield self._before[slot]
        for seat in self._seats.values():
            if seat.notice.device is not None:
                yield seat.notice

    def _remember(self, notice: Notice) -> None:
        match notice:
            case SlotNotice():
                self._remember_run(notice)
            case UnsafeNotice(slot=slot):
                self._unsafe[slot] = notice
            case DeliveryNotice():
                self.delivery = notice
            case AutopilotNotice():
                self._autopilot = notice
            case TodayNotice():
                self._today = notice
            case BeforeNotice(slot=slot):
                self._before[slot] = notice

    def _remember_run(self, notice: SlotNotice) -> None:
        run = self._runs[notice.slot]
        if isinstance(notice.event, Identifying | NotStarted):
            run.clear()
        elif isinstance(notice.event, RunStarted):
            run.clear()
            self._seats[notice.slot].run_began()
        elif isinstance(notice.event, RunFinished):
            self._seats[notice.slot].run_ended(self._monotonic())
            unsafe = self._unsafe.get(notice.slot)
            if unsafe is not None and not unsafe.outlasts(notice.event.record):
                del self._unsafe[notice.slot]
        for kind in (Shown, NotSaved):  # the last of many says it all
            if run and isinstance(notice.event, kind) and isinstance(run[-1].event, kind):
                run.pop()
        run.append(notice)

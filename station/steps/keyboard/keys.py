"""Keys, one by one: none is stuck, each answers with itself, once, and lets go."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Literal

from drivers.capabilities import KeyActuator, KeyEvent, KeySource
from drivers.formats.key_layouts import LAYOUTS, Layout
from records import Phrase, Proof, Reading
from records.run import Chance
from station.engine.clock import Clock
from station.engine.events import Choice, Shown
from station.engine.prompts import Operator
from station.engine.step import BenchFault, Count, NotNegative, Positive, Yields, step
from station.steps.keyboard.chances import (
    MISSES_ONE_IN_TEN,
    WantedChance,
    chance_of,
    taps_for,
)
from station.steps.keyboard.fingers import (
    HAND_PRESSES,
    MIDDLE,
    MOST_ASKED,
    Tap,
    finger_or_key,
    late_or_finger,
    must_all_arrive,
    timed_tap,
)
from station.steps.keyboard.listening import (
    ask_what_holds,
    count_bounces,
    follow,
    hear,
    names,
    place,
    still_there,
)

LATE_TAPS = 3  # more, of a key that came up late once

LayoutName = Literal["ansi-104", "ansi-87", "iso-105", "iso-88", "jis-109"]


@step(stuck_keys="", stuck="")
def stuck_keys(
    keyboard: KeySource, operator: Operator, clock: Clock, *, watch_s: Positive = 2.0
) -> Yields:
    """Find keys that are down although nothing presses any: not even the actuator, or a cable."""
    down: set[int] = set()
    follow(hear(keyboard, clock, watch_s), down)
    ask_what_holds(down, keyboard, operator, clock)
    yield Reading("stuck_keys", len(down))
    yield Reading("stuck", names(down))


@step(
    missing_keys="",
    wrong_keys="",
    unreleased_keys="",
    chatter="",
    missing="",
    wrong="",
    taps_made="",
    taps_heard="",
    slowest_release="s",
    late="",
    odd_reports="",
)
def every_key(
    keyboard: KeySource,
    actuator: KeyActuator,
    operator: Operator,
    clock: Clock,
    *,
    layout: LayoutName,
    presses: Count = 2,
    chance: WantedChance = 0.0,
    hold_s: Positive = 0.06,
    gap_s: Positive = 0.06,
    late_s: Positive = 0.05,
) -> Yields:
    """Have the actuator tap every key of the layout. Each answers with itself, once, and lets go.

    A key that did not answer to every tap, or brought another, is pressed by hand: only when it
    does so again is it the key, and not the finger above it. No more than three are asked for.
    Where keys answer at times, letters that always did are tapped first: when several of them
    answer at times, too, reports get lost on their way.
    Each is tapped `presses` times, or as often as finds a key that misses one tap in ten with this
    `chance`, where that is more. `taps_made` and `taps_heard` are those of the missing keys.

    `slowest_release` is how much later than usual a key comes up after its finger, where usual is
    the median of all taps: that is the finger's own time. A key that was more than `late_s` late
    once is tapped again, and counts only when it is late again; then a hand compares it with
    another key. `late` names those keys.
    """
    presses = taps_for(chance, presses)
    board = LAYOUTS[layout]
    wanted = board.usages
    if unreachable := wanted - actuator.keys:
        raise BenchFault("keyboard.no_finger", roles={"actuator"}, keys=names(unreachable))
    found = _Findings(board)
    for usage in sorted(wanted):
        for _ in range(presses):
            found.add(usage, timed_tap(keyboard, actuator, clock, usage, hold_s, gap_s))
        yield found.shown()
    for usage in found.late_once(late_s):
        for _ in range(LATE_TAPS):
            found.add(usage, timed_tap(keyboard, actuator, clock, usage, hold_s, gap_s))
    down = found.down | keyboard.keys_down & found.silent
    ask_what_holds(down, keyboard, operator, clock, tapped=True)
    late = found.late(late_s)
    if found.silent & found.went_down or late:
        suspects = found.silent | found.extra.keys() | late.keys()
        must_all_arrive(keyboard, actuator, clock, suspects, hold_s, gap_s)
    for usage in sorted((found.silent | found.extra.keys()) - down)[:MOST_ASKED]:
        times = HAND_PRESSES if usage in found.went_down else 1
        extra = found.extra.get(usage, set())
        finger_or_key(keyboard, operator, clock, usage, times, extra, board)
    for usage in sorted(late, key=late.__getitem__, reverse=True)[:MOST_ASKED]:
        if (other := found.punctual(late)) is not None:
            late_or_finger(keyboard, operator, clock, usage, other, late[usage])
    yield from found.readings()
    yield Reading("chatter", count_bounces(keyboard, found.chatter))
    yield Reading("slowest_release", max(late.values(), default=found.usual_lateness_s(late_s)))
    yield Reading("late", names(late))
    yield Chance(MISSES_ONE_IN_TEN, chance_of(presses))
    yield Reading("taps_made", presses * len(found.missing))
    yield Reading("taps_heard", sum(found.heard[usage] for usage in found.missing))
    yield Reading("odd_reports", keyboard.odd_reports_seen)


@step(
    proves=Proof.PARTIAL,
    missing_keys="",
    wrong_keys="",
    unreleased_keys="",
    missing="",
    wrong="",
    odd_reports="",
)
def every_key_by_hand(
    keyboard: KeySource,
    operator: Operator,
    clock: Clock,
    *,
    layout: LayoutName,
    patience_s: NotNegative = 15.0,
) -> Yields:
    """Have the operator press every key, and see them light up on the screen.

    After `patience_s` without a new key the operator says whether to go on. It is not known which
    key a hand meant to press, so a key that answers with another shows as one missing and one
    wrong: outside the layout.
    """
    board = LAYOUTS[layout]
    wanted = board.usages
    found = _Findings(board)
    yield found.shown()
    operator.ask(Phrase("keyboard.begin"), Choice("y", "answer.begin"))
    quiet_since_s = clock.monotonic()
    while not wanted <= found.went_up:
        fresh = keyboard.read_events(0.2)
        clock.check()
        if fresh:
            quiet_since_s = clock.monotonic()
            found.listen(fresh)
            yield found.shown()
        elif clock.monotonic() - quiet_since_s >= patience_s:
            rest = wanted - found.went_up
            again = operator.confirm("keyboard.go_on", count=len(rest), keys=names(rest, most=8))
            if not again:
                found.listen(still_there(keyboard, clock))
                break
            quiet_since_s = clock.monotonic()
    if found.down:  # a hand may still be on it
        found.listen(hear(keyboard, clock, 1.0))
    ask_what_holds(found.down, keyboard, operator, clock)
    yield from found.readings()
    yield Reading("odd_reports", keyboard.odd_reports_seen)


class _Findings:
    """Collect what the taps have shown so far. Keys count by their place on the board.

    A few keys send one usage from this maker's boards and another from that one's: both are right.
    """

    def __init__(self, board: Layout) -> None:
        self._board = board
        self.went_down: set[int] = set()
        self.went_up: set[int] = set()
        self.wrong: set[int] = set()
        self.down: set[int] = set()
        self.silent: set[int] = set()
        self.extra: dict[int, set[int]] = {}
        self.heard = Counter[int]()
        self.chatter = 0
        self._up_after_s: dict[int, list[float]] = {}

    def add(self, usage: int, tap: Tap) -> None:
        """Note one tap of one key."""
        events = tap.events
        if tap.up_after_s is not None:
            self._up_after_s.setdefault(usage, []).append(tap.up_after_s)
        was_down = usage in {place(self._board, each) for each in self.down}
        came_down = [event.usage for event in events if event.down]
        extra = {each for each in came_down if place(self._board, each) != usage}
        downs = sum(each not in extra for each in came_down)
        if downs:
            self.went_down.add(usage)
            self.heard[usage] += 1
        elif not was_down:
            self.silent.add(usage)
        if extra:
            self.extra.setdefault(usage, set()).update(extra)
            self.wrong |= extra
        self.chatter += max(0, downs - 1)
        follow(events, self.down)

    def _usual_s(self) -> float:
        """Return the time from the end of a tap until a key is up, as most taps have it."""
        return median([each for times in self._up_after_s.values() for each in times] or [0.0])

    def _late_taps(self, late_s: float) -> dict[int, list[float]]:
        """Return the keys with taps that were late, each with how late they were."""
        usual_s = self._usual_s()
        late = {
            usage: [each - usual_s for each in times if each - usual_s > late_s]
            for usage, times in self._up_after_s.items()
        }
        return {usage: times for usage, times in late.items() if times}

    def late_once(self, late_s: float) -> list[int]:
        """Return the keys that were late at one tap only."""
        down = {place(self._board, each) for each in self.down}
        late = self._late_taps(late_s).items()
        return sorted(key for key, times in late if len(times) == 1 and key not in down)

    def late(self, late_s: float) -> dict[int, float]:
        """Return the keys that were late at two taps or more, and the most that each was late."""
        late = self._late_taps(late_s)
        down = {place(self._board, each) for each in self.down}  # those have been asked about
        return {
            usage: max(times)
            for usage, times in late.items()
            if len(times) > 1 and usage not in down
        }

    def usual_lateness_s(self, late_s: float) -> float:
        """Return the most that a tap was late, of those that were not."""
        usual_s = self._usual_s()
        times = [each - usual_s for all_ in self._up_after_s.values() for each in all_]
        return max((each for each in times if each <= late_s), default=0.0)

    def punctual(self, late: Mapping[int, float]) -> int | None:
        """Return a key that answers and comes up in time, the letter nearest to the middle."""
        good = self._up_after_s.keys() - late.keys() - self.silent - self.extra.keys()
        return min(good, key=lambda usage: abs(usage - MIDDLE), default=None)

    def listen(self, events: Sequence[KeyEvent]) -> None:
        """Note keys pressed by hand, of which the names are unknown."""
        for event in events:
            if (key := place(self._board, event.usage)) is None:
                self.wrong.add(event.usage)
            elif event.down:
                self.went_down.add(key)
            else:
                self.went_up.add(key)
        follow(events, self.down)

    def shown(self) -> Shown:
        """Return the picture of the board with the keys as they are now, by HID usage."""
        return Shown(
            "keyboard",
            {
                "layout": self._board.name,
                "down": tuple(sorted(self.down)),
                "seen": tuple(sorted(self.went_down)),
                "suspicious": tuple(sorted(self.wrong)),
            },
        )

    @property
    def missing(self) -> set[int]:
        """Return the keys that did not answer, or not to each tap."""
        return self.silent | self._board.usages - self.went_down

    def readings(self) -> Iterator[Reading]:
        missing = self.missing
        yield Reading("missing_keys", len(missing))
        yield Reading("wrong_keys", len(self.wrong))
        yield Reading("unreleased_keys", len(self.down))
        yield Reading("missing", names(missing))
        yield Reading("wrong", names(self.wrong))

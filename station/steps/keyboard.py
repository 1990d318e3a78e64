"""Keyboards: every key goes down and up once when it is pressed, and nothing else happens."""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from typing import Literal

from drivers.capabilities import KeyActuator, KeyEvent, KeySource, LightMeter, PowerMeter
from drivers.errors import NotConnected, Refused
from drivers.formats.key_layouts import LAYOUTS, Layout, usage_name
from records import Reading
from station.engine.clock import Clock
from station.engine.events import Choice, KeysSeen
from station.engine.prompts import Operator
from station.engine.step import (
    BenchFault,
    Count,
    Learned,
    NotNegative,
    Positive,
    Socket,
    Yields,
    patiently,
    step,
)

LayoutName = Literal["ansi-104", "ansi-87", "iso-105", "iso-88", "jis-109"]

DONE, CANNOT = Choice("d", "Do it now"), Choice("c", "Cannot be pressed")
PRESS_WITHIN_S = 5.0  # after the operator's answer
HAND_PRESSES = 2  # of a key that answered to its finger at times
MOST_ASKED = 3  # keys that a hand has found bad; the rest is believed then


@step(enumerates="", boot_protocol="", keys_offered="", idle_current="A")
def enumeration(
    keyboard: Socket[KeySource],
    meter: PowerMeter,
    operator: Operator,
    clock: Clock,
    *,
    port_voltage_v: Positive = 5.0,
    tolerance_percent: NotNegative = 10.0,
    patience_s: NotNegative = 3.0,
    least_idle_a: NotNegative = 0.001,
) -> Yields:
    """It appears on its port as a keyboard. The port's own voltage is checked first.

    One that does not within `patience_s` gets as long again once the operator has looked. A meter
    that sees less than `least_idle_a` where a keyboard answers sees another cable than its own: a
    device may draw half of that even when it is suspended (USB 2.0, 7.2.3).
    """
    sample = meter.read()
    if abs(sample.voltage_v - port_voltage_v) > port_voltage_v * tolerance_percent / 100:
        raise BenchFault(
            f"the port gives {sample.voltage_v:.2f} V, not {port_voltage_v:g} V: it could not"
            " feed any keyboard"
        )
    try:
        source = patiently(keyboard.open, clock, patience_s)
    except NotConnected as error:
        if not operator.confirm(
            "keyboard.plugged", "No keyboard answers. Is it plugged into this slot's port?"
        ):
            raise BenchFault(f"the keyboard was not plugged in: {error}") from error
        try:  # it may be in only since the question
            source = patiently(keyboard.open, clock, patience_s)
        except NotConnected:
            yield Reading("enumerates", False)
            return
    who = source.identity
    yield Learned(maker=who.maker, model=who.model, serial_number=who.serial_number)
    yield Reading("enumerates", True)
    yield Reading("boot_protocol", source.boot)
    yield Reading("keys_offered", len(source.usages))
    clock.sleep(0.5)
    idle_a = meter.read().current_a
    if idle_a < least_idle_a:
        raise BenchFault(
            f"the keyboard answers and the meter sees {idle_a:.4f} A: it feeds from elsewhere, or"
            " the meter is wrong"
        )
    yield Reading("idle_current", idle_a)


@step(stuck_keys="", stuck="")
def stuck_keys(
    keyboard: KeySource, operator: Operator, clock: Clock, *, watch_s: Positive = 2.0
) -> Yields:
    """Keys that are down although nobody presses any: not even the actuator, or a cable."""
    down: set[int] = set()
    _follow(_events(keyboard, clock, watch_s), down)
    _ask_who_holds(down, keyboard, operator, clock)
    yield Reading("stuck_keys", len(down))
    yield Reading("stuck", _names(down))


@step(missing_keys="", wrong_keys="", unreleased_keys="", chatter="", missing="", wrong="")
def every_key(
    keyboard: KeySource,
    actuator: KeyActuator,
    operator: Operator,
    clock: Clock,
    *,
    layout: LayoutName,
    presses: Count = 2,
    hold_s: Positive = 0.06,
    gap_s: Positive = 0.06,
) -> Yields:
    """The actuator taps every key of the layout. Each answers with itself, once, and lets go.

    A key that did not answer to every tap, or brought another, is pressed by hand: only when it
    does so again is it the key, and not the finger above it. No more than three are asked for.
    """
    board = LAYOUTS[layout]
    wanted = board.usages
    if unreachable := wanted - actuator.keys:
        raise BenchFault(f"the actuator has no finger for {_names(unreachable)}")
    found = _Findings(board)
    for usage in sorted(wanted):
        for _ in range(presses):
            found.add(usage, _tap(keyboard, actuator, clock, (usage,), hold_s, gap_s))
        yield found.shown()
    _ask_who_holds(found.down, keyboard, operator, clock)
    for usage in sorted(found.silent | found.extra.keys())[:MOST_ASKED]:
        presses = HAND_PRESSES if usage in found.went_down else 1
        extra = found.extra.get(usage, set())
        _finger_or_key(keyboard, operator, clock, usage, presses, extra, board)
    yield from found.readings()
    yield Reading("chatter", found.chatter)


@step(missing_keys="", wrong_keys="", unreleased_keys="", missing="", wrong="")
def every_key_by_hand(
    keyboard: KeySource,
    operator: Operator,
    clock: Clock,
    *,
    layout: LayoutName,
    patience_s: NotNegative = 15.0,
) -> Yields:
    """The operator presses every key, and sees them light up on the screen.

    After `patience_s` without a new key the operator says whether to go on. Nobody knows which
    key a hand meant to press, so a key that answers with another shows as one missing and one
    wrong: outside the layout.
    """
    board = LAYOUTS[layout]
    wanted = board.usages
    found = _Findings(board)
    yield found.shown()
    operator.ask(
        "keyboard.begin",
        "Press every key once, row by row. They light up here. Ready?",
        Choice("y", "Begin"),
    )
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
            again = operator.confirm(
                "keyboard.go_on",
                f"{len(rest)} keys have not answered: {_names(rest, most=8)}. Press them now?",
            )
            if not again:
                found.listen(_still_there(keyboard, clock))
                break
            quiet_since_s = clock.monotonic()
    if found.down:  # a hand may still be on it
        found.listen(_events(keyboard, clock, 1.0))
    _ask_who_holds(found.down, keyboard, operator, clock)
    yield from found.readings()


@step(chatter="", taps_lost="")
def chatter(
    keyboard: KeySource,
    actuator: KeyActuator,
    operator: Operator,
    clock: Clock,
    *,
    keys: tuple[str, ...] = ("Space", "Enter", "Backspace", "E", "A", "N"),
    presses: Count = 10,
    hold_s: Positive = 0.06,
    gap_s: Positive = 0.06,
) -> Yields:
    """The keys that wear most, tapped many times: more downs than taps is chatter.

    Where taps are lost, the first such key is pressed by hand: when it answers, its finger is to
    blame.
    """
    extra = 0
    lost: list[int] = []
    for name in keys:
        usage = _usage(name)
        for _ in range(presses):
            downs = sum(
                event.down and event.usage == usage
                for event in _tap(keyboard, actuator, clock, (usage,), hold_s, gap_s)
            )
            extra += max(0, downs - 1)
            lost += [usage] if downs == 0 else []
    for usage in lost[:1]:
        at_times = lost.count(usage) < presses
        _finger_or_key(keyboard, operator, clock, usage, HAND_PRESSES if at_times else 1)
    yield Reading("chatter", extra)
    yield Reading("taps_lost", len(lost))


@step(ghost_keys="", blocked_pairs="", ghosts="", blocked="")
def ghosting(
    keyboard: KeySource,
    actuator: KeyActuator,
    operator: Operator,
    clock: Clock,
    *,
    pairs: tuple[tuple[str, str], ...] = (
        ("A", "S"),
        ("E", "R"),
        ("Space", "W"),
        ("Left Shift", "A"),
        ("Right Shift", "L"),
        ("Left Ctrl", "C"),
        ("Left Alt", "Tab"),
    ),
    chords: tuple[tuple[str, ...], ...] = (
        ("Q", "W", "A"),
        ("E", "D", "F"),
        ("U", "I", "J"),
        ("Left Ctrl", "Left Alt", "Delete"),
        ("Left Ctrl", "Left Shift", "S"),
    ),
    hold_s: Positive = 0.08,
    gap_s: Positive = 0.08,
) -> Yields:
    """Several keys at once: two always arrive, and no chord makes a key appear by itself.

    A keyboard may leave out the third key of a chord; it may not invent one. A key of a pair that
    is silent alone, too, is not blocked: `every_key` finds whose fault that is. The first pair that
    does not arrive is held by hand, and so is a key whose finger alone brings another: when the
    hand does not find it so, the actuator is to blame.
    """

    def tap(*usages: int) -> set[int]:
        events = _tap(keyboard, actuator, clock, usages, hold_s, gap_s)
        return {event.usage for event in events if event.down}

    ghosts: set[int] = set()
    blocked: list[str] = []
    for names in (*pairs, *chords):
        held = tuple(_usage(name) for name in names)
        went_down = tap(*held)
        if extra := went_down - set(held) - ghosts:
            for usage in held:
                if alone := extra & tap(usage):
                    _finger_or_key(keyboard, operator, clock, usage, HAND_PRESSES, alone)
            ghosts |= extra
        if (
            len(names) == 2
            and not set(held) <= went_down
            and all(usage in tap(usage) for usage in held)
        ):
            if not blocked and _together(_by_hand(keyboard, operator, clock, *held), held):
                raise BenchFault(
                    f"{'+'.join(names)} arrive from a hand and not from their fingers: mend the"
                    " actuator, or its supply"
                )
            blocked.append("+".join(names))
    yield Reading("ghost_keys", len(ghosts))
    yield Reading("blocked_pairs", len(blocked))
    yield Reading("ghosts", _names(ghosts))
    yield Reading("blocked", ", ".join(blocked))


@step(caps_led="lx")
def leds(
    keyboard: KeySource,
    light: LightMeter,
    operator: Operator,
    clock: Clock,
    *,
    blinks: Count = 3,
    settle_s: NotNegative = 0.2,
    least_lux: Positive = 1.0,
) -> Yields:
    """Caps Lock on and off under a light sensor: the smallest rise of all blinks.

    Where the sensor sees nothing, the operator looks: a lamp that is lit is the sensor's fault.
    """
    rises = []
    for _ in range(blinks):
        keyboard.set_leds()
        clock.sleep(settle_s)
        dark_lux = light.read_illuminance_lux()
        keyboard.set_leds(caps=True)
        clock.sleep(settle_s)
        rises.append(light.read_illuminance_lux() - dark_lux)
    if min(rises) < least_lux and operator.confirm(
        "keyboard.led.caps", "The sensor sees no Caps Lock lamp. Is the lamp on now?"
    ):
        raise BenchFault("the Caps Lock lamp is lit and its sensor does not see it")
    keyboard.set_leds()
    yield Reading("caps_led", min(rises))


@step(num_led="", caps_led="", scroll_led="")
def leds_by_eye(keyboard: KeySource, operator: Operator, clock: Clock) -> Yields:
    """Each lock lamp alone, and the operator says which is lit."""
    for name in ("num", "caps", "scroll"):
        keyboard.set_leds(num=name == "num", caps=name == "caps", scroll=name == "scroll")
        lit = operator.confirm(
            f"keyboard.led.{name}", f"Is the {name.capitalize()} Lock lamp lit, and no other?"
        )
        _still_there(keyboard, clock)
        yield Reading(f"{name}_led", lit)


class _Findings:
    """What the taps have shown so far. Keys count by their place on the board.

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
        self.chatter = 0

    def add(self, usage: int, events: Sequence[KeyEvent]) -> None:
        """One tap of one key."""
        was_down = usage in {_place(self._board, each) for each in self.down}
        came_down = [event.usage for event in events if event.down]
        extra = {each for each in came_down if _place(self._board, each) != usage}
        downs = sum(each not in extra for each in came_down)
        if downs:
            self.went_down.add(usage)
        elif not was_down:
            self.silent.add(usage)
        if extra:
            self.extra.setdefault(usage, set()).update(extra)
            self.wrong |= extra
        self.chatter += max(0, downs - 1)
        _follow(events, self.down)

    def listen(self, events: Sequence[KeyEvent]) -> None:
        """Keys pressed by hand, nobody knows which."""
        for event in events:
            if (place := _place(self._board, event.usage)) is None:
                self.wrong.add(event.usage)
            elif event.down:
                self.went_down.add(place)
            else:
                self.went_up.add(place)
        _follow(events, self.down)

    def shown(self) -> KeysSeen:
        seen = tuple(sorted(self.went_down))
        return KeysSeen(self._board.name, tuple(sorted(self.down)), seen, tuple(sorted(self.wrong)))

    def readings(self) -> Iterator[Reading]:
        missing = self.silent | self._board.usages - self.went_down
        yield Reading("missing_keys", len(missing))
        yield Reading("wrong_keys", len(self.wrong))
        yield Reading("unreleased_keys", len(self.down))
        yield Reading("missing", _names(missing))
        yield Reading("wrong", _names(self.wrong))


def _place(board: Layout, usage: int) -> int | None:
    """The key of the board that sends this usage, by the usage it is known under."""
    key = board.key(usage)
    return key.usage if key is not None else None


def _tap(
    keyboard: KeySource,
    actuator: KeyActuator,
    clock: Clock,
    usages: tuple[int, ...],
    hold_s: float,
    gap_s: float,
) -> list[KeyEvent]:
    actuator.press(usages)
    try:
        events = _events(keyboard, clock, hold_s)
    finally:
        actuator.release(usages)
    return events + _events(keyboard, clock, gap_s)


def _events(keyboard: KeySource, clock: Clock, duration_s: float) -> list[KeyEvent]:
    """Everything that happens during `duration_s`."""
    heard: list[KeyEvent] = []
    end_s = clock.monotonic() + duration_s
    while (left_s := end_s - clock.monotonic()) > 0:
        heard += keyboard.read_events(left_s)
        clock.check()
    return heard


def _still_there(keyboard: KeySource, clock: Clock, listen_s: float = 0.1) -> list[KeyEvent]:
    """What it has to say after a question. Its lamps go dark.

    Raises `NotConnected` when it was pulled out meanwhile: then it is not to blame for silent keys
    or dark lamps. A request tells that at once; a keyboard without lamps is only listened to.
    """
    with suppress(Refused):  # whoever refuses is there
        keyboard.set_leds()
    return _events(keyboard, clock, listen_s)


def _follow(events: Iterable[KeyEvent], down: set[int]) -> None:
    for event in events:
        (down.add if event.down else down.discard)(event.usage)


def _ask_who_holds(down: set[int], keyboard: KeySource, operator: Operator, clock: Clock) -> None:
    """A key that is down may be held down.

    Raises `BenchFault` if the operator finds by what, or may have taken it away.
    """
    if not down:
        return
    keys = _names(down, most=8)
    held = operator.confirm(
        "keyboard.held",
        f"Down, and nobody should be pressing: {keys}. Is anything on the keyboard, such as a"
        " finger of the actuator?",
    )
    heard = _still_there(keyboard, clock)
    if held:
        raise BenchFault(f"something was holding {keys} down")
    if came_up := down.intersection(event.usage for event in heard if not event.down):
        raise BenchFault(
            f"{_names(came_up)} came up while the operator was asked: something may have been on"
            " the keyboard, so test it again"
        )


def _finger_or_key(
    keyboard: KeySource,
    operator: Operator,
    clock: Clock,
    usage: int,
    presses: int,
    extra: AbstractSet[int] = frozenset(),
    board: Layout | None = None,
) -> None:
    """A key that was silent under its finger, or brought `extra` ones, is pressed by hand.

    Raises `BenchFault` when it answers each time, without those. Otherwise it is the key.
    """
    for _ in range(presses):
        heard = _by_hand(keyboard, operator, clock, usage)
        came_down = {event.usage for event in heard if event.down}
        itself = {each for each in came_down if (_place(board, each) if board else each) == usage}
        if not itself or came_down & extra:
            return
    key = f"the key {usage_name(usage)}"
    if extra:
        raise BenchFault(
            f"{key} brings {_names(extra)} under its finger and not under a hand: mend the actuator"
        )
    if presses > 1:
        raise BenchFault(f"{key} answers to a hand and not always to its finger: mend the actuator")
    raise BenchFault(f"{key} answers to a hand and not to its finger: mend the actuator")


def _by_hand(keyboard: KeySource, operator: Operator, clock: Clock, *usages: int) -> list[KeyEvent]:
    """What is heard when a hand presses these keys, together.

    The hand presses after the answer: while nobody listens, a keyboard may keep no more than its
    newest report.
    """
    keys = "+".join(usage_name(usage) for usage in usages)
    answer = operator.ask(
        f"keyboard.press.{'.'.join(str(usage) for usage in usages)}",
        f"Not as expected under the actuator: {keys}. Choose {DONE.label!r}, and only then press"
        f" {'it' if len(usages) == 1 else 'them together'} by hand, once, within"
        f" {PRESS_WITHIN_S:g} s.",
        DONE,
        CANNOT,
    )
    heard = _still_there(keyboard, clock)
    if answer != DONE.key:
        return []
    end_s = clock.monotonic() + PRESS_WITHIN_S
    while not {event.usage for event in heard if not event.down}.issuperset(usages):
        if (left_s := end_s - clock.monotonic()) <= 0:
            break
        heard += keyboard.read_events(min(left_s, 0.2))
        clock.check()
    return heard + _events(keyboard, clock, 0.1)


def _together(events: Iterable[KeyEvent], usages: Iterable[int]) -> bool:
    """Whether all the keys were down at one time."""
    down: set[int] = set()
    for event in events:
        _follow([event], down)
        if down.issuperset(usages):
            return True
    return False


def _usage(name: str) -> int:
    for usage in range(0x04, 0xE8):
        if usage_name(usage) == name:
            return usage
    raise ValueError(f"no key is called {name!r}")


def _names(usages: Iterable[int], most: int = 12) -> str:
    ordered = sorted(usages)
    more = f" and {len(ordered) - most} more" if len(ordered) > most else ""
    return ", ".join(usage_name(usage) for usage in ordered[:most]) + more

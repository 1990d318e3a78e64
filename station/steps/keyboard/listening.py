"""Listening to a keyboard, and the names of keys."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from contextlib import suppress
from weakref import WeakKeyDictionary

from drivers.capabilities import KeyEvent, KeySource
from drivers.errors import Refused
from drivers.formats.key_layouts import Layout
from drivers.formats.key_legends import usage_name
from station.engine.clock import Clock
from station.engine.prompts import Operator
from station.engine.step import BenchFault
from station.engine.witness import must_stay_silent

LISTENS_S = 0.25
"""The longest time for which a keyboard is heard without a look at whether the run stopped."""


_bounces: WeakKeyDictionary[KeySource, int] = WeakKeyDictionary()
"""The extra downs of a keyboard so far: a run opens it anew, and holds it to the end."""


def count_bounces(keyboard: KeySource, more: int) -> int:
    """Add extra downs to those of earlier tests of this run, and return all of them."""
    _bounces[keyboard] = _bounces.get(keyboard, 0) + more
    return _bounces[keyboard]


def hear(keyboard: KeySource, clock: Clock, duration_s: float) -> list[KeyEvent]:
    """Return everything that happens during `duration_s`."""
    heard: list[KeyEvent] = []
    end_s = clock.monotonic() + duration_s
    while (left_s := end_s - clock.monotonic()) > 0:
        heard += keyboard.read_events(min(left_s, LISTENS_S))
        clock.check()
    return heard


def still_there(keyboard: KeySource, clock: Clock, listen_s: float = 0.1) -> list[KeyEvent]:
    """Return what the keyboard has to say after a question. Its lamps go dark.

    Raises `NotConnected` when it was pulled out meanwhile: then it is not to blame for silent keys
    or dark lamps. A request tells that at once; a keyboard without lamps is only listened to.
    """
    with suppress(Refused):  # a keyboard that refuses is there
        keyboard.set_leds()
    return hear(keyboard, clock, listen_s)


def follow(events: Iterable[KeyEvent], down: set[int]) -> None:
    """Keep `down` the set of keys that are down after these events."""
    for event in events:
        (down.add if event.down else down.discard)(event.usage)


def ask_what_holds(
    down: AbstractSet[int],
    keyboard: KeySource,
    operator: Operator,
    clock: Clock,
    *,
    tapped: bool = False,
) -> None:
    """Ask whether something holds down the keys that are down.

    Raises `BenchFault` if the operator finds it, or may have taken it away. Where the
    actuator has `tapped` these keys, what holds them is its finger.
    """
    if not down:
        return
    keys = names(down, most=8)
    held = operator.confirm(
        "keyboard.held",
        keys=keys,
    )
    heard = still_there(keyboard, clock)
    if held and tapped:
        raise BenchFault("keyboard.was_held", roles={"actuator"}, keys=keys)
    if held:
        raise BenchFault("keyboard.was_held", roles={"keyboard"}, keys=keys)
    came_up = down & {event.usage for event in heard if not event.down}
    must_stay_silent(
        bool(came_up),
        "keyboard.came_up",
        roles={"keyboard"},
        keys=names(came_up),
    )


def place(board: Layout, usage: int) -> int | None:
    """Return the key of the board that sends this usage, by the usage it is known under."""
    key = board.key(usage)
    return key.usage if key is not None else None


def usage_of(name: str) -> int:
    """Return the usage of the key of that name. Raises `ValueError` when there is none."""
    for usage in range(0x04, 0xE8):
        if usage_name(usage) == name:
            return usage
    raise ValueError(f"no key is called {name!r}")


def names(usages: Iterable[int], most: int = 12) -> str:
    """Return the names of keys, in a row; of more than `most`, how many more there are."""
    ordered = sorted(usages)
    more = f", … +{len(ordered) - most}" if len(ordered) > most else ""
    return ", ".join(usage_name(usage) for usage in ordered[:most]) + more

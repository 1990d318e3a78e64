"""The instruments of one slot, by the role they play there."""

import logging
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from drivers.capabilities import Actuator, AtxPort, Instrument, PatternSource, PowerSupply
from drivers.errors import DriverError, NotConnected
from drivers.formats.text import clean
from drivers.uncertain import Ranges
from records import Asked, InstrumentUsed, Phrase
from station.engine.clock import Clock
from station.engine.prompts import Heard, Operator
from station.engine.step import BenchFault, Role, Step

log = logging.getLogger(__name__)


class SharedLock:
    """The lock of an instrument that several slots share. Not re-entrant."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.holder = ""
        self._lock = threading.Lock()

    def acquire(self, holder: str, *, timeout_s: float) -> bool:
        if not self._lock.acquire(timeout=timeout_s):
            return False
        self.holder = holder
        return True

    def release(self) -> None:
        self.holder = ""
        self._lock.release()


@dataclass(frozen=True)
class Place:
    """A role's place on the bench, and how it is filled.

    `open` builds the driver, which verifies who answers, and leaves with the stack what gives
    back what it holds.
    A `device` is the device under test itself: it is opened when a step first needs it.
    `accuracies` are those of its quantities, from data sheet, file and certificate; None leaves
    them to the driver.
    `shares` names what it has in common with other roles: bus, hub, mains. `dead_man`: it lets go
    of the device by itself when the station falls silent.
    """

    driver: str
    kind: type[object]
    open: Callable[[ExitStack], Instrument]
    device: bool = False
    calibrated_until: str = ""
    certificate: str = ""
    accuracies: Mapping[str, Ranges] | None = None
    shared: SharedLock | None = None
    shares: tuple[str, ...] = ()
    dead_man: bool = False


class Lacks(LookupError):
    """A slot lacks what a step needs."""

    def __init__(self, phrase: Phrase, mistake: str) -> None:
        """`mistake` says it with the names of `station.toml`, for its author."""
        super().__init__(mistake)
        self.phrase = phrase


class BenchNotSafe(Exception):
    """Actuators, by the `roles` they play, could not be made to let go of the device.

    `cut_by` are the roles that opened its mains all the same.
    """

    def __init__(
        self, reason: str, *, roles: AbstractSet[str] = frozenset(), cut_by: Iterable[str] = ()
    ) -> None:
        super().__init__(reason)
        self.roles = frozenset(roles)
        self.cut_by = tuple(cut_by)


@dataclass
class Bench:
    """Opens instruments, hands them to steps, and lets go of the device.

    Every run opens its bench anew: the identities in a record are of this run, and no driver
    carries over what it believed before. Instruments that other slots use, too, are opened only
    while a step holds their lock, and made safe before it is given back. `asked` collects what a
    step asks the operator.
    """

    slot: str
    places: Mapping[str, Place]
    clock: Clock
    operator: Operator
    instruments: dict[str, InstrumentUsed] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    roles: dict[int, str] = field(default_factory=dict)
    """The role of each instrument that was opened, and of its parts, by their `id`."""
    _open: dict[str, tuple[Instrument, ExitStack]] = field(default_factory=dict)
    _remarks: list[Phrase] = field(default_factory=list)
    _failed: dict[str, InstrumentUsed] = field(default_factory=dict)
    _unsafe: list[BenchNotSafe] = field(default_factory=list)
    _at_fault: set[str] = field(default_factory=set)

    def check(self, step: Step) -> None:
        """Raise `Lacks` when the slot lacks what the step needs. Touches no hardware."""
        for name, role in step.roles.items():
            if name == "clock" or name == "operator":
                continue
            if name not in self.places:
                raise Lacks(
                    Phrase("bench.lacks_role", {"role": name, "slot": self.slot}),
                    f"{step.name} needs a {name}, which slot {self.slot} has not",
                )
            place = self.places[name]
            if not issubclass(place.kind, role.kind):
                kind = role.kind.__name__
                values = {"role": name, "slot": self.slot, "driver": place.driver, "kind": kind}
                raise Lacks(
                    Phrase("bench.wrong_kind", dict(values)),
                    f"{step.name} needs a {kind} as {name}, and in slot {self.slot} that is"
                    f" {place.driver}",
                )

    def used(self) -> tuple[InstrumentUsed, ...]:
        """Return the instruments that were opened, and those that did not open when asked for.

        The latter have no identity; what they share with others tells whom their error concerns.
        """
        failed = (one for name, one in self._failed.items() if name not in self.instruments)
        return (*self.instruments.values(), *failed)

    @property
    def accuracies(self) -> dict[str, Mapping[str, Ranges]]:
        """Return the accuracies of each role's quantities, as far as they are known."""
        return {
            name: place.kind.accuracies({}) if place.accuracies is None else place.accuracies
            for name, place in self.places.items()
            if issubclass(place.kind, Instrument)
        }

    def expired(self, today: date) -> tuple[str, ...]:
        """Return the roles whose calibration is over on this day."""
        return tuple(
            name
            for name, place in self.places.items()
            if place.calibrated_until and date.fromisoformat(place.calibrated_until) < today
        )

    def open_own(self, names: AbstractSet[str]) -> None:
        """Open every instrument of these roles that is neither shared nor the device."""
        for name, place in self.places.items():
            if name in names and place.shared is None and not place.device:
                self._opened(name)

    def unreached(self, names: AbstractSet[str], kind: type[object] = Actuator) -> tuple[str, ...]:
        """Return the roles of `names` that are this slot's own and were not opened in this run.

        Only those of `kind` count: an actuator may hold the device. The device itself does not.
        """
        return tuple(
            name
            for name, place in self.places.items()
            if name in names and place.shared is None and not place.device
            if issubclass(place.kind, kind) and name not in self.instruments
        )

    def shared_by(self, step: Step) -> list[SharedLock]:
        """Return the locks that a step needs, in the one order in which every slot takes them."""
        locks = {
            place.shared.name: place.shared
            for name in step.roles
            if (place := self.places.get(name)) is not None and place.shared is not None
        }
        return [locks[name] for name in sorted(locks)]

    @contextmanager
    def holding(self, step: Step, locks: list[SharedLock]) -> Iterator[list[Any]]:
        """Give the step what its roles stand for. Release `locks`, which the caller has acquired.

        A `DriverError` or `BenchFault` that passes names the roles at fault: where neither the
        step nor the bench has, those whose instrument raised it, or else all that the step has.
        """
        with ExitStack() as stack:
            for lock in locks:
                stack.callback(lock.release)
            for name in step.roles:
                if (place := self.places.get(name)) is not None and place.shared is not None:
                    stack.callback(self._put_back, name)
            try:
                yield [self._fill(name, role) for name, role in step.roles.items()]
            except (DriverError, BenchFault) as error:
                error.roles = error.roles or self._at_work(error) or step.roles_used
                self._at_fault |= error.roles
                raise

    def _at_work(self, error: Exception) -> frozenset[str]:
        """Return the role whose instrument the step had called when it raised `error`."""
        for frame, _ in traceback.walk_tb(error.__traceback__):
            called = frame.f_locals.get("self")
            for name, (instrument, _) in self._open.items():
                if instrument is called:
                    return frozenset([name])
        return frozenset()

    def _fill(self, name: str, role: Role) -> object:
        if name == "clock":
            return self.clock
        if name == "operator":
            return Heard(self.operator, self.clock, self.asked)
        return _OpenLater(self, name) if role.socket else self._opened(name)

    def _opened(self, name: str) -> Instrument:
        if name not in self._open:
            place = self.places[name]
            with ExitStack() as closing:
                try:
                    instrument = place.open(closing)
                except (DriverError, BenchFault) as error:
                    error.roles = error.roles or frozenset([name])
                    self._failed[name] = InstrumentUsed(
                        role=name, driver=place.driver, shares=place.shares, dead_man=place.dead_man
                    )
                    raise
                self._open[name] = (instrument, closing.pop_all())
            if place.accuracies is not None:
                instrument.rate(place.accuracies)
            self.roles |= {id(one): name for one in (instrument, *instrument.parts)}
            who = instrument.identity
            self.instruments[name] = InstrumentUsed(
                role=name,
                driver=place.driver,
                maker=clean(who.maker),
                model=clean(who.model),
                serial_number=clean(who.serial_number),
                firmware=clean(who.firmware),
                calibrated_until=place.calibrated_until,
                certificate=place.certificate,
                shares=place.shares,
                dead_man=place.dead_man,
            )
        return self._open[name][0]

    def _put_back(self, name: str) -> None:
        if name in self._open:
            try:
                if unsafe := self._let_all_go([name]):
                    raise BenchNotSafe(unsafe[name], roles={name})
            finally:
                self._close(name)

    def make_safe(self) -> Phrase | None:
        """Let go of the device: every actuator gets its chance, whatever the others do.

        The mains relay goes first, then loads, coils and all other actuators; those that were at
        fault before come last. An actuator is opened anew only after each had a first chance. Then
        the settings of the device are restored, and only its supply and its picture stay until
        that is done.
        Returns a remark, mostly none. Raises `BenchNotSafe`, naming every actuator that could
        not be made safe even after opening it once more, and the roles that cut the mains.
        """
        acting = sorted((n for n in self._open if not self.places[n].device), key=self._turn)
        devices = [name for name in self._open if self.places[name].device]
        needed = (PowerSupply, PatternSource)  # without them a display takes nothing back
        last = [name for name in acting if devices and issubclass(self._kind(name), needed)]
        unsafe = self._let_all_go([name for name in acting if name not in last])
        unsafe |= self._let_all_go(devices)
        unsafe |= self._let_all_go(last)
        if unsafe or self._unsafe:
            before = [str(one) for one in self._unsafe]
            roles = frozenset(unsafe).union(*(one.roles for one in self._unsafe))
            cut = [n for n in acting if issubclass(self._kind(n), AtxPort) and n not in roles]
            raise BenchNotSafe("; ".join([*before, *unsafe.values()]), roles=roles, cut_by=cut)
        return _together(self._remarks)

    def _kind(self, name: str) -> type[object]:
        return self.places[name].kind

    def _turn(self, name: str) -> tuple[bool, bool]:
        return name in self._at_fault, not issubclass(self._kind(name), AtxPort)

    def _let_all_go(self, names: list[str]) -> dict[str, str]:
        """Make roles safe. Returns why some are not; one that fails is opened anew after all."""
        failed = {name: error for name in names if (error := self._let_go(name)) is not None}
        again = {name: self._let_go_anew(name, error) for name, error in failed.items()}
        return {name: trouble for name, trouble in again.items() if trouble}

    def note_unsafe(self, error: BenchNotSafe) -> None:
        """Keep the trouble of a shared actuator that its step did not tell: `make_safe` will."""
        self._unsafe.append(error)

    def _let_go(self, name: str) -> Exception | None:
        """Make one role safe over its connection. Returns why it is not.

        A device that will not be restored is remarked, and holds nothing.
        """
        instrument = self._open[name][0]
        if not isinstance(instrument, Actuator):
            return None
        try:
            instrument.make_safe()
        except Exception as error:
            if not self.places[name].device:
                return error
            if not isinstance(error, NotConnected):
                self._remarks.append(Phrase("bench.driver_error", {"roles": name}, str(error)))
        return None

    def _let_go_anew(self, name: str, first: Exception) -> str:
        """Make one role safe over a new connection, which does not share the old one's trouble."""
        try:
            self._close(name)
            instrument = self._opened(name)
            if isinstance(instrument, Actuator):
                instrument.make_safe()
        except Exception as second:
            return f"{name}: {first}; {second}"
        self._remarks.append(Phrase("bench.safe_again", {"roles": name}, str(first)))
        return ""

    def release_everything(self, roles: AbstractSet[str] | None = None) -> dict[str, str]:
        """Make every actuator safe before the first run, shared ones too. Return troubles by role.

        The last run may have left anything behind. Each is opened for this, and closed again.
        `roles` are those that it is done for; None are all.
        """
        troubles = {}
        for name, place in self.places.items():
            if place.device or not issubclass(place.kind, Actuator):
                continue
            if roles is not None and name not in roles:
                continue
            try:
                self._opened(name)
                self._put_back(name)
            except Exception as error:
                troubles[name] = str(error)
        return troubles

    def close(self) -> None:
        """Give every port back. The instruments stay as they are."""
        for name in list(self._open):
            self._close(name)

    def _close(self, name: str) -> None:
        _, closing = self._open.pop(name, (None, None))
        if closing is not None:
            try:
                closing.close()
            except Exception as error:  # it is gone already, and the others must be closed
                log.warning("slot %s: %s does not close: %s", self.slot, name, error)


def _together(remarks: list[Phrase]) -> Phrase | None:
    """Return one remark, with the roles of all and what their instruments said."""
    if len(remarks) < 2:
        return remarks[0] if remarks else None
    roles = ", ".join(str(one.values["roles"]) for one in remarks)
    text = "; ".join(f"{one.values['roles']}: {one.text}" for one in remarks)
    return Phrase(remarks[0].id, {"roles": roles}, text)


@dataclass(frozen=True)
class _OpenLater:
    """Implements `station.engine.step.Socket`."""

    bench: Bench
    name: str

    def open(self) -> Instrument:
        return self.bench._opened(self.name)

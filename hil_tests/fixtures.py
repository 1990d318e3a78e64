"""The fixtures of tests on a rig: the rig, its benches, and the instruments by role."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from drivers.capabilities import ROLES, Instrument
from hil_tests.described import chosen_cables, described

if TYPE_CHECKING:
    from hil_tests.rigs.cables import Cables
    from hil_tests.rigs.qa import SlotQa
    from hil_tests.rigs.rig import Ask, Rig, RigBench
    from hil_tests.rigs.twin_rig import Wire
    from station.simulate.world import World


@pytest.fixture(scope="session")
def rig(request: pytest.FixtureRequest) -> "Iterator[Rig]":
    """Yield the rig, locked against other runs. `rig.open(slot)` gives a bench of any slot."""
    from hil_tests.rigs.lock import RigInUse
    from hil_tests.rigs.rig import LocalRig
    from hil_tests.rigs.twin_rig import TwinRig

    its = described(request.config)
    kind = TwinRig if its.simulated else LocalRig
    try:
        opened = kind(its.file, its.config, its.qa)
    except RigInUse as error:
        pytest.exit(f"the rig is in use: {error}", returncode=pytest.ExitCode.USAGE_ERROR)
    with _orderly_end(), opened:
        yield opened


@contextmanager
def _orderly_end() -> Iterator[None]:
    """Make a run that is told to end, or loses its terminal, leave through its fixtures."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: object) -> None:
        pytest.exit(f"ended by {signal.Signals(number).name}", returncode=128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.fixture
def bench(request: pytest.FixtureRequest, rig: "Rig", rig_slot: str) -> "Iterator[RigBench]":
    """Yield the bench of the test's slot. Instruments open when they are asked for."""
    properties = request.node.user_properties
    properties += [("rig", rig.config.station), ("slot", rig_slot)]
    opened = rig.open(rig_slot)
    properties.append(("made_safe_at_start_in", f"{rig.made_safe_at_start_s(rig_slot):.3f} s"))
    try:
        yield opened
    finally:
        start_s = opened.clock.monotonic()
        try:
            if remark := opened.make_safe():
                properties.append(("make_safe", remark))
            took_s = opened.clock.monotonic() - start_s
            properties.append(("made_safe_in", f"{took_s:.3f} s"))
        finally:
            opened.close()
            for role, used in opened.instruments.items():
                told = (used.maker, used.model, used.serial_number, used.firmware)
                properties.append((f"instrument.{role}", " ".join(filter(None, told))))


@pytest.fixture
def stated(rig: "Rig", rig_slot: str) -> "SlotQa":
    """Return QA's statements about the slot."""
    return rig.qa.of(rig_slot)


@pytest.fixture
def ask(request: pytest.FixtureRequest) -> "Ask":
    """Return `ask(text)`: a person at the rig does it, presses Enter. Needs `--interactive`."""

    def put(text: str) -> None:
        if not request.config.getoption("--interactive"):
            pytest.skip(f"nobody is at the rig (--interactive): {text}")
        capture = request.config.pluginmanager.getplugin("capturemanager")
        capture.suspend(in_=True)
        try:
            input(f"\n{text} Then press Enter. ")
        finally:
            capture.resume()

    return put


@pytest.fixture
def cables(
    request: pytest.FixtureRequest, rig: "Rig", rig_slot: str, ask: "Ask", bench: "RigBench"
) -> "Cables":
    """`with cables.pulled(role):` the cable of that instrument is out."""
    made: Callable[[Rig, str], Cables] | None = chosen_cables(request.config.getoption("--cables"))
    return made(rig, rig_slot) if made is not None else rig.cables(rig_slot, ask)


# Only on the simulated rig, for these break what must not be broken


@pytest.fixture
def world(rig: "Rig", rig_slot: str, bench: "RigBench") -> "Iterator[World]":
    """Yield the world of the simulated slot, and restore it afterwards."""
    from hil_tests.rigs.twin_rig import TwinRig

    if not isinstance(rig, TwinRig):
        pytest.skip("only the simulated rig may be broken")
    yield rig.world(rig_slot)
    rig.restore(rig_slot)


@pytest.fixture
def wire(rig: "Rig", rig_slot: str, bench: "RigBench") -> "Iterator[Wire]":
    """Yield the slot's wires, to be cut, muted and garbled; mended afterwards."""
    from hil_tests.rigs.twin_rig import TwinRig

    if not isinstance(rig, TwinRig):
        pytest.skip("only the simulated rig may be broken")
    wire = rig.cables(rig_slot)
    yield wire
    wire.mend()


@pytest.fixture
def instrument(bench: "RigBench", rig_role: str) -> Instrument:
    """Return an instrument of the kind that the test's annotation says; each one, in each slot."""
    return bench.get(rig_role, Instrument)


def _by_role(role: str, kind: type[Instrument]) -> Any:
    def fixture(request: pytest.FixtureRequest, bench: "RigBench", rig: "Rig") -> Instrument:
        _bring(role, request, rig, bench.slot)
        return bench.get(role, kind)

    fixture.__doc__ = f"The {kind.__name__} that plays {role!r} in the slot."
    return pytest.fixture(name=role)(fixture)


def _bring(role: str, request: pytest.FixtureRequest, rig: "Rig", slot: str) -> None:
    """Have a shared instrument brought to the slot, where several slots of a real rig use it."""
    name = rig.config.slots[slot].shared.get(role)
    users = [one for one in rig.config.slots.values() if name in one.shared.values()]
    if not rig.simulated and len(users) > 1:
        put: Ask = request.getfixturevalue("ask")
        put(f"Put the {name} on the device in slot {slot}.")


for _role, _kind in ROLES.items():
    globals()[f"_{_role}"] = _by_role(_role, _kind)

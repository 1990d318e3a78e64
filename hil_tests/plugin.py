"""A pytest plugin for tests on a rig: fixtures, and the rules that keep rig and results sound.

    pytest SUITE                              on the simulated rig
    pytest SUITE --rig station.toml           on a real one
                 --slot NAME                  only in this slot; otherwise in each that fits
                 --qa FILE                    what QA states; otherwise station.qa.toml beside it
                 --interactive                somebody is there to pull cables
                 --cables MODULE:CLASS        relays pull them: your `hil_tests.rigs.cables.Cables`

A test asks for an instrument by the name of its role: `supply`, `load`, `meter`, `mains_meter`,
`zones`, `probe`, `light`, `keyboard`, `actuator`, `monitor`, `screen`, `port_power`. It runs once
in each slot that has all the roles it asks for, or is skipped with the name of what the rig lacks.
`instrument` stands for every instrument of its annotation's kind:

    def test_off_means_off(supply: PowerSupply, meter: PowerMeter) -> None: ...
    def test_it_says_who_it_is(instrument: Instrument) -> None: ...

Every bench is made safe after its test, whatever happened in it. A `DriverError` or a `BenchFault`
is the bench's: such a test has an error and has not failed.

pytest loads this in every run of an environment that has it: what is heavy is imported late.
"""

import signal
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, get_type_hints

import pytest

from drivers.capabilities import (
    ColourMeter,
    ElectronicLoad,
    Instrument,
    KeyActuator,
    KeySource,
    LightArray,
    LightMeter,
    MainsMeter,
    Monitor,
    PatternSource,
    PortPower,
    PowerMeter,
    PowerSupply,
)
from drivers.errors import DriverError

if TYPE_CHECKING:
    from hil_tests.rigs.cables import Cables
    from hil_tests.rigs.qa import Qa, SlotQa
    from hil_tests.rigs.rig import Ask, Rig, RigBench
    from hil_tests.rigs.twin_rig import Wire
    from station.rig.config import StationConfig
    from station.simulate.rig import World

SIMULATED = Path(__file__).parent / "simulated.toml"
NEEDS = (
    "needs(*roles, stated=NAME): skip unless the rig has these roles, in a slot about which QA"
    " states NAME, such as max_voltage_v"
)
ROLES = (
    "supply",
    "load",
    "meter",
    "mains_meter",
    "zones",
    "probe",
    "light",
    "keyboard",
    "actuator",
    "monitor",
    "screen",
    "port_power",
)
ALSO_CALLED = {"meter": "dc_meter"}  # by the plans for adapters, where there are two meters

MEASURED = pytest.StashKey[list[str]]()
MEASURED_TITLE = "measured"


class Described(NamedTuple):
    """A rig as its files describe it; no hardware has been touched."""

    file: Path
    config: "StationConfig"
    qa: "Qa"
    slots: tuple[str, ...]

    def roles(self, slot: str) -> frozenset[str]:
        its = self.config.slots[slot]
        return frozenset(its.roles) | frozenset(its.shared)

    def unstated(self, slot: str, names: frozenset[str]) -> str:
        """Why a test that needs QA to state these will not do in the slot; empty if it will."""
        missing = sorted(name for name in names if getattr(self.qa.of(slot), name) is None)
        return f"QA states no {', '.join(missing)} for this slot" if missing else ""

    def lacks(self, wanted: frozenset[str]) -> str:
        """Why no slot will do for a test that wants these roles; empty if one will."""
        if not wanted or any(not _missing(wanted, self.roles(slot)) for slot in self.slots):
            return ""
        who = "this rig" if len(self.slots) != 1 else f"slot {self.slots[0]} of this rig"
        if len(self.config.slots) == 1:
            who = "this rig"
        everything = frozenset[str]().union(*map(self.roles, self.slots))
        if missing := _missing(wanted, everything):
            return f"{who} has no {', '.join(missing)}"
        return f"{who} has no slot with {', '.join(sorted(wanted))} together"


DESCRIBED = pytest.StashKey[Described]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("rig", "tests on a rig")
    group.addoption("--rig", type=Path, metavar="FILE", help="the station.toml of a real rig")
    group.addoption("--slot", metavar="NAME", help="use only this slot of the rig")
    group.addoption("--qa", type=Path, metavar="FILE", help="what QA states about the rig")
    group.addoption(
        "--interactive", action="store_true", help="somebody is at the rig to pull cables"
    )
    group.addoption(
        "--cables",
        metavar="MODULE:CLASS",
        help="what pulls cables instead, a hil_tests.rigs.cables.Cables made of the rig and a slot",
    )


def pytest_configure(config: pytest.Config) -> None:
    if not any(line.startswith("needs(") for line in config.getini("markers")):
        config.addinivalue_line("markers", NEEDS)
    if config.getoption("--rig") is not None and config.getoption("dist", "no") != "no":
        raise pytest.UsageError("a rig can do one test at a time: --rig goes without -n")
    _cables(config.getoption("--cables"))  # what is wrong is said before anything begins
    if any(config.getoption(name) is not None for name in ("--rig", "--slot", "--qa")):
        _described(config)


def _cables(name: str | None) -> "Callable[[Rig, str], Cables] | None":
    if name is None:
        return None
    from hil_tests.rigs.cables import Cables

    module, _, attribute = name.partition(":")
    try:
        made = getattr(import_module(module), attribute)
    except Exception as error:  # the module is somebody's, and may raise what it likes
        raise pytest.UsageError(
            f"--cables {name}: {type(error).__name__}: {error}; say MODULE:CLASS"
        ) from error
    if not isinstance(made, type) or not issubclass(made, Cables):
        raise pytest.UsageError(f"--cables {name}: {attribute} is no hil_tests.rigs.cables.Cables")
    return made


def _described(config: pytest.Config) -> Described:
    if DESCRIBED not in config.stash:
        config.stash[DESCRIBED] = _describe(
            config.getoption("--rig") or SIMULATED,
            config.getoption("--slot"),
            config.getoption("--qa"),
        )
    return config.stash[DESCRIBED]


def _describe(file: Path, slot: str | None, qa_file: Path | None) -> Described:
    from hil_tests.rigs import qa
    from station.rig import config

    try:
        station = config.load(file)
        beside = qa.path_beside(file)
        if qa_file is not None or beside.exists():
            stated = qa.load(qa_file or beside, station.slots)
        else:
            stated = qa.Qa()
    except (config.ConfigError, qa.QaError) as error:
        raise pytest.UsageError(str(error)) from error
    if slot is not None and slot not in station.slots:
        known = ", ".join(station.slots)
        raise pytest.UsageError(f"{file}: there is no slot {slot!r}, but {known}")
    return Described(file, station, stated, (slot,) if slot else tuple(station.slots))


# Which tests run where


def _missing(wanted: frozenset[str], roles: frozenset[str]) -> list[str]:
    return sorted(one for one in wanted if not roles & {one, ALSO_CALLED.get(one, one)})


def _needed(node: pytest.Item) -> frozenset[str]:
    return frozenset(role for mark in node.iter_markers("needs") for role in mark.args)


def _needs_stated(node: pytest.Item) -> frozenset[str]:
    return frozenset(
        mark.kwargs["stated"] for mark in node.iter_markers("needs") if "stated" in mark.kwargs
    )


def _check_marks(node: pytest.Item) -> None:
    """A mistake must not run a test for which nothing was stated."""
    for mark in node.iter_markers("needs"):
        from hil_tests.rigs.qa import NOT_BY_DEFAULT

        stated = mark.kwargs.get("stated", NOT_BY_DEFAULT[0])
        if mark.kwargs.keys() - {"stated"} or stated not in NOT_BY_DEFAULT:
            said = ", ".join(f"{name}={value!r}" for name, value in mark.kwargs.items())
            raise pytest.Collector.CollectError(
                f"{node.nodeid}: needs({said}): `stated` is one of {', '.join(NOT_BY_DEFAULT)}"
            )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    _check_marks(metafunc.definition)
    names = frozenset(metafunc.fixturenames)
    if "rig_slot" not in names or _chooses_its_slots(metafunc):
        return
    described = _described(metafunc.config)
    wanted = _needed(metafunc.definition) | names & frozenset(ROLES)
    fitting = [slot for slot in described.slots if not _missing(wanted, described.roles(slot))]
    reason = described.lacks(wanted)
    if "rig_role" not in names:
        metafunc.parametrize("rig_slot", fitting or [_skipped(reason, "")])
        return
    kind = get_type_hints(metafunc.function).get("instrument", Instrument)
    pairs = [
        pytest.param(slot, role, id=f"{slot}-{role}")
        for slot in fitting
        for role in _roles_of_kind(described, slot, kind)
    ]
    reason = reason or f"this rig has no {getattr(kind, '__name__', kind)}"
    metafunc.parametrize(("rig_slot", "rig_role"), pairs or [_skipped(reason, "", "")])


def _chooses_its_slots(metafunc: pytest.Metafunc) -> bool:
    marks = metafunc.definition.iter_markers("parametrize")
    return any("rig_slot" in mark.args[0] for mark in marks)


def _skipped(reason: str, *values: str) -> Any:
    return pytest.param(*values, id="nowhere", marks=pytest.mark.skip(reason=reason))


def _roles_of_kind(described: Described, slot: str, kind: Any) -> list[str]:
    config = described.config
    its = config.slots[slot]
    named = dict(its.roles) | {role: config.shared[name] for role, name in its.shared.items()}
    return [role for role, one in named.items() if issubclass(one.table.kind, kind)]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before anything is opened. Who needs roles as fixtures was sorted when collected."""
    if (wanted := _needed(item)) and (reason := _described(item.config).lacks(wanted)):
        pytest.skip(reason)
    if stated := _needs_stated(item):
        described = _described(item.config)
        chosen = item.callspec.params.get("rig_slot") if hasattr(item, "callspec") else None
        if chosen is None:
            slots = [one for one in described.slots if not _missing(wanted, described.roles(one))]
        else:
            slots = [chosen] if chosen else []  # nowhere: the reason is known
        unstated = [described.unstated(slot, stated) for slot in slots]
        if unstated and all(unstated):
            pytest.skip(unstated[0])


# What is reported


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when != "call":
        return report
    if lines := item.stash.get(MEASURED, []):
        report.sections.append((MEASURED_TITLE, "\n".join(lines)))
    if report.failed and call.excinfo is not None and _is_fault_of_bench(call.excinfo.value):
        # What is not of the test itself pytest and JUnit call an error, and only that.
        report.when = "setup"
        report.sections.append(("whose fault", "The bench's: nothing was said of what is tested."))
    return report


def _is_fault_of_bench(error: BaseException) -> bool:
    from station.engine.bench import BenchNotSafe
    from station.engine.step import BenchFault

    return isinstance(error, DriverError | BenchNotSafe | BenchFault)


def pytest_report_header(config: pytest.Config) -> str | None:
    if config.getoption("--rig") is None:
        return None
    described = _described(config)
    return f"rig: {described.config.station} ({described.file}), {', '.join(described.slots)}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = [
        f"{report.nodeid.rpartition('/')[2]}: {text.replace(chr(10), ', ')}"
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport)
        for title, text in report.sections
        if title == MEASURED_TITLE
    ]
    if lines and terminalreporter.config.get_verbosity() >= 0:
        terminalreporter.section("measured on the rig")
        for line in lines:
            terminalreporter.write_line(line)


class RecordValue(Protocol):
    def __call__(self, name: str, value: float, unit: str) -> None: ...


@pytest.fixture
def record_value(request: pytest.FixtureRequest) -> RecordValue:
    """`record_value(name, value, unit)`: into the terminal's summary and JUnit's properties."""

    def record(name: str, value: float, unit: str) -> None:
        text = f"{value:.9g} {unit}".rstrip()
        request.node.user_properties.append((name, text))
        request.node.stash.setdefault(MEASURED, []).append(f"{name} {text}")

    return record


# The rig and its benches


@pytest.fixture(scope="session")
def rig(request: pytest.FixtureRequest) -> "Iterator[Rig]":
    """The rig, and nobody else's until the end. `rig.open(slot)` gives a bench of any slot."""
    from hil_tests.rigs.lock import RigInUse
    from hil_tests.rigs.rig import LocalRig
    from hil_tests.rigs.twin_rig import TwinRig

    described = _described(request.config)
    kind = TwinRig if request.config.getoption("--rig") is None else LocalRig
    try:
        opened = kind(described.file, described.config, described.qa)
    except RigInUse as error:
        pytest.exit(f"the rig is in use: {error}", returncode=pytest.ExitCode.USAGE_ERROR)
    with _orderly_end(), opened:
        yield opened


@contextmanager
def _orderly_end() -> Iterator[None]:
    """A run that is told to end, or loses its terminal, leaves through its fixtures."""
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
    """The bench of the slot that the test runs in. Instruments open when they are asked for."""
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
    """What QA states about the slot."""
    return rig.qa.of(rig_slot)


@pytest.fixture
def ask(request: pytest.FixtureRequest) -> "Ask":
    """`ask(text)`: somebody at the rig does it and presses Enter. Needs `--interactive`."""

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
    made: Callable[[Rig, str], Cables] | None = _cables(request.config.getoption("--cables"))
    return made(rig, rig_slot) if made is not None else rig.cables(rig_slot, ask)


# Only on the simulated rig, for these break what must not be broken


@pytest.fixture
def world(rig: "Rig", rig_slot: str, bench: "RigBench") -> "Iterator[World]":
    """What is at the simulated slot; as it was, afterwards."""
    from hil_tests.rigs.twin_rig import TwinRig

    if not isinstance(rig, TwinRig):
        pytest.skip("only the simulated rig may be broken")
    yield rig.world(rig_slot)
    rig.restore(rig_slot)


@pytest.fixture
def wire(rig: "Rig", rig_slot: str, bench: "RigBench") -> "Iterator[Wire]":
    """The slot's wires, to be cut, muted and garbled; mended afterwards."""
    from hil_tests.rigs.twin_rig import TwinRig

    if not isinstance(rig, TwinRig):
        pytest.skip("only the simulated rig may be broken")
    wire = rig.cables(rig_slot)
    yield wire
    wire.mend()


# The instruments, by role


@pytest.fixture
def instrument(bench: "RigBench", rig_role: str) -> Instrument:
    """Each instrument of the kind that the test's annotation says, in each slot."""
    return bench.get(rig_role, Instrument)


@pytest.fixture
def supply(bench: "RigBench") -> PowerSupply:
    return bench.get("supply", PowerSupply)


@pytest.fixture
def load(bench: "RigBench") -> ElectronicLoad:
    return bench.get("load", ElectronicLoad)


@pytest.fixture
def meter(bench: "RigBench") -> PowerMeter:
    """The DC meter; `dc_meter` where plans call it so."""
    from hil_tests.rigs.rig import meter_of

    return bench.get(meter_of(bench), PowerMeter)


@pytest.fixture
def mains_meter(bench: "RigBench") -> MainsMeter:
    return bench.get("mains_meter", MainsMeter)


@pytest.fixture
def zones(bench: "RigBench") -> LightArray:
    return bench.get("zones", LightArray)


@pytest.fixture
def probe(bench: "RigBench", rig: "Rig", rig_slot: str, ask: "Ask") -> ColourMeter:
    """The colour meter. Where slots share it, somebody has to bring it."""
    name = rig.config.slots[rig_slot].shared.get("probe")
    users = [slot for slot in rig.config.slots.values() if name in slot.shared.values()]
    if not rig.simulated and len(users) > 1:
        ask(f"Put the colour probe on the middle of the screen in slot {rig_slot}.")
    return bench.get("probe", ColourMeter)


@pytest.fixture
def light(bench: "RigBench") -> LightMeter:
    return bench.get("light", LightMeter)


@pytest.fixture
def keyboard(bench: "RigBench") -> KeySource:
    return bench.get("keyboard", KeySource)


@pytest.fixture
def actuator(bench: "RigBench") -> KeyActuator:
    return bench.get("actuator", KeyActuator)


@pytest.fixture
def monitor(bench: "RigBench") -> Monitor:
    return bench.get("monitor", Monitor)


@pytest.fixture
def screen(bench: "RigBench") -> PatternSource:
    return bench.get("screen", PatternSource)


@pytest.fixture
def port_power(bench: "RigBench") -> PortPower:
    return bench.get("port_power", PortPower)

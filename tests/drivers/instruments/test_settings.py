"""A signature's settings are those that the constructor takes: no more, and no less."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

import pytest

from drivers.buses import Time
from drivers.errors import DriverError
from drivers.formats.key_layouts import LAYOUTS
from drivers.instruments.fixtures.key_actuator import SOLENOID_HZ, KeyActuator
from drivers.instruments.fixtures.pca9685 import Pca9685
from drivers.instruments.fixtures.tca9548a import Tca9548a
from drivers.instruments.light.tcs34725 import Tcs34725
from drivers.instruments.light.tsl2591 import Tsl2591
from drivers.instruments.light.veml7700 import Veml7700
from drivers.instruments.mains.pzem004t import Pzem004t
from drivers.instruments.power.ina219 import Ina219
from drivers.instruments.power.ina226 import Ina226
from drivers.instruments.power.ina228 import Ina228
from drivers.instruments.power.ina260 import Ina260
from drivers.instruments.power.it8500 import It8500
from drivers.instruments.power.ka3000 import Ka3000
from drivers.instruments.power.kel103 import Kel103
from drivers.instruments.power.rd60xx import Rd60xx
from drivers.sim.faults import Mute
from drivers.sim.hardware import SimulatedI2cBus, SimulatedSerial
from drivers.sim.instruments.fixtures.pca9685 import SimulatedPca9685
from drivers.sim.instruments.light.tcs34725 import SimulatedTcs34725
from drivers.sim.instruments.light.tsl2591 import SimulatedTsl2591
from drivers.sim.instruments.light.veml7700 import SimulatedVeml7700
from drivers.sim.instruments.mains.pzem004t import SimulatedPzem004t
from drivers.sim.instruments.power.ina219 import SimulatedIna219
from drivers.sim.instruments.power.ina226 import SimulatedIna226
from drivers.sim.instruments.power.ina228 import SimulatedIna228
from drivers.sim.instruments.power.ina260 import SimulatedIna260
from drivers.sim.instruments.power.it8500 import SimulatedIt8500
from drivers.sim.instruments.power.ka3000 import SimulatedKa3000
from drivers.sim.instruments.power.kel103 import SimulatedKel103
from drivers.sim.instruments.power.rd60xx import SimulatedRd60xx
from drivers.sim.light import FixedScene, Scene
from drivers.sim.mains import MainsLine
from drivers.sim.world import Circuit, SimulatedTime
from drivers.wiring import Between, OneOf

TIME = SimulatedTime()


class DeadBus(SimulatedI2cBus):
    """A bus without chips, which counts what is sent to them."""

    def __init__(self) -> None:
        super().__init__({})
        self.sent = 0

    def transfer(self, address: int, write: bytes = b"", read_size: int = 0) -> bytes:
        self.sent += 1
        return super().transfer(address, write, read_size)


class DeadLine(SimulatedSerial):
    """A line without an instrument, which counts what is sent to it."""

    def __init__(self) -> None:
        super().__init__(Mute(), time=TIME)
        self.sent = 0

    def write(self, data: bytes, /) -> int:
        self.sent += 1
        return super().write(data)


class Driver(NamedTuple):
    kind: type
    wire: type[DeadBus] | type[DeadLine]
    settings: Mapping[str, Any] = {}


CHIPS = (Pca9685, Tcs34725, Tsl2591, Veml7700)
SERIAL = (Pzem004t, Rd60xx, Ka3000, It8500)
DRIVERS = [
    *(Driver(kind, DeadBus, {"time": TIME}) for kind in CHIPS),
    Driver(Tca9548a, DeadBus),
    *(Driver(kind, DeadLine, {"time": TIME} if kind is not It8500 else {}) for kind in SERIAL),
]


def _marked(kind: type) -> Iterator[tuple[str, Between | OneOf]]:
    for name, hint in get_type_hints(vars(kind)["__init__"], include_extras=True).items():
        if get_origin(hint) is Annotated:
            for mark in get_args(hint)[1:]:
                if isinstance(mark, Between | OneOf):
                    yield name, mark


def _inside(mark: Between | OneOf) -> tuple[Any, ...]:
    return mark.values if isinstance(mark, OneOf) else (mark.low, mark.high)


def _outside(mark: Between | OneOf) -> tuple[Any, ...]:
    if isinstance(mark, OneOf):
        return (min(mark.values) - 1, max(mark.values) + 1)
    step = 1 if isinstance(mark.low, int) else mark.low / 2 or 0.001
    return (mark.low - step, mark.high + step, float("nan"))


# A shunt and a current have to fit together, so their ends are not taken with every other.
SHUNTED = [
    Driver(Ina219, DeadBus, {"time": TIME, "shunt_ohm": 0.1, "max_a": 2.0}),
    Driver(Ina226, DeadBus, {"time": TIME, "shunt_ohm": 0.1, "max_a": 0.5}),
    Driver(Ina228, DeadBus, {"time": TIME, "shunt_ohm": 0.1}),
    Driver(Ina260, DeadBus, {"time": TIME}),
]
CASES = [(driver, name, mark) for driver in DRIVERS for name, mark in _marked(driver.kind)]
NAMES = [f"{driver.kind.__name__}.{name}" for driver, name, _ in CASES]
MORE = [(driver, name, mark) for driver in SHUNTED for name, mark in _marked(driver.kind)]


@pytest.mark.parametrize(("driver", "name", "mark"), CASES, ids=NAMES)
def test_a_value_within_the_mark_is_taken(driver: Driver, name: str, mark: Between | OneOf) -> None:
    for value in _inside(mark):
        wire = driver.wire()
        with pytest.raises(DriverError):  # nothing answers, which is noticed by asking
            driver.kind(wire, **{**driver.settings, name: value})
        assert wire.sent > 0


@pytest.mark.parametrize(("driver", "name", "mark"), CASES + MORE)
def test_a_value_outside_the_mark_is_refused_with_nothing_sent(
    driver: Driver, name: str, mark: Between | OneOf
) -> None:
    for value in _outside(mark):
        wire = driver.wire()
        with pytest.raises(ValueError, match=r"."):
            driver.kind(wire, **{**driver.settings, name: value})
        assert wire.sent == 0


def test_each_address_unit_and_range_has_a_mark() -> None:
    assert {
        "Pca9685.address", "Pca9685.frequency_hz", "Tca9548a.address", "Tcs34725.address",
        "Tsl2591.address", "Veml7700.address", "Pzem004t.address", "Pzem004t.range_a",
        "Rd60xx.unit", "Ka3000.max_v", "Ka3000.max_a", "It8500.address",
    } == set(NAMES)  # fmt: skip
    assert [f"{driver.kind.__name__}.{name}" for driver, name, _ in MORE] == [
        "Ina219.address", "Ina219.shunt_ohm", "Ina219.max_a", "Ina219.averages",
        "Ina219.shunt_tolerance_percent", "Ina219.shunt_ppm_per_k",
        "Ina226.address", "Ina226.shunt_ohm", "Ina226.max_a", "Ina226.averages",
        "Ina226.shunt_tolerance_percent", "Ina226.shunt_ppm_per_k",
        "Ina228.address", "Ina228.shunt_ohm", "Ina228.averages",
        "Ina228.shunt_tolerance_percent", "Ina228.shunt_ppm_per_k",
        "Ina260.address", "Ina260.averages",
    ]  # fmt: skip


def test_the_all_call_address_is_never_a_boards_own() -> None:
    with pytest.raises(ValueError, match="PCA9685: 0x70 is not an address that it can have"):
        Pca9685(DeadBus(), 0x70, time=TIME)


@pytest.mark.parametrize("duty", ["strike_duty", "hold_duty"])
def test_the_marks_of_a_finger_are_what_it_takes(duty: str) -> None:
    bus = SimulatedI2cBus({0x40 + n: SimulatedPca9685() for n in range(6)})
    boards = [Pca9685(bus, 0x40 + n, time=TIME, frequency_hz=SOLENOID_HZ) for n in range(6)]
    marks = dict(_marked(KeyActuator))
    layout = LAYOUTS["ansi-87"]
    for name in (duty, "strike_s"):
        for value in _inside(marks[name]):
            KeyActuator(boards, layout=layout, time=TIME, **{name: value}).make_safe()
        for value in _outside(marks[name]):
            with pytest.raises(ValueError, match=f"{value}"):
                KeyActuator(boards, layout=layout, time=TIME, **{name: value})


@pytest.mark.parametrize("driver", DRIVERS + SHUNTED, ids=lambda driver: driver.kind.__name__)
def test_what_a_file_may_set_is_given_by_name(driver: Driver) -> None:
    positional = [
        one.name
        for one in inspect.signature(driver.kind).parameters.values()
        if one.kind is not inspect.Parameter.KEYWORD_ONLY
    ]
    assert positional[1:] in ([], ["address"])


TWINS: list[tuple[type, type, Mapping[str, Any]]] = [
    (Pzem004t, SimulatedPzem004t, {"address": 5, "range_a": 10.0}),
    (Pzem004t, SimulatedPzem004t, {"address": 0xF8, "range_a": 100.0}),
    (Rd60xx, SimulatedRd60xx, {"unit": 9}),
    (It8500, SimulatedIt8500, {"address": 17}),
    (Ka3000, SimulatedKa3000, {"max_v": 24.0, "max_a": 2.0}),
    (Kel103, SimulatedKel103, {}),
    (Ina219, SimulatedIna219, {"shunt_ohm": 0.05, "max_a": 3.0}),
    (Ina226, SimulatedIna226, {"shunt_ohm": 0.05, "max_a": 1.0}),
    (Ina228, SimulatedIna228, {"shunt_ohm": 0.05}),
    (Ina260, SimulatedIna260, {}),
    (Tcs34725, SimulatedTcs34725, {}),
    (Tsl2591, SimulatedTsl2591, {}),
    (Veml7700, SimulatedVeml7700, {}),
]


@pytest.mark.parametrize(("kind", "twin_kind", "settings"), TWINS)
def test_a_twin_takes_the_world_by_type_and_settings_by_the_names_of_its_driver(
    kind: type, twin_kind: type, settings: Mapping[str, Any]
) -> None:
    """So that a simulated rig is wired from the two signatures alone."""
    time = SimulatedTime()
    world = (Circuit(), MainsLine(), FixedScene(), time)
    hints = get_type_hints(twin_kind.__init__)  # type: ignore[misc]
    given: dict[str, Any] = {}
    for parameter in inspect.signature(twin_kind).parameters.values():
        wanted = get_args(hints[parameter.name]) or (hints[parameter.name],)
        for part_kind, part in zip((Circuit, MainsLine, Scene, Time), world, strict=True):
            if part_kind in wanted:
                given[parameter.name] = part
        if parameter.name in settings:
            given[parameter.name] = settings[parameter.name]
        assert parameter.name in given or parameter.default is not parameter.empty
    twin = twin_kind(**given)
    wire: Any
    if hasattr(twin, "receive"):
        wire = SimulatedSerial(twin, time=time)
    else:
        address = inspect.signature(kind).parameters["address"].default
        wire = SimulatedI2cBus({address: twin})
    injected = {"time": time} if "time" in inspect.signature(kind).parameters else {}
    assert kind(wire, **settings, **injected).identity.maker

"""Four INA chips, each on the circuit of its data sheet's example, and what that has to give."""

from collections.abc import Callable
from typing import Any, NamedTuple

from drivers.capabilities import PowerMeter
from drivers.instruments.power.ina219 import Ina219
from drivers.instruments.power.ina226 import Ina226
from drivers.instruments.power.ina228 import Ina228
from drivers.instruments.power.ina260 import Ina260
from drivers.sim.instruments.power.ina import SimulatedIna
from drivers.sim.instruments.power.ina219 import SimulatedIna219
from drivers.sim.instruments.power.ina226 import SimulatedIna226
from drivers.sim.instruments.power.ina228 import SimulatedIna228
from drivers.sim.instruments.power.ina260 import SimulatedIna260

Frames = list[tuple[bytes, bytes]]


def frames(text: str) -> Frames:
    """Return transfers from lines such as `01 → 07 d0` (a register is read) or `00 80 00`."""
    halves = [line.partition("→") for line in text.strip().splitlines()]
    return [(bytes.fromhex(sent), bytes.fromhex(back)) for sent, _, back in halves]


class Case(NamedTuple):
    """One chip on a circuit, and what its data sheet says about both."""

    kind: Callable[..., PowerMeter]
    twin: Callable[..., SimulatedIna]
    settings: dict[str, Any]
    """The settings that the driver is given for the example."""

    twin_settings: dict[str, Any]
    source_v: float
    load_ohm: float
    example: tuple[float, float, float]
    """Volts, amperes and watts of the example."""

    opening: Frames
    reading: Frames
    second: bytes
    """The register of the second quantity that is read: too late for another moment's."""

    flags: bytes
    current: bytes
    moments: tuple[bytes, ...]
    """The registers before whose reading a brown-out spoils the sample."""

    after_reset: str
    never_ready: tuple[Callable[[bytes], bytes], str]
    too_much_a: tuple[float, ...]
    beyond: str
    too_much_v: float
    bus_beyond: str
    stranger: str
    fine: dict[str, Any]
    """Settings for the search for resolution, with the twin's, and how far and how fine they go."""

    twin_fine: dict[str, Any]
    most: tuple[float, float]
    half_a_count: tuple[float, float]
    averages: tuple[int, ...]
    revision: str = ""


# SBOS448, "Measuring Current and Power", the worked example: 10 A through 2 mΩ at 11.98 V,
# 1 mA per count, so calibration 0x5000, shunt 0x07D0, bus 0x5D98, current 0x2710, power 0x1766.
INA219 = Case(
    kind=Ina219,
    twin=SimulatedIna219,
    settings={"shunt_ohm": 0.002, "max_a": 32.768},
    twin_settings={"shunt_ohm": 0.002},
    source_v=11.98,
    load_ohm=1.198,
    example=(11.98, 10.0, 119.8),
    opening=frames("""
        02 → 00
        03 → 00
        04 → 00
        fe → 00 00
        3e → 00 00
        00 → 39 9f
        00 80 00
        00 → 39 9f
        05 50 01
        05 → 50 00"""),
    reading=frames("""
        00 3e 63
        02 → 5d 9a
        01 → 07 d0
        04 → 27 10
        00 → 3e 63
        05 → 50 00"""),
    second=b"\x01",
    flags=b"\x02",
    current=b"\x04",
    moments=(b"\x04",),
    after_reset="0x399f",
    never_ready=(
        lambda answer: bytes([answer[0], answer[-1] & 0xFD]) if len(answer) == 2 else answer,
        "no conversion ready, register 0x02 0x5d98",
    ),
    too_much_a=(39.9, 171.1, -45.0),
    beyond=r"beyond ±32\.768 A, or ±320 mV across the shunt",
    too_much_v=40.0,
    bus_beyond="bus beyond 32 V",
    stranger="",
    fine={"shunt_ohm": 0.1, "max_a": 3.2},
    twin_fine={"shunt_ohm": 0.1},
    most=(26.0, 3.1),
    half_a_count=(0.0021, 0.0002),
    averages=(1, 2, 4, 8, 16, 32, 64, 128),
)

# SBOS547, "Configure, Measure, and Calculate Example": 10 A through 2 mΩ at 11.98 V, 1 mA per
# count, so calibration 0x0A00, shunt 0x1F40, bus 0x2570, current 0x2710, power 0x12B8.
INA226 = Case(
    kind=Ina226,
    twin=SimulatedIna226,
    settings={"shunt_ohm": 0.002, "max_a": 32.768},
    twin_settings={"shunt_ohm": 0.002},
    source_v=11.98,
    load_ohm=1.198,
    example=(11.98, 10.0, 119.8),
    opening=frames("""
        fe → 54 49
        ff → 22 60
        00 80 00
        05 0a 00"""),
    reading=frames("""
        00 45 23
        06 → 00 08
        01 → 1f 40
        02 → 25 70
        04 → 27 10
        00 → 45 23
        05 → 0a 00"""),
    second=b"\x02",
    flags=b"\x06",
    current=b"\x04",
    moments=(b"\x06", b"\x04"),
    after_reset="0x4127",
    never_ready=(lambda answer: bytes(2), "no conversion ready, register 0x06 0x0000"),
    too_much_a=(39.9, 171.1, -45.0),
    beyond=r"beyond ±32\.768 A, or ±81\.92 mV across the shunt",
    too_much_v=48.0,
    bus_beyond="bus beyond 40.96 V",
    stranger="not 0x5449, 0x2260",
    fine={"shunt_ohm": 0.1, "max_a": 0.8192},
    twin_fine={"shunt_ohm": 0.1},
    most=(36.0, 0.8),
    half_a_count=(0.00063, 0.00004),
    averages=(1, 4, 16, 64, 128, 256, 512, 1024),
    revision="revision 0",
)

# 48 V are 245760 × 195.3125 µV, 2 A through 10 mΩ 64000 × 312.5 nV, 20 bits on the left.
INA228 = Case(
    kind=Ina228,
    twin=SimulatedIna228,
    settings={"shunt_ohm": 0.01},
    twin_settings={"shunt_ohm": 0.01},
    source_v=48.0,
    load_ohm=24.0,
    example=(48.0, 2.0, 96.0),
    opening=frames("""
        3e → 54 49
        3f → 22 81
        00 80 00
        02 10 00
        0b 80 00"""),
    reading=frames("""
        01 3b 6a
        0b → 80 03
        04 → 0f a0 00
        05 → 3c 00 00
        07 → 0f a0 00
        01 → 3b 6a
        02 → 10 00"""),
    second=b"\x05",
    flags=b"\x0b",
    current=b"\x07",
    moments=(b"\x0b", b"\x04", b"\x07"),
    after_reset="0xfb68",
    never_ready=(lambda answer: b"\x80\x01", "no conversion ready, DIAG_ALRT 0x8001"),
    too_much_a=(17.0, -18.0),
    beyond=r"beyond ±16\.384 A, or ±163\.84 mV across the shunt",
    too_much_v=110.0,
    bus_beyond="bus beyond 102.4 V",
    stranger="not 0x5449, 0x2280",
    fine={"shunt_ohm": 0.01},
    twin_fine={"shunt_ohm": 0.01},
    most=(85.0, 16.0),
    half_a_count=(0.0001, 0.000016),
    averages=(1, 4, 16, 64, 128, 256, 512, 1024),
    revision="revision 1",
)

# SBOS656, "Calculating Returned Values": 1.25 mA, 1.25 mV and 10 mW in a count: 10 A 0x1F40,
# 11.98 V 0x2570, 119.8 W 0x2ECC.
INA260 = Case(
    kind=Ina260,
    twin=SimulatedIna260,
    settings={},
    twin_settings={},
    source_v=11.98,
    load_ohm=1.198,
    example=(11.98, 10.0, 119.8),
    opening=frames("""
        fe → 54 49
        ff → 22 70
        00 80 00"""),
    reading=frames("""
        00 65 23
        06 → 00 08
        01 → 1f 40
        02 → 25 70
        00 → 65 23"""),
    second=b"\x02",
    flags=b"\x06",
    current=b"\x01",
    moments=(b"\x06", b"\x01"),
    after_reset="0x6127",
    never_ready=(lambda answer: bytes(2), "no conversion ready, register 0x06 0x0000"),
    too_much_a=(15.002, 39.9, 60.0, -15.002, -60.0),
    beyond=r"beyond ±15 A, or ±30 mV across the shunt",
    too_much_v=48.0,
    bus_beyond="bus beyond 40.96 V",
    stranger="not 0x5449, 0x2270",
    fine={},
    twin_fine={},
    most=(36.0, 15.0),
    half_a_count=(0.00063, 0.00063),
    averages=(1, 4, 16, 64, 128, 256, 512, 1024),
    revision="revision 0",
)

CASES = {"INA219": INA219, "INA226": INA226, "INA228": INA228, "INA260": INA260}

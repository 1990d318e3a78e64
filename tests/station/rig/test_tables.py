"""Tables of `station.toml`: each opens its driver over its twin and gives back what it took."""

from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from pathlib import Path

import msgspec
import pytest

from drivers import find
from drivers.buses import ByteStream, Hardware, I2cBus, Screen, UsbDevice
from drivers.capabilities import Actuator, Instrument, PortPower
from drivers.errors import DriverError, NotConnected
from drivers.instruments.fixtures.usb_port_power import UsbPortPower
from drivers.sim.devices.keyboard import SimulatedKeyboard
from station.rig.config import StationConfig, load
from station.rig.rehearsal import Nowhere
from station.rig.schema import schema_of
from station.rig.tables import InstrumentTable, read
from station.rig.wires import SERIAL
from station.simulate.rig import SimulatedRig
from tests.station.benches import table_of

EVERYTHING = """
station = "all"

[slots.left]
equipment = ["laptop-adapter"]

[slots.left.roles]
mains_meter = { driver = "pzem004t", port = "/dev/a", address = 5, range_a = 10.0 }
meter = { driver = "ina228", bus = 1, address = 0x40, shunt_ohm = 0.005, averages = 64 }
load = { driver = "it8500", port = "/dev/b", address = 3 }
meter_219 = { driver = "ina219", bus = 2, address = 0x41, shunt_ohm = 0.1, max_a = 1.0 }
meter_260 = { driver = "ina260", bus = 2, address = 0x43 }
meter_226 = { driver = "ina226", bus = 2, address = "0x42", shunt_ohm = 0.02, max_a = 4.0 }
supply_korad = { driver = "ka3000", port = "/dev/c" }
supply_riden = { driver = "rd60xx", port = "/dev/d", unit = 7 }
supply_scpi = { driver = "scpi_supply", port = "/dev/e", dialect = "siglent-spd3303x", channel = 2 }
load_korad = { driver = "kel103", port = "/dev/f" }
flicker = { driver = "light_board", port = "/dev/j" }
atx = { driver = "atx_board", port = "/dev/k" }
ps2 = { driver = "ps2_board", port = "/dev/i" }
finger_board = { driver = "finger_board", port = "/dev/h", layout = "iso-105" }
load_scpi = { driver = "scpi_load", port = "/dev/g", dialect = "rigol-dl3000" }
light = { driver = "tsl2591", bus = 3, mux = [{ address = 0x70, channel = 2 }] }
lux = { driver = "veml7700", bus = 4, mux = [{ address = 0x71, channel = 7 }] }
screen = { driver = "pattern_screen", connector = "HDMI-A-1" }
monitor = { driver = "ddc_monitor", bus = 20 }
keyboard = { driver = "hid_keyboard", port = "1-1.4" }
port_power = { driver = "usb_port_power", port = "1-1.4", superspeed_port = "2-1.4" }
fingers = { driver = "key_actuator", bus = 5, layout = "ansi-87", boards = [
  { address = 0x40 }, { address = 0x41 }, { address = 0x42 }, { address = 0x43 },
  { address = 0x44 }, { address = 0x45, bus = 7 },
] }

[slots.left.roles.zones]
driver = "screen_zones"
bus = 6
meters = [
  { mux = [{ address = 0x70, channel = 0 }] }, { mux = [{ address = 0x70, channel = 1 }] },
  { mux = [{ address = 0x70, channel = 2 }] }, { mux = [{ address = 0x70, channel = 3 }] },
  { mux = [{ address = 0x70, channel = 4 }] }, { mux = [{ address = 0x70, channel = 5 }] },
  { mux = [{ address = 0x70, channel = 6 }] }, { mux = [{ address = 0x70, channel = 7 }] },
  { mux = [{ address = 0x71, channel = 0 }] },
]

[slots.left.roles.colour]
driver = "tcs34725"
bus = 3
mux = [{ address = 0x70, channel = 1 }]
matrix = [[100, 0, 0], [0, 100, 0], [0, 0, 100]]
"""
DEVICES = {"ddc_monitor", "hid_keyboard"}
ROLES = {
    line.partition(" =")[0]: line.split('"')[1]
    for line in EVERYTHING.splitlines()
    if "{ driver =" in line
} | {"zones": "screen_zones", "colour": "tcs34725"}


@pytest.fixture
def config(tmp_path: Path) -> StationConfig:
    (path := tmp_path / "station.toml").write_text(EVERYTHING)
    return load(path)


def test_the_rig_of_this_test_has_one_of_every_driver() -> None:
    assert set(ROLES.values()) == set(find.names())


@pytest.mark.parametrize("role", [role for role in ROLES if ROLES[role] not in DEVICES])
def test_every_instrument_opens_over_its_twin_and_names_itself(
    config: StationConfig, role: str
) -> None:
    table = config.slots["left"].roles[role]
    assert table.driver == ROLES[role]
    hardware = SimulatedRig(config).hardware["left"]
    with ExitStack() as closing:
        instrument: Instrument = table.open(hardware, closing)
        assert isinstance(instrument, table.kind)
        assert instrument.identity.model
        if isinstance(instrument, Actuator):
            instrument.make_safe()


def opened(table: InstrumentTable, hardware: Hardware) -> Instrument:
    with ExitStack() as closing:
        instrument = table.open(hardware, closing)
        assert isinstance(instrument, Instrument)
        return instrument


@pytest.mark.parametrize("role", sorted(ROLES))
def test_an_instrument_that_is_not_there_is_the_benchs_fault(
    config: StationConfig, role: str
) -> None:
    with pytest.raises(DriverError):
        opened(config.slots["left"].roles[role], Nowhere())


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_right_table_survives_its_rehearsal(config: StationConfig, role: str) -> None:
    table = config.slots["left"].roles[role]
    table.rehearse()
    assert table.occupies()


@pytest.mark.parametrize("driver", find.names())
def test_a_driver_is_a_device_under_test_or_an_instrument(driver: str) -> None:
    assert schema_of(find.find(driver)).device is (driver in DEVICES)


@pytest.mark.parametrize("driver", find.names())
def test_every_table_takes_a_date_of_calibration_and_no_unknown_key(driver: str) -> None:
    wrong: list[str] = []
    read(schema_of(find.find(driver)), {"volts": 1, "calibrated_until": "x"}, "here", wrong)
    assert any(line.startswith("here: there is no key `volts`; ") for line in wrong)
    assert "here.calibrated_until: 'x' is not a date such as 2026-11-29" in wrong


@pytest.mark.parametrize("written", [date(2027, 3, 31), "2027-03-31"])
def test_a_calibration_date_may_be_written_both_ways(written: object) -> None:
    table = table_of("kel103", port="/dev/x", calibrated_until=written)
    assert table.calibrated_until == date(2027, 3, 31)


def test_settings_that_the_tables_of_version_0_1_could_not_say_reach_the_driver(
    config: StationConfig,
) -> None:
    roles = config.slots["left"].roles
    assert roles["mains_meter"].values["range_a"] == 10.0
    assert roles["colour"].values["matrix"] == [[100.0, 0, 0], [0, 100.0, 0], [0, 0, 100.0]]
    assert roles["meter"].values["averages"] == 64


def test_what_parts_have_in_common_stands_once_and_a_part_may_differ(
    config: StationConfig,
) -> None:
    assert config.slots["left"].roles["fingers"].occupies() == (
        *(f"I²C bus 5, address {0x40 + n:#04x}" for n in range(5)),
        "I²C bus 7, address 0x45",
    )


class _Line(Nowhere):
    """A line on which no instrument answers, and which knows whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: tuple[str, int] = ("", 0)
        self.closed = False

    def serial(self, port: str, *, baudrate: int, timeout_s: float = 1.0) -> ByteStream:
        self.asked = (port, baudrate)
        return _Closing(self)


class _Closing:
    def __init__(self, watch: _Line) -> None:
        self._watch = watch

    def write(self, data: bytes, /) -> int:
        raise NotConnected("silent")

    def read(self, size: int = 1, /) -> bytes:
        raise NotConnected("silent")

    def read_until(self, expected: bytes, /) -> bytes:
        raise NotConnected("silent")

    def read_until_quiet(self, size: int, quiet_s: float, /) -> bytes:
        raise NotConnected("silent")

    def reset_input_buffer(self) -> None:
        raise NotConnected("silent")

    def close(self) -> None:
        self._watch.closed = True


@pytest.mark.parametrize(
    "role", [role for role in ROLES if schema_of(find.find(ROLES[role])).wire is SERIAL]
)
def test_a_port_is_given_back_when_nobody_answers_on_it(config: StationConfig, role: str) -> None:
    table = config.slots["left"].roles[role]
    line = _Line()
    with pytest.raises(NotConnected):
        opened(table, line)
    assert line.closed
    assert line.asked[0] == table.serial_port
    assert line.asked[1] >= 1200


def test_a_baudrate_in_the_table_counts(config: StationConfig) -> None:
    table = config.slots["left"].roles["load"]
    line = _Line()
    with pytest.raises(NotConnected):
        opened(replace(table, values={**table.values, "baudrate": 38400}), line)
    assert line.asked == ("/dev/b", 38400)


def test_a_dialects_own_baudrate_counts() -> None:
    line = _Line()
    with pytest.raises(NotConnected):
        opened(table_of("scpi_supply", port="/dev/x", dialect="owon-spe"), line)
    assert line.asked == ("/dev/x", 115200)


@pytest.mark.parametrize("port", ["1", "1-0", "1-1.0", "usb:1-1.4", "1-1.4.", ""])
def test_the_power_of_what_is_no_port_of_a_hub_is_no_instrument(port: str) -> None:
    wrong: list[str] = []
    assert read(schema_of(UsbPortPower), {"port": port}, "here", wrong) is None
    assert wrong == [f"here.port: {port!r} is no USB port; one looks like 1-1.4"]


@pytest.mark.parametrize("superspeed", ["1-1.4", "1-2", "1-2.4"])
def test_the_halves_of_a_blue_socket_are_on_two_buses(superspeed: str) -> None:
    said = (
        f"superspeed_port '{superspeed}' is on bus 1, as port '1-1.4' is: a blue socket is on two"
    )
    with pytest.raises(ValueError, match=said):
        table_of("usb_port_power", port="1-1.4", superspeed_port=superspeed).rehearse()


@pytest.mark.parametrize("driver", ["hid_keyboard", "usb_port_power"])
def test_the_farthest_port_there_can_be_is_one(driver: str) -> None:
    for port in ("1-1.2.3.4.5.6", "12-255.255"):
        assert table_of(driver, port=port).device_ports() == (port,)


def test_the_power_of_a_socket_of_the_computer_itself_is_its_root_hubs(
    config: StationConfig,
) -> None:
    slot = config.slots["left"]
    table = table_of("usb_port_power", port="1-2", superspeed_port="2-3")
    slots = {"left": msgspec.structs.replace(slot, roles={"port_power": table})}
    rig = SimulatedRig(msgspec.structs.replace(config, slots=slots))
    with ExitStack() as closing:
        power = table.open(rig.hardware["left"], closing)
        assert isinstance(power, UsbPortPower)
        power.switch(on=False)
        assert power.name == "port 2 of the hub at 1-0"
        assert [hub.port for hub in rig.worlds["left"].hubs] == ["1-0", "2-0"]
        vbus = rig.worlds["left"].vbus
        assert vbus is not None
        rig.worlds["left"].time.sleep(2.0)
        assert vbus.voltage_at(0.0) < 0.1


def test_a_hub_is_closed_after_the_run(config: StationConfig) -> None:
    table = config.slots["left"].roles["port_power"]
    closing = ExitStack()
    port = table.open(SimulatedRig(config).hardware["left"], closing)
    assert isinstance(port, PortPower)
    closing.close()
    with pytest.raises(NotConnected, match="closed"):
        port.read_state()


def test_a_keyboard_is_given_back_to_the_kernel_after_the_run(config: StationConfig) -> None:
    rig = SimulatedRig(config)
    world = rig.worlds["left"]
    world.plug(SimulatedKeyboard(world.time))
    table = config.slots["left"].roles["keyboard"]
    for _ in range(2):  # what the first run does not give back, the second cannot have
        with ExitStack() as closing:
            assert table.open(rig.hardware["left"], closing).identity.maker == "ACME"


class _OneBus(Nowhere):
    def __init__(self) -> None:
        super().__init__()
        self.buses: list[int] = []

    def i2c(self, bus: int) -> I2cBus:
        self.buses.append(bus)
        raise NotConnected(f"/dev/i2c-{bus}: no such bus")

    def usb(self, port: str) -> UsbDevice:
        raise NotConnected(port)

    def screen(self, connector: str) -> Screen:
        raise NotConnected(connector)


def test_a_bus_that_is_not_there_is_named(config: StationConfig) -> None:
    hardware = _OneBus()
    for role in ("meter", "zones", "fingers", "colour"):
        with pytest.raises(NotConnected, match=r"/dev/i2c-\d: no such bus"):
            opened(config.slots["left"].roles[role], hardware)
    assert hardware.buses == [1, 6, 5, 3]


@pytest.mark.parametrize(
    ("driver", "table", "expected"),
    [
        ("ina226", {"bus": 1, "shunt_ohm": 0.01, "max_a": 5.0}, ("I²C bus 1",)),
        ("ka3000", {"port": "usb:1-1.2.3"}, ("USB hub 1-1.2", "USB hub 1-1")),
        ("ka3000", {"port": "usb:1-1"}, ()),
        ("ka3000", {"port": "/dev/ttyAMA0"}, ()),
        ("pzem004t", {"port": "/dev/ttyAMA0", "in_common": ["socket A"]}, ("socket A",)),
        ("hid_keyboard", {"port": "1-1.4"}, ("USB hub 1-1",)),
        ("usb_port_power", {"port": "1-1.4"}, ("USB hub 1-1",)),
        ("ddc_monitor", {"bus": 3}, ("I²C bus 3",)),
        ("pattern_screen", {"connector": "HDMI-A-1"}, ()),
    ],
)
def test_an_instrument_knows_what_fails_together_with_others(
    driver: str, table: dict[str, object], expected: tuple[str, ...]
) -> None:
    """An ERROR of one casts doubt on what the others have found: see `records.conclude`."""
    assert table_of(driver, **table).shares() == expected

"""Tables of `station.toml`: each opens its driver over its twin and gives back what it took."""

from contextlib import ExitStack
from datetime import date
from pathlib import Path

import msgspec
import pytest

from drivers.buses import ByteStream, Hardware, I2cBus, Screen, UsbDevice
from drivers.capabilities import Actuator, Instrument, PortPower
from drivers.errors import DriverError, NotConnected
from drivers.instruments.fixtures.usb_hub import UsbPortPower
from station.rig.config import Named, StationConfig, load
from station.rig.instruments import (
    DRIVERS,
    HidKeyboardTable,
    I2cTable,
    InstrumentTable,
    SerialTable,
)
from station.rig.rehearsal import Nowhere
from station.simulate.rig import SimulatedRig

EVERYTHING = """
station = "all"

[slots.left]
kind = "laptop adapter"
plans = ["laptop-adapter-65w"]

[slots.left.roles]
mains_meter = { driver = "pzem004t", port = "/dev/a" }
dc_meter = { driver = "ina228", bus = 1, address = 0x40, shunt_ohm = 0.005 }
load = { driver = "it8500", port = "/dev/b" }
meter_219 = { driver = "ina219", bus = 2, address = 0x41, shunt_ohm = 0.1, max_a = 1.0 }
meter_226 = { driver = "ina226", bus = 2, address = 0x42, shunt_ohm = 0.02, max_a = 4.0 }
supply_korad = { driver = "ka3000", port = "/dev/c" }
supply_riden = { driver = "rd60xx", port = "/dev/d" }
supply_scpi = { driver = "scpi_supply", port = "/dev/e", dialect = "siglent-spd3303x" }
load_korad = { driver = "kel103", port = "/dev/f" }
load_scpi = { driver = "scpi_load", port = "/dev/g", dialect = "rigol-dl3000" }
colour = { driver = "tcs34725", bus = 3, mux = [{ address = 0x70, channel = 1 }] }
light = { driver = "tsl2591", bus = 3, mux = [{ address = 0x70, channel = 2 }] }
lux = { driver = "veml7700", bus = 4, mux = [{ address = 0x71, channel = 7 }] }
screen = { driver = "pattern_screen", connector = "HDMI-A-1" }
monitor = { driver = "ddc", bus = 20 }
keyboard = { driver = "hid_keyboard", port = "1-1.4" }
port_power = { driver = "usb_port_power", port = "1-1.4", superspeed_port = "2-1.4" }
fingers = { driver = "key_actuator", bus = 5, layout = "ansi-87", boards = [
  0x40, 0x41, 0x42, 0x43, 0x44, 0x45,
] }
zones = { driver = "screen_zones", bus = 6, zones = [
  { address = 0x70, channel = 0 }, { address = 0x70, channel = 1 },
  { address = 0x70, channel = 2 }, { address = 0x70, channel = 3 },
  { address = 0x70, channel = 4 }, { address = 0x70, channel = 5 },
  { address = 0x70, channel = 6 }, { address = 0x70, channel = 7 },
  { address = 0x71, channel = 0 },
] }
"""
DEVICES = {"ddc", "hid_keyboard"}
ROLES = {
    line.partition(" =")[0]: line.split('"')[1]
    for line in EVERYTHING.splitlines()
    if "driver =" in line
}


@pytest.fixture
def config(tmp_path: Path) -> StationConfig:
    (path := tmp_path / "station.toml").write_text(EVERYTHING)
    return load(path)


def test_the_rig_of_this_test_has_one_of_every_driver() -> None:
    assert set(ROLES.values()) == set(DRIVERS)


@pytest.mark.parametrize("role", [role for role in ROLES if ROLES[role] not in DEVICES])
def test_every_instrument_opens_over_its_twin_and_names_itself(
    config: StationConfig, role: str
) -> None:
    named = config.slots["left"].roles[role]
    hardware = SimulatedRig(config).hardware["left"]
    with ExitStack() as closing:
        instrument = named.table.open(hardware, closing)
        assert isinstance(instrument, named.table.kind)
        assert instrument.identity.model
        if isinstance(instrument, Actuator):
            instrument.make_safe()


def opened(named: Named, hardware: Hardware) -> Instrument:
    with ExitStack() as closing:
        return named.table.open(hardware, closing)


@pytest.mark.parametrize("role", sorted(ROLES))
def test_an_instrument_that_is_not_there_is_the_benchs_fault(
    config: StationConfig, role: str
) -> None:
    with pytest.raises(DriverError):
        opened(config.slots["left"].roles[role], Nowhere())


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_right_table_survives_its_rehearsal(config: StationConfig, role: str) -> None:
    table = config.slots["left"].roles[role].table
    table.rehearse()
    assert table.occupies()


@pytest.mark.parametrize("driver", sorted(DRIVERS))
def test_a_driver_is_a_device_under_test_or_an_instrument(driver: str) -> None:
    assert DRIVERS[driver].device is (driver in DEVICES)


@pytest.mark.parametrize("driver", sorted(DRIVERS))
def test_every_table_takes_a_date_of_calibration_and_no_unknown_key(driver: str) -> None:
    table = DRIVERS[driver]
    assert "calibrated_until" in table.__struct_fields__
    with pytest.raises(msgspec.ValidationError, match="unknown field `volts`"):
        msgspec.convert({"volts": 1}, table)


def test_a_calibration_date_may_be_written_both_ways(config: StationConfig) -> None:
    table = config.slots["left"].roles["dc_meter"].table
    assert isinstance(table, I2cTable)
    raw = msgspec.to_builtins(table)
    for written in (date(2027, 3, 31), "2027-03-31"):
        again = msgspec.convert(raw | {"calibrated_until": written}, type(table))
        assert again.calibrated_until == date(2027, 3, 31)


class _Line(Nowhere):
    """A line on which nobody answers, and which knows whether it was closed."""

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
    "role", [role for role in ROLES if issubclass(DRIVERS[ROLES[role]], SerialTable)]
)
def test_a_port_is_given_back_when_nobody_answers_on_it(config: StationConfig, role: str) -> None:
    named = config.slots["left"].roles[role]
    assert isinstance(named.table, SerialTable)
    line = _Line()
    with pytest.raises(NotConnected):
        opened(named, line)
    assert line.closed
    assert line.asked[0] == named.table.port
    assert line.asked[1] >= 1200


def test_a_baudrate_in_the_table_counts(config: StationConfig) -> None:
    table: InstrumentTable = config.slots["left"].roles["load"].table
    line = _Line()
    with pytest.raises(NotConnected):
        opened(Named("it8500", msgspec.structs.replace(table, baudrate=38400)), line)
    assert line.asked == ("/dev/b", 38400)


@pytest.mark.parametrize("port", ["1", "1-0", "1-1.0", "usb:1-1.4", "1-1.4.", ""])
def test_the_power_of_what_is_no_port_of_a_hub_is_no_instrument(port: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="is no USB port; one looks"):
        msgspec.convert({"port": port}, DRIVERS["usb_port_power"])


@pytest.mark.parametrize("superspeed", ["1-1.4", "1-2", "1-2.4"])
def test_the_halves_of_a_blue_socket_are_on_two_buses(superspeed: str) -> None:
    table = {"port": "1-1.4", "superspeed_port": superspeed}
    said = (
        f"superspeed_port '{superspeed}' is on bus 1, as port '1-1.4' is: a blue socket is on two"
    )
    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.convert(table, DRIVERS["usb_port_power"])


@pytest.mark.parametrize("driver", ["hid_keyboard", "usb_port_power"])
def test_the_farthest_port_there_can_be_is_one(driver: str) -> None:
    for port in ("1-1.2.3.4.5.6", "12-255.255"):
        assert msgspec.convert({"port": port}, DRIVERS[driver]).device_ports() == (port,)


def test_the_power_of_a_socket_of_the_computer_itself_is_its_root_hubs(
    config: StationConfig,
) -> None:
    slot = config.slots["left"]
    table = msgspec.convert({"port": "1-2", "superspeed_port": "2-3"}, DRIVERS["usb_port_power"])
    roles = {"port_power": Named("usb_port_power", table)}
    slots = {"left": msgspec.structs.replace(slot, roles=roles)}
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
    table = config.slots["left"].roles["port_power"].table
    closing = ExitStack()
    port = table.open(SimulatedRig(config).hardware["left"], closing)
    assert isinstance(port, PortPower)
    closing.close()
    with pytest.raises(NotConnected, match="closed"):
        port.read_state()


def test_a_keyboard_is_given_back_to_the_kernel_after_the_run(config: StationConfig) -> None:
    from drivers.sim.devices.hid_keyboard import SimulatedKeyboard

    rig = SimulatedRig(config)
    world = rig.worlds["left"]
    world.plug_keyboard(SimulatedKeyboard(world.time))
    table = config.slots["left"].roles["keyboard"].table
    assert isinstance(table, HidKeyboardTable)
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
    for role in ("dc_meter", "zones", "fingers", "colour"):
        with pytest.raises(NotConnected, match=r"/dev/i2c-\d: no such bus"):
            opened(config.slots["left"].roles[role], hardware)
    assert hardware.buses == [1, 6, 5, 3]

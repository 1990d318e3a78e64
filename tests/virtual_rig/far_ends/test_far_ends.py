"""The twins as USB devices, wired after a station.toml, and what a test may have done to them."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drivers.sim.devices.keyboard import SimulatedKeyboard
from drivers.sim.hardware import SerialDevice
from drivers.sim.linux.usb_device import Setup, Stall
from station.rig import config
from virtual_rig.far_ends.cdc_acm import DATA_IN, DATA_OUT, SimulatedCdcAcm
from virtual_rig.far_ends.control import Control, ControlServer, commands
from virtual_rig.far_ends.i2c_tiny_usb import (
    CMD_I2C_BEGIN,
    CMD_I2C_END,
    CMD_I2C_IO,
    STATUS_ADDRESS_ACK,
    STATUS_ADDRESS_NAK,
    SimulatedI2cTinyUsb,
)
from virtual_rig.far_ends.wiring import FarEnds, RigError, wire
from virtual_rig.guest.hands import Hands, RigRefused, Where, wait_for

STATION = Path("hil_tests/virtual.toml")
WHOLE = CMD_I2C_IO | CMD_I2C_BEGIN | CMD_I2C_END
READ = 1


class Echo:
    """A serial instrument that says everything twice."""

    def receive(self, data: bytes) -> bytes:
        return data * 2


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[FarEnds]:
    ends = FarEnds(config.load(STATION), tmp_path)
    ends.plug_golden_units()
    yield ends
    ends.close()


@pytest.fixture
def control(ends: FarEnds) -> Control:
    return Control(ends)


def adapter(ends: FarEnds, bus: int) -> SimulatedI2cTinyUsb:
    (port,) = [port for port, number in ends.wiring.i2c.items() if number == bus]
    device = ends.fixed[port]
    assert isinstance(device, SimulatedI2cTinyUsb)
    return device


def status(device: SimulatedI2cTinyUsb) -> int:
    return device.control(Setup(0xC1, 3, 0, 0, 1), b"")[0]


# Wiring


def test_every_port_of_the_file_has_a_far_end() -> None:
    wiring = wire(config.load(STATION))
    assert set(wiring.ftdi) == {"1-1", "1-2"}
    assert set(wiring.cdc_acm) == {"3-1", "3-2"}
    assert wiring.devices == {"3-7": "keyboard"}
    assert sorted(wiring.i2c.values()) == [0, 1, 2]
    assert not set(wiring.i2c) & {"3-1", "3-2", "3-7"}


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        ('port = "usb:1-1"', 'port = "/dev/ttyS0"', "usb:1-N or usb:3-N"),
        ('port = "usb:1-1"', 'port = "usb:2-1"', "usb:1-N or usb:3-N"),
        ("bus = 2", "bus = 5", "without gaps"),
    ],
)
def test_what_cannot_be_wired_is_said_to_be(
    tmp_path: Path, before: str, after: str, what: str
) -> None:
    text = STATION.read_text()
    assert before in text
    (tmp_path / "station.toml").write_text(text.replace(before, after))
    with pytest.raises(RigError, match=what):
        wire(config.load(tmp_path / "station.toml"))


# A serial port with USB of its own


def test_what_is_written_to_the_port_reaches_the_instrument_and_comes_back() -> None:
    port = SimulatedCdcAcm(Echo(), serial_number="X")
    assert port.transfer_in(DATA_IN) is None
    port.transfer_out(DATA_OUT, b"ab")
    assert port.transfer_in(DATA_IN) == b"abab"
    assert port.transfer_in(DATA_IN) is None


def test_long_answers_go_in_packets_that_are_each_an_end() -> None:
    port = SimulatedCdcAcm(Echo(), serial_number="X")
    port.transfer_out(DATA_OUT, bytes(100))
    sizes = [len(packet) for packet in iter(lambda: port.transfer_in(DATA_IN), None)]
    assert sum(sizes) == 200
    assert max(sizes) < 64


def test_line_coding_is_kept_and_told() -> None:
    port = SimulatedCdcAcm(Echo(), serial_number="X")
    coding = bytes.fromhex("00 c2 01 00 00 00 08")  # 115200 8N1
    port.control(Setup(0x21, 0x20, 0, 0, 7), coding)
    assert port.control(Setup(0xA1, 0x21, 0, 0, 7), b"") == coding
    with pytest.raises(Stall):
        port.control(Setup(0x21, 0x20, 0, 0, 7), b"short")


# An I²C adapter


def test_a_register_is_written_and_read_after_a_repeated_start(ends: FarEnds) -> None:
    device = adapter(ends, 0)
    first, last = CMD_I2C_IO | CMD_I2C_BEGIN, CMD_I2C_IO | CMD_I2C_END
    device.control(Setup(0x41, first, 0, 0x40, 1), b"\x3e")  # INA228's manufacturer's id
    assert status(device) == STATUS_ADDRESS_ACK
    assert device.control(Setup(0xC1, last, READ, 0x40, 2), b"") == b"TI"


def test_nobody_at_an_address_is_a_nak(ends: FarEnds) -> None:
    device = adapter(ends, 0)
    device.control(Setup(0x41, WHOLE, 0, 0x33, 1), b"\x00")
    assert status(device) == STATUS_ADDRESS_NAK
    assert device.control(Setup(0xC1, WHOLE, READ, 0x33, 2), b"") == bytes(2)
    assert status(device) == STATUS_ADDRESS_NAK


def test_slots_share_a_bus(ends: FarEnds) -> None:
    """The adapter slot's meter, the display slot's, and the probe that slots share."""
    for address in (0x40, 0x41, 0x29):
        assert ends.i2c[0].transfer(address, b"\x00", 1)


def test_a_chip_can_come_off_the_board(ends: FarEnds, control: Control) -> None:
    control.set_absent(0, [0x40])
    device = adapter(ends, 0)
    device.control(Setup(0x41, WHOLE, 0, 0x40, 1), b"\x3e")
    assert status(device) == STATUS_ADDRESS_NAK
    control.set_absent(0, [])
    device.control(Setup(0x41, WHOLE, 0, 0x40, 1), b"\x3e")
    assert status(device) == STATUS_ADDRESS_ACK


# What a test may have done


def ask_pzem(instrument: SerialDevice) -> bytes:
    return instrument.receive(bytes.fromhex("f8 04 00 00 00 0a 64 64"))


def test_an_instrument_can_be_silenced_and_garbled(ends: FarEnds, control: Control) -> None:
    good = ask_pzem(ends.serial["1-1"])
    assert good[:2] == b"\xf8\x04"
    control.set_serial("1-1", mute=True)
    assert ask_pzem(ends.serial["1-1"]) == b""
    control.set_serial("1-1", garbled=True)
    garbled = ask_pzem(ends.serial["1-1"])
    assert [a ^ b for a, b in zip(good, garbled, strict=True) if a != b] == [0x10]
    control.set_serial("1-1")
    assert ask_pzem(ends.serial["1-1"])[:2] == b"\xf8\x04"


def test_a_keyboard_in_a_slots_port_draws_from_the_slots_supply(
    ends: FarEnds, control: Control
) -> None:
    world = ends.world("keyboard")
    control.offer_keyboard("3-7", layout="iso-105")
    assert world.circuit.sinks == [world.plugged(SimulatedKeyboard)]
    control.pull("3-7")
    assert world.device is None
    assert world.circuit.sinks == []


def test_every_command_is_a_method_with_a_docstring_or_an_obvious_name(control: Control) -> None:
    offered = commands(control)
    assert {"offer_keyboard", "pull", "restore", "set_serial", "set_absent"} <= set(offered)
    assert not [name for name in offered if name.startswith("_")]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b"hello\n", "JSONDecodeError"),
        (b'{"do": "format_disk"}\n', "KeyError"),
        (b'{"do": "press", "with": {"port": "3-8", "usage": 4}}\n', "no keyboard at 3-8"),
        (b'{"do": "pull", "with": {"slot": 1}}\n', "TypeError"),
        (b'{"do": "_keyboard", "with": {"port": "3-8"}}\n', "KeyError"),
    ],
)
def test_what_is_wrong_with_a_request_comes_back(control: Control, line: bytes, what: str) -> None:
    server = ControlServer(control)
    answer: dict[str, Any] = server.answer(line)
    server.close()
    assert what in answer["error"]


def test_hands_reach_the_far_ends(ends: FarEnds, control: Control) -> None:
    server = ControlServer(control)
    hands = Hands(Where("127.0.0.1", server.port, ends.usbip.address[1]))
    assert hands.ask("fixed_ports") == sorted(ends.fixed)
    with pytest.raises(RigRefused, match=r"press.*no keyboard at 3-8"):
        hands.ask("press", port="3-8", usage=4)
    hands.close()
    server.close()


def test_where_the_rig_is_survives_the_environment() -> None:
    where = Where("10.0.2.2", 4000, 4001)
    assert Where.parse(str(where)) == where


def test_waiting_in_vain_says_for_what() -> None:
    start_s = time.monotonic()
    with pytest.raises(TimeoutError, match="a miracle"):
        wait_for(lambda: False, "a miracle", timeout_s=0.02)
    assert time.monotonic() - start_s < 1.0

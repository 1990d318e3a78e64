"""I²C chips behind an adapter of the kernel's, i2c-tiny-usb."""

import time
from dataclasses import replace

import pytest

from drivers.errors import BadReply, DriverError, NotConnected
from drivers.languages.smbus import SmbusChip
from drivers.linux.local import LocalHardware
from station.rig.wires import MuxHop

pytest.importorskip("virtual_rig", reason="only in a checkout")
from virtual_rig.guest.hands import Hands, wait_for
from virtual_rig.guest.instruments import opened, table_of

pytest_plugins = ["virtual_rig.guest.fixtures"]

INSTRUMENTS, BENCH, DDC = 0, 1, 2
DDC_PORT = "3-5"


def is_there(bus: int) -> bool:
    try:
        with LocalHardware() as hardware:
            hardware.i2c(bus).transfer(0x50, b"\x00", 1)
    except DriverError:
        return False
    return True


def test_a_chip_answers(hands: Hands, hardware: LocalHardware) -> None:
    meter = opened(hardware, table_of("adapter", "meter"))
    assert meter.read().voltage_v >= 0


def test_nobody_at_an_address_is_not_connected(hands: Hands, hardware: LocalHardware) -> None:
    with pytest.raises(NotConnected, match="no acknowledge from 0x33"):
        hardware.i2c(INSTRUMENTS).transfer(0x33, b"\x00", 2)
    with pytest.raises(NotConnected, match="no acknowledge from 0x33"):
        hardware.i2c(INSTRUMENTS).transfer(0x33)


def test_a_chip_that_comes_off_is_missed_and_found_again(
    hands: Hands, hardware: LocalHardware
) -> None:
    meter = opened(hardware, table_of("adapter", "meter"))
    hands.ask("set_absent", bus=INSTRUMENTS, addresses=[0x40])
    try:
        with pytest.raises(NotConnected):
            meter.read()
    finally:
        hands.ask("set_absent", bus=INSTRUMENTS, addresses=[])
    meter.read()


def test_sensors_of_one_address_are_told_apart_behind_multiplexers(
    hands: Hands, hardware: LocalHardware
) -> None:
    sensors = table_of("display", "zones").parts
    nowhere = {**sensors[0].values, "mux": (MuxHop(0x71, 7),)}
    with pytest.raises(NotConnected):
        opened(hardware, replace(sensors[0], values=nowhere))
    for sensor in (sensors[0], sensors[7], sensors[8]):  # two on one multiplexer, one on another
        assert opened(hardware, sensor).identity.model


def test_smbus_blocks_and_packet_error_codes_pass_an_adapter_without_them(
    hands: Hands, hardware: LocalHardware
) -> None:
    """i2c-tiny-usb has no SMBus block read, as the Raspberry Pi's adapter has none."""
    hands.ask("solder_battery", bus=BENCH)
    gauge = SmbusChip(hardware.i2c(BENCH), 0x0B, "battery", pec=True)
    assert gauge.read_word(0x09) == 12608
    assert gauge.read_block(0x20) == b"ACME"
    gauge.write_word(0x09, 12000)
    assert gauge.read_word(0x09) == 12000
    hands.ask("solder_battery", bus=BENCH, wrong_pec=True)
    with pytest.raises(BadReply, match="ends with PEC 58, not a7"):
        gauge.read_word(0x09)


def test_an_adapter_that_nobody_uses_can_be_pulled_and_put_back(
    hands: Hands, hardware: LocalHardware
) -> None:
    """Linux waits with an adapter's removal, and all that is plugged in after it, for users."""
    hardware.i2c(DDC).transfer(0x50, b"\x00", 8)
    start_s = time.monotonic()
    hands.pull(DDC_PORT)
    assert time.monotonic() - start_s < 5.0
    hands.replug(DDC_PORT)
    wait_for(lambda: is_there(DDC), "the bus to be back")


def test_a_monitor_says_who_it_is_and_takes_a_brightness(
    hands: Hands, hardware: LocalHardware
) -> None:
    monitor = opened(hardware, table_of("display", "monitor"))
    assert b"GOLDEN24" in monitor.read_edid()
    monitor.set_control(0x10, 40)
    assert monitor.read_control(0x10).current == 40


def test_a_bus_that_is_pulled_is_gone_and_comes_back_under_its_number(
    hands: Hands, hardware: LocalHardware
) -> None:
    bus = hardware.i2c(DDC)
    hands.pull(DDC_PORT)
    try:
        wait_for(lambda: not is_there(DDC), "the bus to be gone")
        with pytest.raises(NotConnected):
            bus.transfer(0x50, b"\x00", 8)
    finally:
        hardware.close()
        hands.replug(DDC_PORT)
    wait_for(lambda: is_there(DDC), "the bus to be back")
    assert hardware.i2c(DDC).transfer(0x50, b"\x00", 8) == bytes.fromhex("00 ff ff ff ff ff ff 00")

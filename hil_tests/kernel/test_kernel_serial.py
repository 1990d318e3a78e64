"""Serial instruments behind the kernel's own drivers, ftdi_sio and cdc_acm."""

import os
import threading
import time

import pytest

from drivers.errors import DriverError, NoReply, NotConnected, NotPermitted
from drivers.linux.discovery import resolve_serial
from drivers.linux.local import LocalHardware
from drivers.linux.serial_line import find_holders

pytest.importorskip("virtual_rig", reason="only in a checkout")
from virtual_rig.guest.hands import Hands, has_serial_port, wait_for
from virtual_rig.guest.instruments import opened, table_of

pytest_plugins = ["virtual_rig.guest.fixtures"]

FTDI, CDC_ACM = "1-1", "3-1"
METER = table_of("adapter", "mains_meter")  # at FTDI
SUPPLY = table_of("keyboard", "supply")  # at CDC_ACM
BOTH = pytest.mark.parametrize("port", [FTDI, CDC_ACM], ids=["ftdi_sio", "cdc_acm"])


def driver_of(path: str) -> str:
    """Return the kernel driver of a tty."""
    device = os.path.realpath(f"/sys/class/tty/{os.path.basename(path)}/device")
    while not os.path.exists(f"{device}/driver"):
        device = os.path.dirname(device)
    return os.path.basename(os.path.realpath(f"{device}/driver"))


@pytest.mark.parametrize(("port", "driver"), [(FTDI, "ftdi_sio"), (CDC_ACM, "cdc_acm")])
def test_ports_are_found_by_physical_port_behind_the_drivers_of_a_real_rig(
    hands: Hands, port: str, driver: str
) -> None:
    assert driver_of(resolve_serial(f"usb:{port}")) == driver


@pytest.mark.parametrize("number", ["RIG1-1", "ACM3-1"])
def test_ports_are_found_by_serial_number(hands: Hands, number: str) -> None:
    assert number in os.path.basename(
        next(
            link
            for link in map("/dev/serial/by-id/{}".format, os.listdir("/dev/serial/by-id"))
            if os.path.realpath(link) == resolve_serial(f"serial:{number}")
        )
    )


@BOTH
def test_a_port_has_one_owner(hands: Hands, hardware: LocalHardware, port: str) -> None:
    hardware.serial(f"usb:{port}", baudrate=9600)
    with LocalHardware() as another, pytest.raises(NotPermitted, match="held by"):
        another.serial(f"usb:{port}", baudrate=9600)
    (holder,) = find_holders(resolve_serial(f"usb:{port}"))
    assert str(os.getpid()) in holder


def test_a_meter_answers_through_ftdi_sio(hands: Hands, hardware: LocalHardware) -> None:
    meter = opened(hardware, METER)
    assert meter.read_mains().voltage_v == pytest.approx(230, rel=0.02)


def test_a_supply_answers_through_cdc_acm(hands: Hands, hardware: LocalHardware) -> None:
    supply = opened(hardware, SUPPLY)
    supply.set_voltage(5.0)
    supply.set_current_limit(1.0)
    supply.switch(on=True)
    assert supply.read().voltage_v == pytest.approx(5.0, abs=0.05)
    supply.make_safe()


@BOTH
def test_a_cable_pulled_in_the_middle_of_a_read_is_said_at_once(
    hands: Hands, hardware: LocalHardware, port: str
) -> None:
    line = hardware.serial(f"usb:{port}", baudrate=9600, timeout_s=10.0)
    pulling = threading.Timer(0.3, hands.pull, [port])
    pulling.start()
    start_s = time.monotonic()
    with pytest.raises(NotConnected, match="gone"):
        line.read(1)
    took_s = time.monotonic() - start_s
    pulling.join()
    line.close()
    hands.replug(port)
    wait_for(lambda: has_serial_port(port), f"{port} to be back")
    assert took_s < 5.0


@BOTH
def test_an_instrument_put_back_answers_at_the_same_port(
    hands: Hands, hardware: LocalHardware, port: str
) -> None:
    hands.pull(port)
    wait_for(lambda: not has_serial_port(port), f"{port} to be gone")
    with pytest.raises(NotConnected, match="no such serial port is plugged in"):
        hardware.serial(f"usb:{port}", baudrate=9600)
    hands.replug(port)
    wait_for(lambda: has_serial_port(port), f"{port} to be back")
    assert opened(hardware, METER if port == FTDI else SUPPLY).identity.model


def test_a_mute_instrument_is_an_error(hands: Hands, hardware: LocalHardware) -> None:
    meter = opened(hardware, METER)
    hands.ask("set_serial", port=FTDI, mute=True)
    try:
        with pytest.raises(NoReply):
            meter.read_mains()
    finally:
        hands.ask("set_serial", port=FTDI)
    meter.read_mains()


def test_a_garbled_answer_is_an_error(hands: Hands, hardware: LocalHardware) -> None:
    meter = opened(hardware, METER)
    hands.ask("set_serial", port=FTDI, garbled=True)
    try:
        with pytest.raises(DriverError):
            meter.read_mains()
    finally:
        hands.ask("set_serial", port=FTDI)
    meter.read_mains()

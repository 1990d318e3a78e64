"""Discovery of plugged devices, on recorded devices in memory."""

from dataclasses import replace
from pathlib import Path

import pytest

from drivers.errors import NotConnected
from drivers.linux.discovery import (
    Connector,
    I2cAdapter,
    SerialPort,
    UsbPeripheral,
    resolve_serial,
    scan,
)
from tests.drivers.linux.recorded_udev import (
    CH340,
    CH340_TTY,
    CONSOLE,
    FIRST,
    FTDI,
    FTDI_ITSELF,
    FTDI_PORT,
    FTDI_TTY,
    KEYBOARD,
    NO_UART,
    ROOT_HUB,
    SECOND,
    TWO_PORTS,
    UART,
    Recorded,
    RecordedUdev,
    adapter,
    graphics_card,
    usb,
)


@pytest.fixture
def graphics(tmp_path: Path) -> dict[str, Recorded]:
    return graphics_card(tmp_path)


def test_a_serial_adapter_is_found_with_its_port_and_its_number() -> None:
    assert scan(RecordedUdev(FTDI, FTDI_TTY)) == (FTDI_PORT, FTDI_ITSELF)


def test_a_keyboard_shows_its_interfaces_and_a_root_hub_is_nothing_to_test() -> None:
    (found,) = scan(RecordedUdev(ROOT_HUB, KEYBOARD))
    assert isinstance(found, UsbPeripheral)
    assert found.interfaces == ((3, 0, 0), (3, 1, 1))
    assert (found.port, found.vendor_id, found.product_id) == ("1-1.10", 0x046D, 0xC31C)


def test_ports_are_in_the_order_people_count_in() -> None:
    found = scan(RecordedUdev(KEYBOARD, CH340, FTDI))
    assert [one.port for one in found if isinstance(one, UsbPeripheral)] == [
        "1-1.2",
        "1-1.3",
        "1-1.10",
    ]


def test_the_computers_own_uart_counts_and_consoles_and_missing_uarts_do_not() -> None:
    assert scan(RecordedUdev(UART, NO_UART, CONSOLE)) == (SerialPort("/dev/ttyAMA0", ""),)


def test_what_a_device_calls_itself_cannot_write_on_the_operators_screen() -> None:
    hostile = usb("1-1.2", "1209:0001", product=b"\x1b[2Jnice\x07 \xff\xfe", serial=b" 1\n")
    (found,) = scan(RecordedUdev(hostile))
    assert isinstance(found, UsbPeripheral)
    assert found.product == "[2Jnice \ufffd\ufffd"
    assert found.serial_number == "1"


def test_a_device_pulled_while_it_is_looked_at_is_left_out() -> None:
    assert scan(RecordedUdev(replace(FTDI, attributes={}))) == ()


def test_a_bus_says_whether_it_is_a_displays_ddc(graphics: dict[str, Recorded]) -> None:
    aux = adapter(21, b"AUX HDMI-A-2", parent=graphics["HDMI-A-2"])
    writeback = replace(graphics["HDMI-A-2"], sys_path="/sys/class/drm/card1-Writeback-1")
    udev = RecordedUdev(
        writeback,
        *graphics.values(),
        adapter(20, b"fef04500.i2c\n"),
        aux,
        adapter(1, b"bcm2835 (i2c@7e80)"),
    )
    assert scan(udev) == (
        I2cAdapter(1, "bcm2835 (i2c@7e80)", ""),
        I2cAdapter(20, "fef04500.i2c", "HDMI-A-1"),
        I2cAdapter(21, "AUX HDMI-A-2", "HDMI-A-2"),
        Connector("card1", "HDMI-A-1", "connected"),
        Connector("card1", "HDMI-A-2", "disconnected"),
    )


@pytest.mark.parametrize(
    ("port", "path"),
    [
        ("usb:1-1.2", "/dev/ttyUSB0"),
        ("usb:1-1.2:1.0", "/dev/ttyUSB0"),
        ("usb:1-1.3", "/dev/ttyUSB1"),
        ("usb:1-1.4.1:1.1", "/dev/ttyUSB3"),
        ("serial:A50285BI", "/dev/ttyUSB0"),
        ("/dev/ttyAMA0", "/dev/ttyAMA0"),
        ("/dev/serial/by-id/whatever", "/dev/serial/by-id/whatever"),
    ],
)
def test_a_port_is_resolved_to_the_path_it_has_now(port: str, path: str) -> None:
    udev = RecordedUdev(FTDI, FTDI_TTY, CH340, CH340_TTY, TWO_PORTS, FIRST, SECOND, UART)
    assert resolve_serial(port, udev) == path


@pytest.mark.parametrize("port", ["usb:1-1.5", "usb:1-1", "serial:A5028", "serial:usb"])
def test_a_port_with_nothing_on_it_lists_what_could_be_meant(port: str) -> None:
    with pytest.raises(
        NotConnected,
        match=rf"^{port}: no such serial port .* there is /dev/ttyAMA0, usb:1-1.2:1.0 \(FTDI"
        r" FT232R USB UART, serial:A50285BI\), usb:1-1.3:1.0 \(USB Serial\)$",
    ):
        resolve_serial(port, RecordedUdev(FTDI_TTY, CH340_TTY, UART))


def test_nothing_plugged_in_at_all_is_said_too() -> None:
    with pytest.raises(NotConnected, match="none at all"):
        resolve_serial("usb:1-1.2", RecordedUdev())


@pytest.mark.parametrize("port", ["usb:1-1.4.1", "serial:FT7X"])
def test_a_name_that_fits_two_ports_is_not_guessed(port: str) -> None:
    with pytest.raises(NotConnected, match=r"more than one .* usb:1-1.4.1:1.0 .* usb:1-1.4.1:1.1"):
        resolve_serial(port, RecordedUdev(FIRST, SECOND))


@pytest.mark.parametrize("port", ["", "COM3", "ttyUSB0", "usb:", "serial:", "1-1.2"])
def test_what_is_no_name_of_a_port_is_the_callers_mistake(port: str) -> None:
    with pytest.raises(ValueError, match="is no serial port"):
        resolve_serial(port, RecordedUdev(FTDI_TTY))

"""Mice and printers of any descriptors behind the real usbhid, evdev and usblp."""

import os
import select
import struct
import time
from pathlib import Path

import pytest

from drivers.buses import UsbDevice
from drivers.errors import NoReply, NotConnected, Refused
from drivers.formats.ieee1284 import parse_bytes
from drivers.linux.local import LocalHardware

pytest.importorskip("virtual_rig", reason="only in a checkout")
from virtual_rig.guest.console import FREE_PORT
from virtual_rig.guest.hands import Hands, wait_for

pytest_plugins = ["virtual_rig.guest.fixtures"]

MOUSE = "12 01 00 02 00 00 00 08 09 12 03 70 00 01 01 02 00 01"
MOUSE_REPORTS = (
    "05 01 09 02 a1 01 09 01 a1 00 05 09 19 01 29 03 15 00 25 01 95 03 75 01 81 02"
    "95 01 75 05 81 01 05 01 09 30 09 31 15 81 25 7f 75 08 95 02 81 06 c0 c0"
)
MOUSE_SIZE = len(bytes.fromhex(MOUSE_REPORTS)).to_bytes(2, "little").hex()
MOUSE_CONFIGURATION = (
    "09 02 22 00 01 01 00 a0 32  09 04 00 00 01 03 01 02 00"
    f"09 21 11 01 00 01 22 {MOUSE_SIZE}  07 05 81 03 04 00 0a"
)
EV_REL, REL_X, REL_Y = 2, 0, 1  # Linux input-event-codes.h

PRINTER = "12 01 00 02 00 00 00 40 09 12 01 70 00 01 01 02 03 01"
PRINTER_CONFIGURATION = (
    "09 02 20 00 01 01 00 c0 01  09 04 00 00 02 07 01 02 00"
    "07 05 01 02 40 00 00  07 05 82 02 40 00 00"
)
DEVICE_ID = b"MFG:ACME;CMD:ZPL;MDL:LP42;CLS:PRINTER;SN:LP42-1;"
BULK_OUT, BULK_IN = 0x01, 0x82


def plug(
    hands: Hands, device: str, configuration: str, answers: dict[str, str], strings: list[str]
) -> None:
    hands.ask(
        "offer_scripted",
        port=FREE_PORT,
        device=device,
        configuration=configuration,
        strings=strings,
        answers=answers,
    )
    hands.attach(FREE_PORT)


@pytest.fixture
def printer(hands: Hands, hardware: LocalHardware) -> UsbDevice:
    said = (len(DEVICE_ID) + 2).to_bytes(2, "big") + DEVICE_ID
    answers = {"a100": said.hex(), "a101": "18"}
    plug(hands, PRINTER, PRINTER_CONFIGURATION, answers, ["ACME", "Label Printer", "LP42-1"])
    driver = Path(f"/sys/bus/usb/devices/{FREE_PORT}:1.0/driver")
    wait_for(lambda: driver.resolve().name == "usblp", "usblp to take the printer")

    def look() -> tuple[UsbDevice, ...]:
        try:
            device = hardware.usb(FREE_PORT)
        except NotConnected:  # libusb learns of it a little after the kernel
            return ()
        return (device,) if device.descriptor.product == "Label Printer" else ()

    (device,) = wait_for(look, "libusb to know the printer")
    device.claim(0)
    return device


def test_a_mouse_moves_what_the_kernel_points_with(hands: Hands) -> None:
    plug(hands, MOUSE, MOUSE_CONFIGURATION, {"81060022": MOUSE_REPORTS}, ["ACME", "Mouse"])
    events = Path("/sys/bus/usb/devices")

    def nodes() -> list[Path]:
        named = events.glob(f"{FREE_PORT}:*/*/input/input*/event*")
        return [node for one in named if (node := Path("/dev/input", one.name)).exists()]

    (node,) = wait_for(nodes, "the kernel to take the mouse")
    descriptor = os.open(node, os.O_RDONLY | os.O_NONBLOCK)
    moved: dict[int, int] = {}
    give_up_s = time.monotonic() + 5.0
    try:
        while set(moved) != {REL_X, REL_Y} and time.monotonic() < give_up_s:
            hands.ask("say", port=FREE_PORT, endpoint=0x81, report="00 05 fb")
            if select.select([descriptor], [], [], 0.2)[0]:
                data = os.read(descriptor, 24 * 64)
                for _, _, kind, code, value in struct.iter_unpack("qqHHi", data):
                    if kind == EV_REL:
                        moved[code] = value
    finally:
        os.close(descriptor)
    assert moved == {REL_X: 5, REL_Y: -5}


def test_a_printer_says_who_it_is(printer: UsbDevice) -> None:
    said = printer.control_in(0xA1, 0, 0, 0, 1024)
    assert int.from_bytes(said[:2], "big") == len(said)
    assert said[2:] == DEVICE_ID
    assert parse_bytes(said).model == "LP42"


def test_a_printer_says_how_it_is(printer: UsbDevice) -> None:
    assert printer.control_in(0xA1, 1, 0, 0, 1) == b"\x18"  # selected, no error


def test_a_request_that_a_printer_does_not_know_is_refused(printer: UsbDevice) -> None:
    with pytest.raises(Refused):
        printer.control_in(0xC1, 0x77, 0, 0, 1)


def test_a_job_arrives_byte_for_byte_and_its_answer_too(hands: Hands, printer: UsbDevice) -> None:
    job = bytes(range(256)) * 20
    assert printer.write(BULK_OUT, job, 5.0) == len(job)
    heard = hands.ask("heard", port=FREE_PORT)
    assert bytes.fromhex("".join(data for endpoint, data in heard if endpoint == 1)) == job
    hands.ask("say", port=FREE_PORT, endpoint=BULK_IN, report=b"ready".hex())
    assert printer.read(BULK_IN, 64, 5.0) == b"ready"


def test_a_printer_that_stops_taking_data_is_an_error(hands: Hands, printer: UsbDevice) -> None:
    hands.ask("freeze", port=FREE_PORT, frozen=True)
    with pytest.raises(NoReply):
        printer.write(BULK_OUT, b"^XA^XZ", 0.5)
    hands.pull(FREE_PORT)

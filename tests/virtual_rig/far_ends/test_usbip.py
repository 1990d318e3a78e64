"""USB/IP: frames as in Linux Documentation/usb/usbip_protocol.rst, and the cable as a whole."""

import errno
import socket
import struct
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sim.linux.usb_device import Setup, Silence, Stall
from virtual_rig.far_ends import usbip
from virtual_rig.far_ends.scripted import ScriptedDevice
from virtual_rig.far_ends.usbip import Cable, ProtocolError, Submit, Unlink, UsbIpServer

DEVICE = bytes.fromhex("12 01 00 02 00 00 00 40 09 12 02 70 10 01 01 02 03 01")
CONFIGURATION = bytes.fromhex(
    "09 02 20 00 01 01 00 80 32  09 04 00 00 02 ff 00 00 00  07 05 81 03 08 00 01"
    "07 05 02 02 40 00 00"
)
# From the document's example: GET_DESCRIPTOR(device), 64 bytes, sequence number 1.
GET_DESCRIPTOR = bytes.fromhex(
    "00000001 00000d05 0001000f 00000001 00000000 00000200 00000040 ffffffff 00000000 00000004"
    "80060001 00004000"
)


def command(
    sequence: int, *, endpoint: int, incoming: bool, length: int, setup: bytes = bytes(8)
) -> bytes:
    fields = struct.pack(">iiiii", 0, length, 0, 0, 0)
    return struct.pack(">5I", 1, sequence, 0x10002, incoming, endpoint) + fields + setup


def unlink(sequence: int, target: int) -> bytes:
    return struct.pack(">5II24x", 2, sequence, 0x10002, 0, 0, target)


class Kernel:
    """Linux's end of the cable."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(5.0)
        self.connection = connection

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def answer(self) -> tuple[int, int, int, bytes]:
        """Command, sequence number, status, data."""
        head = self.connection.recv(48, socket.MSG_WAITALL)
        kind, sequence, _, _, _, status, actual = struct.unpack(">5Iii", head[:28])
        wanted = actual if kind == 3 else 0
        return kind, sequence, status, self.connection.recv(wanted, socket.MSG_WAITALL)

    def written(self) -> tuple[int, int, int]:
        """Return the answer to sent data: sequence number, status, and how much was taken."""
        head = self.connection.recv(48, socket.MSG_WAITALL)
        _, sequence, _, _, _, status, actual = struct.unpack(">5Iii", head[:28])
        return sequence, status, actual

    def control(self, sequence: int, setup: str, data: bytes = b"") -> tuple[int, int, int, bytes]:
        packet = bytes.fromhex(setup)
        incoming = bool(packet[0] & 0x80)
        length = int.from_bytes(packet[6:8], "little")
        self.send(command(sequence, endpoint=0, incoming=incoming, length=length, setup=packet))
        self.send(data)
        return self.answer()


class Odd(ScriptedDevice):
    """Refuses request 0x10 and never answers request 0x11."""

    def function_control(self, setup: Setup, data: bytes) -> bytes:
        if setup.request == 0x10:
            raise Stall
        if setup.request == 0x11:
            raise Silence
        return super().function_control(setup, data)


@pytest.fixture
def device() -> Odd:
    return Odd(DEVICE, CONFIGURATION, ["ACME", "Odd", "1"])


@pytest.fixture
def cable(device: Odd) -> Iterator[tuple[Cable, Kernel]]:
    ours, theirs = socket.socketpair()
    cable = Cable(theirs, device)
    thread = threading.Thread(target=cable.run)
    thread.start()
    yield cable, Kernel(ours)
    cable.unplug()
    thread.join()
    ours.close()


def test_a_submit_is_read_as_documented() -> None:
    submit = usbip.decode_command(GET_DESCRIPTOR)
    assert submit == Submit(0x0D05, 0, True, 64, bytes.fromhex("80 06 00 01 00 00 40 00"))


def test_an_unlink_is_read_as_documented() -> None:
    assert usbip.decode_command(unlink(7, 5)) == Unlink(7, 5)


def test_an_answer_is_written_as_documented() -> None:
    answer = usbip.encode_return(0x0D05, 0, b"\x12\x01")
    assert answer.hex() == (
        "00000003" "00000d05" "00000000" "00000000" "00000000"
        "00000000" "00000002" "00000000" "00000000" "00000000" "0000000000000000" "1201"
    )  # fmt: skip


@given(st.binary(max_size=60))
def test_what_is_no_command_is_said_to_be_none(junk: bytes) -> None:
    try:
        decoded = usbip.decode_command(junk)
    except ProtocolError:
        return
    assert len(junk) == 48
    assert int.from_bytes(junk[:4], "big") == (1 if isinstance(decoded, Submit) else 2)


@pytest.mark.parametrize("junk", [b"", b"GET / HTTP/1.1", bytes(40)])
def test_what_is_no_import_request_is_said_to_be_none(junk: bytes) -> None:
    with pytest.raises(ProtocolError):
        usbip.decode_import(junk)


def test_intervals_are_read_from_the_descriptors() -> None:
    assert usbip.poll_intervals(CONFIGURATION, 2) == {0x81: 0.001}
    slow = CONFIGURATION[:24] + b"\x0a" + CONFIGURATION[25:]
    assert usbip.poll_intervals(slow, 1) == {0x81: 0.010}
    assert usbip.poll_intervals(slow, 3) == {0x81: 0.064}, "high speed counts in powers of two"
    assert usbip.poll_intervals(b"\x09\x02\x00", 2) == {}


def test_descriptors_are_read_through_the_cable(cable: tuple[Cable, Kernel]) -> None:
    _, kernel = cable
    assert kernel.control(1, "80 06 00 01 00 00 40 00") == (3, 1, 0, DEVICE)
    assert kernel.control(2, "80 06 00 02 00 00 09 00") == (3, 2, 0, CONFIGURATION[:9])


def test_a_stall_is_a_broken_pipe(cable: tuple[Cable, Kernel]) -> None:
    assert cable[1].control(1, "c0 10 00 00 00 00 01 00") == (3, 1, -errno.EPIPE, b"")


def test_a_request_that_is_never_answered_can_be_taken_back(cable: tuple[Cable, Kernel]) -> None:
    _, kernel = cable
    setup = bytes.fromhex("c0 11 00 00 00 00 01 00")
    kernel.send(command(5, endpoint=0, incoming=True, length=1, setup=setup))
    kernel.send(unlink(6, 5))
    assert kernel.answer() == (4, 6, -errno.ECONNRESET, b"")


def test_a_transfer_that_is_over_cannot_be_taken_back(cable: tuple[Cable, Kernel]) -> None:
    _, kernel = cable
    kernel.control(1, "80 06 00 01 00 00 40 00")
    kernel.send(unlink(2, 1))
    assert kernel.answer() == (4, 2, 0, b"")


def test_a_report_waits_for_the_kernel_and_the_kernel_for_a_report(
    cable: tuple[Cable, Kernel], device: Odd
) -> None:
    _, kernel = cable
    device.say(0x81, b"one")
    kernel.send(command(1, endpoint=1, incoming=True, length=8))
    assert kernel.answer() == (3, 1, 0, b"one")
    kernel.send(command(2, endpoint=1, incoming=True, length=8))
    device.say(0x81, b"two")
    assert kernel.answer() == (3, 2, 0, b"two")


def test_a_report_longer_than_the_room_for_it_goes_on_in_the_next(
    cable: tuple[Cable, Kernel], device: Odd
) -> None:
    _, kernel = cable
    device.say(0x81, b"0123456789")
    kernel.send(command(1, endpoint=1, incoming=True, length=8))
    kernel.send(command(2, endpoint=1, incoming=True, length=8))
    assert [kernel.answer()[3], kernel.answer()[3]] == [b"01234567", b"89"]


def test_what_goes_out_arrives(cable: tuple[Cable, Kernel], device: Odd) -> None:
    _, kernel = cable
    kernel.send(command(1, endpoint=2, incoming=False, length=3) + b"abc")
    assert kernel.written() == (1, 0, 3)
    assert device.heard == [(2, b"abc")]


def test_a_frozen_device_answers_nothing_and_still_lets_go(cable: tuple[Cable, Kernel]) -> None:
    end, kernel = cable
    end.frozen = True
    setup = bytes.fromhex("80 06 00 01 00 00 40 00")
    kernel.send(command(1, endpoint=0, incoming=True, length=64, setup=setup) + unlink(2, 1))
    assert kernel.answer() == (4, 2, -errno.ECONNRESET, b"")


def test_pulling_the_cable_hangs_up(cable: tuple[Cable, Kernel]) -> None:
    end, kernel = cable
    end.unplug()
    assert kernel.connection.recv(1) == b""
    assert end.unplugged.wait(5.0)


def test_a_server_hands_out_what_it_offers(device: Odd) -> None:
    server = UsbIpServer()
    server.offer("3-1", device)
    descriptor, speed = usbip.import_device(server.address, "3-1", 5.0)
    assert speed == 2
    kernel = Kernel(socket.socket(fileno=descriptor))
    assert kernel.control(1, "80 06 00 01 00 00 12 00")[3] == DEVICE
    assert set(server.cables) == {"3-1"}
    server.unplug("3-1")
    assert server.cables == {}
    with pytest.raises(ProtocolError, match="no device 3-1"):
        usbip.import_device(server.address, "3-1", 5.0)
    kernel.connection.close()
    server.close()


def test_a_port_holds_one_device(device: Odd) -> None:
    server = UsbIpServer()
    server.offer("3-1", device)
    with pytest.raises(ValueError, match="taken"):
        server.offer("3-1", device)
    server.close()

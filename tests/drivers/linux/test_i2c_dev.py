"""The real I²C bus, over an adapter that answers as i2c-dev of Linux does."""

import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smbus2 import I2cFunc

from drivers.buses import I2cBus
from drivers.errors import (
    BadReply,
    BusMissing,
    DriverError,
    NoReply,
    NotConnected,
    NotPermitted,
    Refused,
)
from drivers.languages.registers import Chip, Register
from drivers.linux.i2c_dev import I2cDev
from tests.drivers.linux.kernel_i2c import STUB, KernelAdapter


class Memory:
    """A chip of 256 bytes whose first written byte is the register, as an EEPROM's is."""

    def __init__(self) -> None:
        self.content = bytearray(range(256))
        self.at = 0
        self.log: list[tuple[bytes, int]] = []

    def transfer(self, write: bytes, read_size: int) -> bytes:
        self.log.append((write, read_size))
        if write:
            self.at = write[0]
            self.content[self.at : self.at + len(write) - 1] = write[1:]
        return bytes(self.content[self.at : self.at + read_size])


class Bench:
    """One bus with a memory chip at 0x50, and the file that says that the bus exists."""

    def __init__(self, folder: Path, functions: I2cFunc) -> None:
        self.node = folder / "i2c-1"
        self.node.touch()
        self.chip = Memory()
        self.adapter = KernelAdapter({0x50: self.chip}, functions)
        self.bus = I2cDev(1, folder=folder, open_adapter=self.open)

    def open(self, path: str) -> KernelAdapter:
        assert path == str(self.node)
        if not self.node.exists():
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        self.adapter.opened += 1
        return self.adapter

    def is_open(self) -> bool:
        return self.adapter.opened > self.adapter.closed


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path, I2cFunc.I2C)
    yield bench
    assert not bench.is_open()


@pytest.fixture
def smbus(tmp_path: Path) -> Bench:
    return Bench(tmp_path, STUB)


def test_a_register_is_written_and_read_in_one_transaction(bench: Bench) -> None:
    bus: I2cBus = bench.bus
    assert bus.transfer(0x50, b"\x10", 4) == b"\x10\x11\x12\x13"
    assert bench.chip.log == [(b"\x10", 4)]


def test_writing_reading_and_knocking_are_one_transaction_each(bench: Bench) -> None:
    assert bench.bus.transfer(0x50, b"\x20\xaa\xbb") == b""
    assert bench.bus.transfer(0x50, b"\x20") == b""
    assert bench.bus.transfer(0x50, read_size=2) == b"\xaa\xbb"
    assert bench.bus.transfer(0x50) == b""
    assert bench.chip.log == [(b"\x20\xaa\xbb", 0), (b"\x20", 0), (b"", 2), (b"", 0)]


def test_a_chip_with_registers_works_on_it(bench: Bench) -> None:
    chip = Chip(bench.bus, 0x50, "memory")
    chip.write(Register(0x40), 0x1234)
    assert chip.read(Register(0x40)) == 0x1234
    assert chip.read(Register(0x40, order="little")) == 0x3412


@pytest.mark.parametrize("number", [errno.ENXIO, errno.EREMOTEIO, errno.ENODEV, errno.EIO])
def test_every_adapters_way_of_saying_nobody_is_there_is_not_connected(
    bench: Bench, number: int
) -> None:
    bench.adapter.no_acknowledge = number
    with pytest.raises(NotConnected, match=r"0x40 write 00, read 2: .*no acknowledge from 0x40"):
        bench.bus.transfer(0x40, b"\x00", 2)


def test_a_vague_input_output_error_also_says_what_to_do_on_a_raspberry_pi(bench: Bench) -> None:
    bench.adapter.fault = errno.EIO
    with pytest.raises(NotConnected, match=r"i2c_arm_baudrate=50000.*dtoverlay=i2c-gpio"):
        bench.bus.transfer(0x50, b"\x00", 2)


@pytest.mark.parametrize(
    ("number", "kind", "says"),
    [
        (errno.ETIMEDOUT, NoReply, "hold the clock longer"),
        (errno.EAGAIN, NoReply, "another master"),
        (errno.EBUSY, NoReply, "driver of the kernel's"),
        (errno.EBADMSG, BadReply, "not what the protocol allows"),
        (errno.EPROTO, BadReply, "not what the protocol allows"),
        (errno.EOPNOTSUPP, Refused, "adapter cannot do that"),
        (errno.EINVAL, Refused, "adapter cannot do that"),
        (errno.EACCES, NotPermitted, "group i2c"),
        (errno.ENOMEM, NoReply, "Cannot allocate memory"),
    ],
)
def test_each_fault_code_of_linux_becomes_an_error_of_ours(
    bench: Bench, number: int, kind: type[DriverError], says: str
) -> None:
    bench.adapter.fault = number
    with pytest.raises(kind, match=rf"i2c-1: 0x50 write 07 ff: .*{says}"):
        bench.bus.transfer(0x50, b"\x07\xff")


def test_nothing_is_open_while_the_bus_is_idle(bench: Bench) -> None:
    assert not bench.is_open()
    bench.bus.transfer(0x50, b"\x00", 1)
    assert not bench.is_open()
    with pytest.raises(NotConnected):
        bench.bus.transfer(0x40, b"\x00", 1)
    assert not bench.is_open()


def test_the_bus_is_opened_once_for_as_long_as_it_is_held(bench: Bench) -> None:
    before = bench.adapter.opened
    with bench.bus.hold():
        assert not bench.is_open()
        bench.bus.transfer(0x50, b"\x00", 1)
        with bench.bus.hold():
            bench.bus.transfer(0x50, b"\x01", 1)
        assert bench.is_open()
        with pytest.raises(NotConnected):
            bench.bus.transfer(0x40, b"\x00", 1)
        assert bench.is_open()
    assert bench.adapter.opened == before + 1
    assert not bench.is_open()


def test_a_file_that_does_not_close_is_closed_all_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        bench.adapter.closed += 1
        raise OSError(errno.ENODEV, "No such device")

    monkeypatch.setattr(bench.adapter, "close", fail)
    assert bench.bus.transfer(0x50, b"\x07", 1) == b"\x07"


@pytest.mark.parametrize("number", [errno.ENODEV, errno.ENXIO, errno.EIO, errno.ETIMEDOUT])
def test_an_adapter_unplugged_in_the_middle_is_told_from_a_silent_chip_and_closed_at_once(
    bench: Bench, number: int
) -> None:
    with bench.bus.hold():
        bench.bus.transfer(0x50, b"\x00", 1)
        bench.node.unlink()
        bench.adapter.fault = number
        with pytest.raises(BusMissing, match="0x50 write 00, read 1: the bus is gone"):
            bench.bus.transfer(0x50, b"\x00", 1)
        assert not bench.is_open()
        with pytest.raises(BusMissing, match="0x50 write 01, read 1: the bus is gone"):
            bench.bus.transfer(0x50, b"\x01", 1)


def test_an_adapter_unplugged_while_idle_is_gone_and_may_come_back(bench: Bench) -> None:
    bench.node.unlink()
    with pytest.raises(BusMissing, match="0x50 write 07, read 1: the bus is gone"):
        bench.bus.transfer(0x50, b"\x07", 1)
    bench.node.touch()
    assert bench.bus.transfer(0x50, b"\x07", 1) == b"\x07"


def test_an_adapter_that_came_back_as_another_is_used_as_what_it_is_now(bench: Bench) -> None:
    bench.adapter.funcs = STUB
    with pytest.raises(Refused, match="only does SMBus"):
        bench.bus.transfer(0x50, b"", 2)


def test_a_bus_that_we_may_no_longer_open_names_the_group(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.bus, "_open_adapter", no_such_node(errno.EACCES))
    with pytest.raises(NotPermitted, match=r"0x50 address only: .*group i2c .*udev rules"):
        bench.bus.transfer(0x50)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENODEV, errno.ENXIO])
def test_a_bus_that_no_longer_opens_is_told_from_a_silent_chip(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(bench.bus, "_open_adapter", no_such_node(number))
    with pytest.raises(BusMissing, match="0x50 address only: the bus cannot be opened"):
        bench.bus.transfer(0x50)


@pytest.mark.parametrize("number", [errno.ENXIO, errno.EREMOTEIO, errno.ENODEV, errno.EIO])
def test_a_chip_that_does_not_acknowledge_is_no_missing_bus(bench: Bench, number: int) -> None:
    bench.adapter.no_acknowledge = number
    with pytest.raises(NotConnected) as caught:
        bench.bus.transfer(0x40)
    assert not isinstance(caught.value, BusMissing)


@pytest.mark.parametrize("address", [-1, 0x80, 0x100])
def test_an_address_of_more_than_seven_bits_is_the_callers_mistake(
    bench: Bench, address: int
) -> None:
    with pytest.raises(ValueError, match="7-bit"):
        bench.bus.transfer(address, b"\x00", 1)
    assert bench.chip.log == []


@pytest.mark.parametrize(("write", "read_size"), [(b"", -1), (b"", 8193), (bytes(8193), 0)])
def test_more_than_one_message_can_carry_is_the_callers_mistake(
    bench: Bench, write: bytes, read_size: int
) -> None:
    with pytest.raises(ValueError, match="8192"):
        bench.bus.transfer(0x50, write, read_size)
    assert bench.chip.log == []


def test_who_holds_the_bus_is_alone_on_it(bench: Bench) -> None:
    other = threading.Thread(target=bench.bus.transfer, args=(0x50, b"\x02", 1))
    with bench.bus.hold(), bench.bus.hold():
        other.start()
        bench.bus.transfer(0x50, b"\x01", 1)
        assert other.is_alive()
        assert bench.chip.log == [(b"\x01", 1)]
    other.join(5)
    assert bench.chip.log == [(b"\x01", 1), (b"\x02", 1)]


def no_such_node(number: int) -> Callable[[str], KernelAdapter]:
    def fail(path: str) -> KernelAdapter:
        raise OSError(number, os.strerror(number), path)

    return fail


@pytest.mark.parametrize(
    ("number", "kind", "says"),
    [
        (errno.ENOENT, BusMissing, r"raspi-config .*dtparam=i2c_arm=on"),
        (errno.EACCES, NotPermitted, "group i2c .*udev rules"),
        (errno.ENOTTY, BusMissing, "cannot be opened"),
        (errno.EMFILE, BusMissing, "cannot be opened"),
    ],
)
def test_a_bus_that_does_not_open_says_what_to_do(
    number: int, kind: type[DriverError], says: str
) -> None:
    with pytest.raises(kind, match=rf"^/dev/i2c-9: .*{says}"):
        I2cDev(9, open_adapter=no_such_node(number))


def test_a_bus_that_is_not_there_is_not_connected_with_the_real_smbus2(tmp_path: Path) -> None:
    with pytest.raises(NotConnected, match="no such bus"):
        I2cDev(7, folder=tmp_path)
    with pytest.raises(ValueError, match="no I²C bus -1"):
        I2cDev(-1)


def test_a_file_that_is_no_bus_is_not_connected_with_the_real_smbus2(tmp_path: Path) -> None:
    (tmp_path / "i2c-7").touch()
    with pytest.raises(NotConnected, match="cannot be opened"):
        I2cDev(7, folder=tmp_path)
    opened = [os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()]
    assert str(tmp_path / "i2c-7") not in opened


@pytest.mark.parametrize(
    ("write", "read_size"),
    [
        (b"", 0),
        (b"\x10", 0),
        (b"\x10\x01", 0),
        (b"\x10\x01\x02", 0),
        (b"\x10" + bytes(32), 0),
        (b"", 1),
        (b"\x10", 1),
        (b"\x10", 2),
        (b"\x10", 3),
        (b"\x10", 32),
    ],
)
def test_an_smbus_adapter_puts_the_same_bytes_on_the_wire(
    smbus: Bench, write: bytes, read_size: int
) -> None:
    answer = smbus.bus.transfer(0x50, write, read_size)
    assert smbus.chip.log == [(write, read_size)]
    assert answer == smbus.chip.content[smbus.chip.at :][:read_size]


@pytest.mark.parametrize(
    ("write", "read_size"),
    [(b"", 2), (b"\x10", 33), (b"\x10" + bytes(33), 0), (b"\x10\x00", 1), (b"\x10\x00", 2)],
)
def test_an_smbus_adapter_refuses_what_it_could_only_approximate(
    smbus: Bench, write: bytes, read_size: int
) -> None:
    with pytest.raises(Refused, match="only does SMBus"):
        smbus.bus.transfer(0x50, write, read_size)
    assert smbus.chip.log == []


def test_an_smbus_adapter_without_block_transfers_refuses_them(tmp_path: Path) -> None:
    poor = Bench(tmp_path, I2cFunc.SMBUS_BYTE_DATA)
    assert poor.bus.transfer(0x50, b"\x10", 1) == b"\x10"
    for write, read_size in ((b"", 0), (b"\x10", 0), (b"\x10", 2), (b"\x10\x01\x02", 0)):
        with pytest.raises(Refused, match="only does SMBus"):
            poor.bus.transfer(0x50, write, read_size)


def test_a_nak_behind_an_smbus_adapter_is_not_connected(smbus: Bench) -> None:
    smbus.adapter.no_acknowledge = errno.ENODEV  # i2c-stub's answer
    with pytest.raises(NotConnected, match="no acknowledge from 0x51"):
        smbus.bus.transfer(0x51, b"\x00", 1)


@given(register=st.integers(0, 200), data=st.binary(max_size=32), size=st.integers(1, 32))
def test_plain_i2c_and_smbus_give_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, register: int, data: bytes, size: int
) -> None:
    folder = tmp_path_factory.mktemp("dev")
    plain, poor = Bench(folder, I2cFunc.I2C), Bench(folder, STUB)
    for bench in (plain, poor):
        bench.bus.transfer(0x50, bytes([register]) + data)
    assert plain.bus.transfer(0x50, bytes([register]), size) == poor.bus.transfer(
        0x50, bytes([register]), size
    )
    assert plain.chip.log == poor.chip.log

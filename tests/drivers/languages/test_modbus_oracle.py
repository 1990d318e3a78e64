"""Our frames against pymodbus, at both ends: another reading of the specification."""

import asyncio
import os
import pty
import select
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
import serial
from pymodbus.client import ModbusSerialClient
from pymodbus.server import ModbusSerialServer, ServerAsyncStop
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers.errors import NoReply, Refused
from drivers.languages.modbus import ModbusRtu
from drivers.sim.languages.modbus import ILLEGAL_ADDRESS, ModbusException, SimulatedModbusRtu
from drivers.sim.linux.pty import PtyHost

UNIT = 17


@contextmanager
def null_modem() -> Iterator[tuple[str, str]]:
    """Yield two serial ports, connected to each other."""
    ends = [pty.openpty(), pty.openpty()]
    for _, port in ends:
        tty.setraw(port)
    wake_read, wake_write = os.pipe()
    hosts = [host for host, _ in ends]

    def carry() -> None:
        while True:
            ready, _, _ = select.select([*hosts, wake_read], [], [])
            if wake_read in ready:
                return
            for host in ready:
                os.write(hosts[1 - hosts.index(host)], os.read(host, 4096))

    thread = threading.Thread(target=carry, name="null modem", daemon=True)
    thread.start()
    try:
        yield os.ttyname(ends[0][1]), os.ttyname(ends[1][1])
    finally:
        os.write(wake_write, b"!")
        thread.join()
        for descriptor in (*ends[0], *ends[1], wake_read, wake_write):
            os.close(descriptor)


@contextmanager
def pymodbus_server(port: str) -> Iterator[None]:
    """pymodbus answers as unit 17, with holding registers 0 to 9 and input registers 100 to 109."""
    listening = threading.Event()
    loop = asyncio.new_event_loop()
    no_bits = [SimData(0, values=[False] * 16, datatype=DataType.BITS)]
    device = SimDevice(
        UNIT,
        simdata=(
            no_bits,
            no_bits,
            [SimData(0, values=list(range(1000, 1010)), datatype=DataType.REGISTERS)],
            [SimData(100, values=list(range(65526, 65536)), datatype=DataType.REGISTERS)],
        ),
    )

    async def serve() -> None:
        server = ModbusSerialServer(device, port=port, baudrate=115200)
        await server.serve_forever(background=True)
        listening.set()
        await stop.wait()
        await ServerAsyncStop()

    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=[serve()], daemon=True)
    thread.start()
    try:
        assert listening.wait(10)
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


@pytest.fixture(scope="module")
def line() -> Iterator[serial.Serial]:
    with (
        null_modem() as (theirs, ours),
        pymodbus_server(theirs),
        serial.Serial(ours, 115200, timeout=0.3) as line,
    ):
        yield line


@pytest.fixture
def master(line: serial.Serial) -> ModbusRtu:
    return ModbusRtu(line, UNIT, "pymodbus", time=time)


def test_pymodbus_reads_our_reads(master: ModbusRtu) -> None:
    assert master.read_holding(0, 10) == tuple(range(1000, 1010))
    assert master.read_holding(9, 1) == (1009,)
    assert master.read_input(100, 10) == tuple(range(65526, 65536))


def test_pymodbus_takes_our_writes(master: ModbusRtu) -> None:
    master.write_register(3, 0xBEEF)
    master.write_registers(4, [0, 1, 0xFFFF])
    assert master.read_holding(3, 4) == (0xBEEF, 0, 1, 0xFFFF)
    master.write_registers(3, [1003, 1004, 1005, 1006])
    assert master.read_holding(0, 10) == tuple(range(1000, 1010))


def test_pymodbus_says_no_and_we_say_how(master: ModbusRtu) -> None:
    with pytest.raises(Refused, match="illegal data address"):
        master.read_holding(500, 2)
    with pytest.raises(Refused, match="illegal data address"):
        master.write_register(500, 2)
    assert master.read_holding(0, 1) == (1000,)


class Twin(SimulatedModbusRtu):
    def __init__(self) -> None:
        super().__init__(UNIT)
        self.values = dict(enumerate(range(500, 520)))

    def read_holding(self, first: int, count: int) -> list[int]:
        if first + count > len(self.values):
            raise ModbusException(ILLEGAL_ADDRESS)
        return [self.values[register] for register in range(first, first + count)]

    def write_holding(self, first: int, values: list[int]) -> None:
        self.values |= dict(enumerate(values, first))


def test_our_twins_answer_pymodbus() -> None:
    twin = Twin()
    with (
        PtyHost(twin) as port,
        closing(ModbusSerialClient(port, baudrate=115200, timeout=1, retries=0)) as client,
    ):
        assert client.connect()
        read = client.read_holding_registers(0, count=20, device_id=UNIT)
        assert read.registers == list(range(500, 520))
        assert not client.write_register(1, 0xBEEF, device_id=UNIT).isError()
        assert not client.write_registers(2, [3, 4], device_id=UNIT).isError()
        assert [twin.values[register] for register in (1, 2, 3)] == [0xBEEF, 3, 4]
        assert client.read_holding_registers(19, count=2, device_id=UNIT).exception_code == 2
        assert client.read_input_registers(0, count=1, device_id=UNIT).exception_code == 1


def test_a_unit_that_is_not_there_is_no_reply_on_a_real_tty() -> None:
    with PtyHost(Twin()) as port, serial.Serial(port, timeout=0.05) as line:
        assert ModbusRtu(line, UNIT, "twin", time=time).read_holding(0, 2) == (500, 501)
        with pytest.raises(NoReply):
            ModbusRtu(line, 5, "nobody", time=time).read_holding(0, 1)

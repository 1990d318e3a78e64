import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import BadReply, NotConnected, WrongDevice
from drivers.pca9685 import Pca9685
from drivers.registers import Chip
from drivers.sim import I2cDevice, SimulatedI2cBus
from drivers.sim.i2c_faults import Altered, Gone, Recorded, Registers
from drivers.sim.light import FixedScene
from drivers.sim.pca9685 import SimulatedPca9685
from drivers.sim.tca9548a import SimulatedMuxedBus, SimulatedTca9548a
from drivers.sim.veml7700 import SimulatedVeml7700
from drivers.sim.world import SimulatedTime
from drivers.tca9548a import Tca9548a
from drivers.veml7700 import Veml7700


class Cell:
    """One byte of memory."""

    def __init__(self) -> None:
        self.value = 0

    def transfer(self, write: bytes, read_size: int) -> bytes:
        if write:
            self.value = write[-1]
        return bytes([self.value]) * read_size


class Wire(SimulatedMuxedBus):
    """Keeps what happens on the upstream bus."""

    def __init__(self, devices: dict[int, I2cDevice]) -> None:
        super().__init__(devices)
        self.transfers: list[tuple[int, bytes, bytes]] = []

    def transfer(self, address: int, write: bytes = b"", read_size: int = 0) -> bytes:
        answer = super().transfer(address, write, read_size)
        self.transfers.append((address, write, answer))
        return answer


def test_one_transfer_frame_by_frame() -> None:
    wire = Wire({0x70: SimulatedTca9548a([{}, {}, {}, {0x10: Cell()}])})
    bus = Tca9548a(wire).channel(3)
    wire.transfers.clear()
    assert bus.transfer(0x10, b"\x55", 1) == b"\x55"
    assert wire.transfers == [
        (0x70, b"\x08", b""),
        (0x70, b"", b"\x08"),
        (0x10, b"\x55", b"\x55"),
        (0x70, b"\x00", b""),
        (0x70, b"", b"\x00"),
    ]


@given(writes=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 255)), max_size=30))
def test_devices_with_one_address_do_not_disturb_each_other(writes: list[tuple[int, int]]) -> None:
    cells = [Cell() for _ in range(8)]
    mux = Tca9548a(SimulatedMuxedBus({0x70: SimulatedTca9548a([{0x10: cell} for cell in cells])}))
    expected = [0] * 8
    for channel, value in writes:
        mux.channel(channel).transfer(0x10, bytes([value]))
        expected[channel] = value
    assert [cell.value for cell in cells] == expected


def test_nor_do_devices_behind_two_multiplexers() -> None:
    one, other = Cell(), Cell()
    bus = SimulatedMuxedBus(
        {0x70: SimulatedTca9548a([{0x10: one}]), 0x71: SimulatedTca9548a([{0x10: other}])}
    )
    first, second = Tca9548a(bus, 0x70), Tca9548a(bus, 0x71)
    first.channel(0).transfer(0x10, b"\x01")
    second.channel(0).transfer(0x10, b"\x02")
    assert (one.value, other.value) == (1, 2)


def test_without_deselecting_they_would() -> None:
    one, other = Cell(), Cell()
    bus = SimulatedMuxedBus(
        {0x70: SimulatedTca9548a([{0x10: one}]), 0x71: SimulatedTca9548a([{0x10: other}])}
    )
    for address in (0x70, 0x71):
        bus.transfer(address, b"\x01")
    bus.transfer(0x10, b"\x05")
    assert (one.value, other.value) == (5, 5)
    one.value = 3
    assert bus.transfer(0x10, b"", 1) == b"\x01", "both drive the line: 3 & 5"


def test_a_multiplexer_behind_a_multiplexer() -> None:
    cell, decoy = Cell(), Cell()
    inner = SimulatedTca9548a([{}, {0x10: cell}])
    outer = SimulatedTca9548a([{0x10: decoy}, {0x71: inner}])
    mux = Tca9548a(Tca9548a(SimulatedMuxedBus({0x70: outer})).channel(1), 0x71)
    bus = mux.channel(1)
    with bus.hold():
        bus.transfer(0x10, b"\x2a")
    assert bus.transfer(0x10, b"", 1) == b"\x2a"
    assert (cell.value, decoy.value) == (0x2A, 0)
    assert (inner.selected, outer.selected) == (0, 0)


def test_an_upstream_device_stays_reachable_and_a_downstream_one_is_not() -> None:
    upstream = Cell()
    bus = SimulatedMuxedBus({0x20: upstream, 0x70: SimulatedTca9548a([{0x10: Cell()}])})
    mux = Tca9548a(bus)
    bus.transfer(0x20, b"\x07")
    assert upstream.value == 7
    with pytest.raises(NotConnected, match="0x10"):
        bus.transfer(0x10, b"\x00")
    assert mux.channel(0).transfer(0x10, b"", 1) == b"\x00"


def test_an_absent_device_is_told_with_its_channel_and_leaves_nothing_selected() -> None:
    twin = SimulatedTca9548a([{0x10: Cell()}])
    mux = Tca9548a(SimulatedMuxedBus({0x70: twin}))
    with pytest.raises(NotConnected, match=r"TCA9548A at 0x70, channel 5: .* 0x10"):
        mux.channel(5).transfer(0x10, b"\x00")
    assert twin.selected == 0


def test_an_unplugged_channel_is_not_connected() -> None:
    cable = SimulatedI2cBus({0x10: Cell()})
    mux = Tca9548a(SimulatedMuxedBus({0x70: SimulatedTca9548a([cable])}))
    assert mux.channel(0).transfer(0x10, b"", 1) == b"\x00"
    cable.unplugged = True
    with pytest.raises(NotConnected, match="channel 0"):
        mux.channel(0).transfer(0x10, b"", 1)


def test_a_selection_that_does_not_read_back_is_a_bad_reply() -> None:
    wire = Altered(SimulatedTca9548a([{}]), lambda write, answer: bytes([answer[0] & 0x81]))
    bus = Tca9548a(SimulatedMuxedBus({0x70: wire})).channel(3)
    with pytest.raises(BadReply, match=r"selected 08, reads back 00: .* all-call"):
        bus.transfer(0x10, b"\x00")


def test_a_multiplexer_that_answers_nothing_is_a_bad_reply() -> None:
    twin = SimulatedTca9548a([{}])
    answers = [True]
    wire = Altered(twin, lambda write, answer: answer if answers else b"")
    mux = Tca9548a(SimulatedMuxedBus({0x70: wire}))
    answers.clear()
    with pytest.raises(BadReply, match="reads back nothing"):
        mux.channel(0).transfer(0x10, b"\x00")


def test_a_multiplexer_that_goes_away_is_not_connected() -> None:
    wire = Gone(SimulatedTca9548a([{0x10: Cell()}]), fail_after=6)
    bus = Tca9548a(SimulatedMuxedBus({0x70: wire})).channel(0)
    with pytest.raises(NotConnected, match="0x70"):
        bus.transfer(0x10, b"\x00")


@pytest.mark.parametrize(
    "stranger", [Registers({}), SimulatedPca9685(), Altered(Cell(), lambda w, a: b"\x7f")]
)
def test_what_does_not_keep_a_selection_is_refused(stranger: I2cDevice) -> None:
    with pytest.raises(WrongDevice, match="TCA9548A at 0x70: selected 01, reads back"):
        Tca9548a(SimulatedMuxedBus({0x70: stranger}))


def test_a_four_channel_relative_is_refused() -> None:
    wire = Altered(Cell(), lambda write, answer: bytes([answer[0] & 0x0F]))
    with pytest.raises(WrongDevice, match="selected 80, reads back 00"):
        Tca9548a(SimulatedMuxedBus({0x70: wire}))


def test_mistakes_of_the_caller_send_nothing() -> None:
    wire = Recorded(SimulatedTca9548a([{}]))
    bus = SimulatedMuxedBus({0x70: wire})
    with pytest.raises(ValueError, match="outside 0x70…0x77"):
        Tca9548a(bus, 0x40)
    assert wire.transfers == []
    mux = Tca9548a(bus)
    wire.transfers.clear()
    for number in (-1, 8):
        with pytest.raises(ValueError, match="outside 0…7"):
            mux.channel(number)
    with pytest.raises(ValueError, match="same address"):
        mux.channel(0).transfer(0x70, b"\x00")
    assert wire.transfers == []


def test_a_freshly_powered_pca9685_spoils_the_multiplexer_until_it_is_opened() -> None:
    time = SimulatedTime()
    pwm = SimulatedPca9685(time=time)
    cell = Cell()
    bus = SimulatedMuxedBus({0x40: pwm, 0x70: SimulatedTca9548a([{0x10: cell}])})
    with pytest.raises(WrongDevice, match="PCA9685's all-call"):
        Tca9548a(bus)
    Pca9685(bus, time=time)
    channel = Tca9548a(bus).channel(0)
    channel.transfer(0x10, b"\x09")
    assert cell.value == 9
    pwm.brown_out()
    with pytest.raises(BadReply, match="PCA9685's all-call"):
        channel.transfer(0x10, b"\x0a")
    assert cell.value == 9


def test_a_freshly_powered_pca9685_behind_another_address_is_harmless() -> None:
    time = SimulatedTime()
    changes: list[tuple[int, float]] = []
    pwm = SimulatedPca9685(lambda channel, duty: changes.append((channel, duty)), time=time)
    bus = SimulatedMuxedBus({0x71: SimulatedTca9548a([{}, {0x40: pwm}])})
    board = Pca9685(Tca9548a(bus, 0x71).channel(1), time=time)
    board.set_duty(3, 0.5)
    assert changes == [(3, 0.5)]


def test_transfers_of_two_threads_do_not_mix() -> None:
    cells = [Cell(), Cell()]
    mux = Tca9548a(SimulatedMuxedBus({0x70: SimulatedTca9548a([{0x10: cell} for cell in cells])}))
    wrong: list[tuple[int, bytes]] = []

    def work(number: int) -> None:
        bus = mux.channel(number)
        for value in range(200):
            with bus.hold():
                bus.transfer(0x10, bytes([value]))
                if (back := bus.transfer(0x10, b"", 1)) != bytes([value]):
                    wrong.append((number, back))

    threads = [threading.Thread(target=work, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_drivers_run_behind_it_unmodified() -> None:
    time, scene = SimulatedTime(), FixedScene(250.0)
    channels = [{0x10: SimulatedVeml7700(scene, zone, time=time)} for zone in range(2)]
    scene.zones_lux[1] = 180.0
    mux = Tca9548a(SimulatedMuxedBus({0x70: SimulatedTca9548a(channels)}))
    meters = [Veml7700(mux.channel(n), time=time) for n in range(2)]
    assert [m.read_illuminance_lux() for m in meters] == pytest.approx([250.0, 180.0], rel=0.01)


def test_more_than_eight_channels_cannot_be_simulated() -> None:
    with pytest.raises(ValueError, match="8 channels"):
        SimulatedTca9548a([{}] * 9)


@pytest.mark.parametrize("address", [-1, 0x00, 0x07, 0x78, 0x80])
def test_reserved_addresses_are_the_callers_mistake(address: int) -> None:
    with pytest.raises(ValueError, match="not a 7-bit I²C address"):
        Chip(SimulatedI2cBus({}), address, "chip")

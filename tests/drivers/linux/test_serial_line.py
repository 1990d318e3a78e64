"""The real serial line on a pty: `far` is the instrument, closing it is pulling the cable."""

import errno
import fcntl
import os
import pty
import signal
import struct
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.buses import ByteStream
from drivers.errors import BadReply, NoReply, NotConnected, NotPermitted, WrongDevice
from drivers.linux import serial_line
from drivers.linux.serial_line import SerialLine, find_holders
from drivers.sim.linux.pty import PtyHost

NOBODY = 65534


class Cable:
    """A pty: `far` is a descriptor for the instrument's end, `path` the port at ours."""

    def __init__(self) -> None:
        self.far, self.near = pty.openpty()
        tty.setraw(self.near)
        self.path = os.ttyname(self.near)
        self.plugged = True

    def say(self, data: bytes) -> None:
        os.write(self.far, data)

    def heard(self) -> bytes:
        return os.read(self.far, 4096)

    def drip(self, *pieces: bytes) -> None:
        """Say one piece when the one before it was taken."""
        for piece in pieces:
            self.say(piece)
            while struct.unpack("i", fcntl.ioctl(self.near, termios.FIONREAD, bytes(4)))[0]:
                os.sched_yield()

    def unplug(self) -> None:
        if self.plugged:
            os.close(self.far)
        self.plugged = False

    def dispose(self) -> None:
        self.unplug()
        os.close(self.near)


@pytest.fixture
def cable() -> Iterator[Cable]:
    cable = Cable()
    yield cable
    cable.dispose()


@pytest.fixture
def line(cable: Cable) -> Iterator[SerialLine]:
    line = SerialLine(cable.path, baudrate=115200, timeout_s=5.0, write_timeout_s=0.05)
    yield line
    line.close()


@pytest.fixture
def hasty(cable: Cable) -> Iterator[SerialLine]:
    line = SerialLine(cable.path, baudrate=115200, timeout_s=0.02)
    yield line
    line.close()


@contextmanager
def soon(do: Callable[[], None]) -> Iterator[None]:
    """`do` is done from a signal handler, in the middle of whatever call is being waited in."""

    def handle(number: int, frame: FrameType | None) -> None:
        do()

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_question_arrives_unaltered_and_the_answer_comes_back(
    cable: Cable, line: SerialLine
) -> None:
    every_byte = bytes(range(256))
    assert line.write(every_byte) == 256
    assert cable.heard() == every_byte
    cable.say(every_byte)
    assert line.read(256) == every_byte


def test_the_real_line_meets_a_twin() -> None:
    class Parrot:
        def receive(self, data: bytes) -> bytes:
            return data.upper()

    with PtyHost(Parrot()) as path:
        line: ByteStream = SerialLine(path, baudrate=9600)
        line.write(b"meas:volt?\n")
        assert line.read_until(b"\n") == b"MEAS:VOLT?\n"
        line.close()


def test_what_follows_an_answer_waits_for_the_next_read(cable: Cable, line: SerialLine) -> None:
    cable.say(b"1.5\r\n0.2\r\nrest")
    assert line.read_until(b"\r\n") == b"1.5\r\n"
    assert line.read_until(b"\r\n") == b"0.2\r\n"
    assert line.read(4) == b"rest"


def test_an_answer_in_fragments_is_put_together(cable: Cable, line: SerialLine) -> None:
    far_end = threading.Thread(target=cable.drip, args=(b"+1.", b"2345", b"6E+00\r", b"\n", b"!"))
    far_end.start()
    assert line.read_until(b"\r\n") == b"+1.23456E+00\r\n"
    assert line.read(1) == b"!"
    far_end.join()


def test_read_waits_for_all_it_was_asked_for(cable: Cable, line: SerialLine) -> None:
    far_end = threading.Thread(target=cable.drip, args=(b"\x01\x04", b"\x14", b"\x08\xfc"))
    far_end.start()
    assert line.read(5) == b"\x01\x04\x14\x08\xfc"
    far_end.join()


def test_an_answer_of_unknown_length_is_over_when_nothing_follows(cable: Cable) -> None:
    line = SerialLine(cable.path, baudrate=9600, timeout_s=3600.0)  # to wait so long is to hang
    cable.say(b"KORADKA3005PV2.0")
    assert line.read_until_quiet(64, 0.01) == b"KORADKA3005PV2.0"
    line.close()


def test_fragments_with_short_pauses_are_one_answer(cable: Cable, line: SerialLine) -> None:
    far_end = threading.Thread(target=cable.drip, args=(b"KORADKA", b"3005P", b"V2.0", b"\x01"))
    far_end.start()
    assert line.read_until_quiet(64, 1.0) == b"KORADKA3005PV2.0\x01"
    far_end.join()


def test_an_answer_that_never_ends_is_cut_and_the_rest_waits(
    cable: Cable, line: SerialLine
) -> None:
    cable.say(b"A" * 100)
    assert line.read_until_quiet(64, 5.0) == b"A" * 64
    assert line.read(36) == b"A" * 36


def test_an_answer_longer_than_the_kernels_buffer_comes_whole(
    cable: Cable, line: SerialLine
) -> None:
    waveform = bytes(range(1, 256)) * 200 + b"\x00"
    far_end = threading.Thread(target=os.write, args=(cable.far, waveform))
    far_end.start()
    assert line.read_until(b"\x00") == waveform
    far_end.join()


def test_silence_gives_nothing_and_half_an_answer_gives_the_half(
    cable: Cable, hasty: SerialLine
) -> None:
    assert hasty.read_until(b"\n") == b""
    assert hasty.read(2) == b""
    assert hasty.read_until_quiet(64, 0.01) == b""
    cable.say(b"+1.2")
    assert hasty.read_until(b"\n") == b"+1.2"
    cable.say(b"\x01\x04")
    assert hasty.read(5) == b"\x01\x04"
    cable.say(b"late\n")
    assert hasty.read_until(b"\n") == b"late\n"


def test_nothing_of_an_earlier_answer_survives_a_reset(cable: Cable, line: SerialLine) -> None:
    cable.say(b"old\nin our buffer\n")
    assert line.read_until(b"\n") == b"old\n"
    cable.say(b"in the kernel" * 500)
    line.reset_input_buffer()
    cable.say(b"new\n")
    assert line.read_until(b"\n") == b"new\n"


def test_a_device_that_never_stops_talking_is_reported(
    cable: Cable, line: SerialLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serial_line, "_BABBLE_READS", 1)
    cable.say(b"debug: hello")
    with pytest.raises(BadReply, match="never stops talking: … b'debug: hello'"):
        line.reset_input_buffer()


def test_a_signal_in_the_middle_of_a_wait_changes_nothing(cable: Cable, line: SerialLine) -> None:
    with soon(lambda: cable.say(b"here\n")):
        assert line.read_until(b"\n") == b"here\n"


def test_a_cable_pulled_while_reading_is_not_connected(cable: Cable, line: SerialLine) -> None:
    cable.say(b"+1.2")
    with soon(cable.unplug), pytest.raises(NotConnected, match=r"gone .*after b'\+1\.2'"):
        line.read_until(b"\n")


def test_a_cable_pulled_before_is_not_connected_whatever_is_asked(
    cable: Cable, line: SerialLine
) -> None:
    cable.unplug()
    with pytest.raises(NotConnected, match=r"gone .*reading"):
        line.read(1)
    with pytest.raises(NotConnected, match=r"gone .*reading"):
        line.read_until_quiet(64, 0.01)
    with pytest.raises(NotConnected, match=r"gone .*reading"):
        line.reset_input_buffer()
    with pytest.raises(NotConnected, match=r"gone .*writing b'OUTP OFF"):
        line.write(b"OUTP OFF\n")


def test_a_port_that_takes_no_data_does_not_hang_the_station(
    cable: Cable, line: SerialLine
) -> None:
    data = b"x" * 1_000_000
    with pytest.raises(NoReply, match=r"takes no data, \d+ of 1000000 bytes within 0.05 s"):
        line.write(data)


def test_a_long_command_goes_out_as_the_far_end_takes_it(cable: Cable) -> None:
    line = SerialLine(cable.path, baudrate=115200, write_timeout_s=5.0)
    data = bytes(range(256)) * 400
    heard = bytearray()

    def listen() -> None:
        while len(heard) < len(data):
            heard.extend(cable.heard())

    far_end = threading.Thread(target=listen)
    far_end.start()
    assert line.write(data) == len(data)
    far_end.join()
    assert heard == data
    line.close()


def test_a_cable_pulled_in_the_middle_of_a_long_command(cable: Cable) -> None:
    line = SerialLine(cable.path, baudrate=115200, write_timeout_s=5.0)
    with soon(cable.unplug), pytest.raises(NotConnected, match=r"gone .*writing"):
        line.write(b"x" * 1_000_000)
    line.close()


def test_a_port_has_one_owner_and_the_second_learns_who_that_is(
    cable: Cable, line: SerialLine
) -> None:
    with pytest.raises(NotPermitted, match=rf"held by .*\({os.getpid()}\)"):
        SerialLine(cable.path, baudrate=115200)
    line.close()
    SerialLine(cable.path, baudrate=115200).close()


def test_a_closed_line_never_touches_the_file_that_got_its_number(
    cable: Cable, line: SerialLine
) -> None:
    line.close()
    line.close()
    pipes = [os.pipe() for _ in range(4)]
    for ours in (lambda: line.write(b"x"), lambda: line.read(1), line.reset_input_buffer):
        with pytest.raises(NotConnected, match="closed"):
            ours()
    with pytest.raises(NotConnected, match="closed"):
        line.read_until(b"\n")
    for pipe in pipes:
        os.close(pipe[1])
        assert os.read(pipe[0], 1) == b""
        os.close(pipe[0])


def test_a_port_that_is_not_there_is_not_connected(tmp_path: Path) -> None:
    with pytest.raises(NotConnected, match="ttyUSB7: no such serial port"):
        SerialLine(str(tmp_path / "ttyUSB7"), baudrate=9600)


def test_what_is_no_serial_port_is_the_wrong_device(tmp_path: Path) -> None:
    with pytest.raises(WrongDevice, match="/dev/null: is not a serial port"):
        SerialLine("/dev/null", baudrate=9600)
    (tmp_path / "file").touch()
    with pytest.raises(WrongDevice, match="is not a serial port"):
        SerialLine(str(tmp_path / "file"), baudrate=9600)


def test_a_missing_permission_names_the_group(cable: Cable) -> None:
    os.chmod(cable.path, 0)
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        with pytest.raises(NotPermitted, match=r"group dialout .*udev rules"):
            SerialLine(cable.path, baudrate=9600)
    finally:
        os.seteuid(before)


@pytest.mark.parametrize("wrong", [-1.0, float("nan"), float("inf")])
def test_a_time_that_is_none_is_the_callers_mistake(wrong: float) -> None:
    with pytest.raises(ValueError, match="timeout_s"):
        SerialLine("/dev/null", baudrate=9600, timeout_s=wrong)
    with pytest.raises(ValueError, match="write_timeout_s"):
        SerialLine("/dev/null", baudrate=9600, write_timeout_s=wrong)


def test_a_senseless_request_is_the_callers_mistake(line: SerialLine) -> None:
    with pytest.raises(ValueError, match="0 baud"):
        SerialLine("/dev/null", baudrate=0)
    with pytest.raises(ValueError, match="-1 bytes"):
        line.read(-1)
    with pytest.raises(ValueError, match="-1 bytes"):
        line.read_until_quiet(-1, 0.01)
    with pytest.raises(ValueError, match="until what"):
        line.read_until(b"")


def test_the_holders_of_a_file_are_named_with_their_number(tmp_path: Path) -> None:
    (tmp_path / "port").touch()
    assert find_holders(str(tmp_path / "port")) == ()
    with (tmp_path / "port").open():
        assert [holder.split()[-1] for holder in find_holders(str(tmp_path / "port"))] == [
            f"({os.getpid()})"
        ]


def test_an_adapter_pulled_while_it_is_opened_is_not_connected() -> None:
    gone = serial_line._explained(
        "/dev/ttyUSB0", "supply", errno.EIO, OSError(errno.EIO, "I/O error")
    )
    assert isinstance(gone, NotConnected)


ALPHABET = st.lists(st.sampled_from([b"a", b"\r", b"\n"]), max_size=6).map(b"".join)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), ALPHABET),
        st.tuples(st.just("read"), st.integers(0, 5)),
        st.tuples(st.just("read_until_quiet"), st.integers(0, 5)),
        st.tuples(st.just("read_until"), st.sampled_from([b"\n", b"\r\n", b"aa"])),
        st.tuples(st.just("reset"), st.none()),
    ),
    max_size=12,
)


@given(steps=STEPS)
@settings(max_examples=100, deadline=None)
def test_however_bytes_come_and_are_asked_for_none_is_lost_doubled_or_misplaced(
    steps: list[tuple[str, bytes | int | None]],
) -> None:
    cable = Cable()
    line = SerialLine(cable.path, baudrate=115200, timeout_s=0.0)
    waiting = b""
    for step in steps:
        match step:
            case ("say", bytes(data)):
                cable.say(data)
                waiting += data
            case ("read", int(size)):
                expected, waiting = waiting[:size], waiting[size:]
                assert line.read(size) == expected
            case ("read_until_quiet", int(size)):
                expected, waiting = waiting[:size], waiting[size:]
                assert line.read_until_quiet(size, 0.0) == expected
            case ("read_until", bytes(mark)):
                head, found, waiting = waiting.partition(mark)
                assert line.read_until(mark) == head + found
            case _:
                line.reset_input_buffer()
                waiting = b""
    line.close()
    cable.dispose()

"""Keyboards and mice with a PS/2 plug: what they say, and whether their lines hold."""

from collections import Counter
from collections.abc import Iterable

from drivers.board_readings import Ps2Frame
from drivers.capabilities import Ps2Port
from drivers.errors import NoReply
from records import Reading
from station.engine.clock import Clock
from station.engine.prompts import Operator
from station.engine.step import Positive, Yields, step
from station.engine.witness import Doubt, must_confirm

PLUGGED = Doubt("ps2.plugged", "ps2.not_plugged", frozenset({"ps2"}))
RESET, IDENTIFY, SET_LEDS, SCAN_CODES, SET_RATE = 0xFF, 0xF2, 0xED, 0xF0, 0xF3
ACKNOWLEDGE, SELF_TEST_PASSED = 0xFA, 0xAA
WHEEL_KNOCK, WHEEL_ID = (200, 100, 80), 3
ALL_LEDS = 0b111
ANSWERS_WITHIN_S = 0.3


class Conversation:
    """Send bytes to a device, hear its answers, and count the faults of all its frames."""

    def __init__(self, port: Ps2Port) -> None:
        self.port = port
        self.faults = Counter[str]()

    def hear(self, within_s: float) -> list[int]:
        """Return the bytes that come within a time of each other."""
        heard: list[Ps2Frame] = []
        while fresh := self.port.read_frames(within_s):
            heard += fresh
        self.note(heard)
        return [frame.byte for frame in heard]

    def tell(self, *sent: int) -> list[int]:
        """Send bytes, each after the answer to the one before, and return the last answer."""
        answer: list[int] = []
        for byte in sent:
            self.port.send(byte)
            answer = self.hear(ANSWERS_WITHIN_S)
        return answer

    def note(self, frames: Iterable[Ps2Frame]) -> None:
        """Count the faults of frames."""
        for frame in frames:
            self.faults.update(frame.faults)


@step(sends="", self_test_passed="", takes_bytes="", device_id="", line_faults="", faults="")
def answers(
    ps2: Ps2Port,
    operator: Operator,
    clock: Clock,
    *,
    self_test_s: Positive = 1.0,
) -> Yields:
    """Give the device its power: it passes its self-test, takes a byte, and says what it is.

    `line_faults` counts frames with a wrong start bit, parity, stop bit or clock, and those that
    were cut; `faults` names them. When nothing comes within `self_test_s`, the operator looks
    whether a device is plugged in.
    """
    ps2.switch(on=False)
    clock.sleep(0.3)
    ps2.switch(on=True)
    device = Conversation(ps2)
    said = device.hear(self_test_s)
    if not said:
        must_confirm(operator, PLUGGED)
        said = device.hear(ANSWERS_WITHIN_S)
    yield Reading("sends", bool(said))
    if not said:
        return
    yield Reading("self_test_passed", SELF_TEST_PASSED in said)
    try:
        answer = device.tell(IDENTIFY)
    except NoReply:
        yield Reading("takes_bytes", False)
    else:
        yield Reading("takes_bytes", answer[:1] == [ACKNOWLEDGE])
        yield Reading("device_id", " ".join(f"{byte:02X}" for byte in answer[1:]))
    yield Reading("line_faults", device.faults.total())
    yield Reading("faults", ", ".join(sorted(device.faults)))


@step(lamps_taken="", scan_code_set_3="")
def keyboard(ps2: Ps2Port) -> Yields:
    """Set a keyboard's lamps and its scan-code set 3, which many do not have, and set 2 again."""
    device = Conversation(ps2)
    yield Reading("lamps_taken", device.tell(SET_LEDS, ALL_LEDS)[:1] == [ACKNOWLEDGE])
    device.tell(SET_LEDS, 0)
    device.tell(SCAN_CODES, 3)
    yield Reading("scan_code_set_3", device.tell(SCAN_CODES, 0)[-1:] == [3])
    device.tell(SCAN_CODES, 2)


@step(rates_taken="", wheel="")
def mouse(ps2: Ps2Port) -> Yields:
    """Knock for a wheel: after the rates 200, 100 and 80 a mouse that has one says so."""
    device = Conversation(ps2)
    taken = [device.tell(SET_RATE, rate) for rate in WHEEL_KNOCK]
    yield Reading("rates_taken", all(answer == [ACKNOWLEDGE] for answer in taken))
    yield Reading("wheel", device.tell(IDENTIFY) == [ACKNOWLEDGE, WHEEL_ID])

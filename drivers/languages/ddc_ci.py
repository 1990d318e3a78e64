"""Messages to displays by VESA DDC/CI 1.1, on I²C address 0x37.

    ask:     51 8n <n bytes> checksum      checksum: XOR with 6E, the display's address
    answer:  6E 8n <n bytes> checksum      checksum: XOR with 50, the host's address
    null:    6E 80 BE                      "I have nothing to say", or "not yet"

Real monitors are slow, drop what comes too fast and garble what they send; the waits and the
retries here are those that ddcutil's users found to be needed (github.com/rockowitz/ddcutil).
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

from drivers.buses import I2cBus, Time
from drivers.errors import BadReply, BusMissing, DriverError, NoReply, NotConnected

DDC_CI_ADDRESS = 0x37
DDC_CI = f"display at {DDC_CI_ADDRESS:#04x}"

HOST = 0x51
DISPLAY = 0x6E
REPLY_SEED = 0x50

GET_VCP = 0x01
GET_VCP_REPLY = 0x02
SET_VCP = 0x03
CAPABILITIES = 0xF3
CAPABILITIES_REPLY = 0xE3
FRAGMENT_SIZE = 32

# DDC/CI 1.1, 4.3 to 4.6, wants 40 ms before a VCP reply is fetched and 50 ms after all else. For
# all of them that, and a margin for the clocks of two sides.
WAIT_S = 0.06
# Each retry comes after a pause twice as long as the one before, and gives more time for the
# reply: six take 3 s.
ATTEMPTS = 6


class NullMessage(NoReply):
    """The display heard the question and has nothing to say."""


class DdcCi:
    """One display's channel for messages. Nothing is sent while the display needs a pause.

    Raises `NotConnected` where no display acknowledges, and `NoReply` instead once `answered` is
    set: then it has a channel, and hangs or sleeps.
    """

    def __init__(self, bus: I2cBus, *, time: Time) -> None:
        self.answered = False
        self._bus = bus
        self._time = time
        self._quiet_until_s = time.monotonic()
        self._given_up_s = math.inf

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Send nothing more once so much time is over: what is to be sent then is a `NoReply`."""
        self._given_up_s = self._time.monotonic() + seconds
        try:
            yield
        finally:
            self._given_up_s = math.inf

    def tell(self, message: bytes) -> None:
        """Send a message that has no answer, again until it is acknowledged."""
        frame = _frame(message)
        for attempt in range(ATTEMPTS):
            try:
                self._send(frame)
            except NotConnected as error:
                problem = self._unheard(frame, error)
                self.be_quiet(WAIT_S * 2**attempt)
            else:
                return
        raise problem

    def ask(self, question: bytes, answer_size: int) -> bytes:
        """Send a question, again until the answer to it comes; return that without its frame.

        Raises `BadReply` when the last answer was damaged or was another's, `NullMessage` when it
        was the null message.
        """
        frame = _frame(question)
        for attempt in range(ATTEMPTS):
            try:
                self._send(frame)
                self._time.sleep(WAIT_S * (attempt + 1))
                raw = self._bus.transfer(DDC_CI_ADDRESS, b"", answer_size + 3)
                self.be_quiet(WAIT_S)
                return _answer(frame, raw)
            except NotConnected as error:
                problem: DriverError = self._unheard(frame, error)
            except (NoReply, BadReply) as error:
                problem = error
            self.be_quiet(WAIT_S * 2**attempt)
        raise problem

    def be_quiet(self, seconds: float) -> None:
        """Send nothing for so long."""
        self._quiet_until_s = self._time.monotonic() + seconds

    def _send(self, frame: bytes) -> None:
        at_s = max(self._quiet_until_s, self._time.monotonic())
        if at_s > self._given_up_s:
            raise NoReply(f"{DDC_CI}: {frame.hex(' ')} was not sent: the time for it is over")
        self._time.sleep(max(0.0, at_s - self._time.monotonic()))
        self._bus.transfer(DDC_CI_ADDRESS, frame)
        self.be_quiet(WAIT_S)

    def _unheard(self, frame: bytes, error: NotConnected) -> DriverError:
        dialogue = f"{DDC_CI}: {frame.hex(' ')} → {error}"
        if isinstance(error, BusMissing):
            return BusMissing(dialogue)
        if self.answered:
            return NoReply(f"{dialogue}; it took commands before: it hangs, or is asleep")
        return NotConnected(f"{dialogue}; DDC/CI may be off in its menu, or it is asleep")


def _checksum(seed: int, data: bytes) -> int:
    for byte in data:
        seed ^= byte
    return seed


def _frame(message: bytes) -> bytes:
    frame = bytes([HOST, 0x80 | len(message)]) + message
    return frame + bytes([_checksum(DISPLAY, frame)])


def _answer(frame: bytes, raw: bytes) -> bytes:
    """Return the answer in `raw` to the question in `frame`, without its frame."""
    dialogue = f"{DDC_CI}: {frame.hex(' ')} → {raw.hex(' ')}"
    size = raw[1] & 0x7F if len(raw) > 1 else 0
    whole = raw[: size + 3]
    if len(whole) < 3 or raw[0] != DISPLAY or raw[1] < 0x80 or len(whole) != size + 3:
        raise BadReply(f"{dialogue}: no reply")
    if _checksum(REPLY_SEED, whole):
        raise BadReply(f"{dialogue}: checksum")
    if not size:
        raise NullMessage(f"{dialogue}: nothing to say, or VCP code unsupported")
    question, answer = frame[2:-1], whole[2:-1]
    if not _fits(question, answer):
        raise BadReply(f"{dialogue}: answer to another question")
    return answer


def _fits(question: bytes, answer: bytes) -> bool:
    if question[0] == GET_VCP:
        return len(answer) == 8 and (answer[0], answer[2]) == (GET_VCP_REPLY, question[1])
    return answer[:3] == bytes([CAPABILITIES_REPLY]) + question[1:]

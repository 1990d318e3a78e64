"""A monitor's data channel: E-EDID by VESA E-DDC 1.3, controls by VESA DDC/CI 1.1 and MCCS 2.2a.

    EDID     0x50  write the offset, read 128 bytes; 0x30 selects the segment of 256 bytes
    DDC/CI   0x37  ask:     51 8n <n bytes> checksum      checksum: XOR with 6E, the address
                   answer:  6E 8n <n bytes> checksum      checksum: XOR with 50, the host's address
                   null:    6E 80 BE                      "I have nothing to say", or "not yet"

Real monitors are slow, drop what comes too fast and garble what they send; the waits and the
retries here are those that ddcutil's users found to be needed (github.com/rockowitz/ddcutil).
"""

from drivers.buses import I2cBus, Time
from drivers.capabilities import Identity, Monitor, Vcp
from drivers.errors import (
    BadReply,
    BusMissing,
    DriverError,
    NoReply,
    NotConnected,
    Refused,
    WrongDevice,
)
from drivers.formats import edid

EDID_ADDRESS = 0x50
SEGMENT_ADDRESS = 0x30
DDC_CI_ADDRESS = 0x37
EEPROM = f"display at {EDID_ADDRESS:#04x}"
DDC_CI = f"display at {DDC_CI_ADDRESS:#04x}"

HOST = 0x51
DISPLAY = 0x6E
REPLY_SEED = 0x50

GET_VCP = 0x01
GET_VCP_REPLY = 0x02
MOMENTARY = 0x01
SET_VCP = 0x03
CAPABILITIES = 0xF3
CAPABILITIES_REPLY = 0xE3

POWER_MODE = 0xD6
POWER_ON = 1

# DDC/CI 1.1, 4.3 to 4.6, wants 40 ms before a VCP reply is fetched and 50 ms after all else. For
# all of them that, and a margin for the clocks of two sides.
WAIT_S = 0.06
# Each retry comes after a pause twice as long as the one before, and gives more time for the
# reply: six take 3 s.
ATTEMPTS = 6
EDID_ATTEMPTS = 4
# A value that is taken over slowly gets this long to appear before it is sent again.
SETTLE_S = 0.2
# Waking and going to sleep take a monitor seconds, in which it may say anything.
TRANSITION_S = 3.0

FRAGMENT_SIZE = 32
LONGEST_CAPABILITIES = 16384
MOST_BLOCKS = 256


class DdcMonitor(Monitor):
    """The display under test. Opening it reads its EDID, and nothing else.

    Raises `NotConnected` when there is no display, `WrongDevice` when what answers at the EDID's
    address is something else. A damaged EDID is no obstacle: finding that is what tests are for.

    Who does not acknowledge DDC/CI's address has none, or has it switched off: `NotConnected`. Who
    told a control before has it, and is silent now: `NoReply`.
    """

    def __init__(self, bus: I2cBus, *, time: Time) -> None:
        self._bus = bus
        self._time = time
        self._quiet_until_s = time.monotonic()
        self._first_values: dict[int, int] = {}
        self._told: set[int] = set()
        self.first_edid = data = self.read_edid()
        told = edid.parse(data)
        blank = len(set(data)) == 1  # an erased memory: a defect of the monitor
        if told.version is None and not blank:
            raise WrongDevice(f"{EEPROM}: no EDID, it begins with {data[:8].hex(' ')}")
        self.identity = Identity(
            maker=told.manufacturer or "",
            model=told.name or (f"{told.product_code:04X}" if told.product_code else ""),
            serial_number=told.serial_text or str(told.serial_number or ""),
        )

    def read_edid(self) -> bytes:
        """All blocks, 128 bytes each, unchecked: judging them is the test.

        A display that promises more blocks than it has gives those it has. Raises `BadReply` when
        a damaged block reads differently each time: then the wire is at fault, not the display.
        """
        blocks = [self._read_block(0)]
        while len(blocks) < min(MOST_BLOCKS, edid.blocks_promised(b"".join(blocks))):
            try:
                block = self._read_block(len(blocks))
            except BusMissing:
                raise
            except NotConnected:
                self._read_block(0)  # raises when the whole display has gone
                break
            if len(blocks) % 2 == 0 and block == blocks[0]:
                raise BadReply(
                    f"{EEPROM}: block {len(blocks)} is block 0 again ({block[:12].hex(' ')} …),"
                    f" so it did not keep segment {len(blocks) // 2}"
                )
            blocks.append(block)
        return b"".join(blocks)

    def read_control(self, code: int) -> Vcp:
        """One VCP feature, as told. Raises `Refused` when the monitor does not have it.

        And `BadReply` when it says so of one that it told before.
        """
        _check("VCP code", code, 0xFF)
        return self._get(code)[0]

    def set_control(self, code: int, value: int) -> None:
        """Set and verify. Raises `Refused` when the monitor keeps another value.

        The value before the first change is what `make_safe` restores, so a control that cannot be
        read is `Refused` before anything is written. A momentary one (degauss) has no value to
        verify or restore. A monitor told to sleep may be silent afterwards.
        """
        _check("VCP code", code, 0xFF)
        _check("VCP value", value, 0xFFFF)
        before, momentary = self._get(code)
        if momentary:
            self._tell(code, value)
            return
        self._first_values.setdefault(code, before.current)
        self._change(code, value)

    def read_capabilities(self) -> str:
        """The MCCS capability string, as sent; one character per byte."""
        text = b""
        while len(text) <= LONGEST_CAPABILITIES:
            question = bytes([CAPABILITIES]) + len(text).to_bytes(2, "big")
            part = self._ask(question, 3 + FRAGMENT_SIZE)[3:]
            if not part:
                return text.rstrip(b"\0").decode("latin-1")
            text += part
        raise BadReply(f"{DDC_CI}: capabilities do not end: {text[:64]!r} …")

    def make_safe(self) -> None:
        """Put back what was changed, the power mode first: asleep, it does not take the rest.

        What could not be put back is in the error, and is tried again the next time.
        """
        failures = []
        for code in sorted(self._first_values, key=lambda code: code != POWER_MODE):
            value = self._first_values[code]
            try:
                self._change(code, value)
            except DriverError as error:
                failures.append(f"VCP {code:#04x} is not back at {value}: {error}")
            else:
                del self._first_values[code]
        if failures:
            raise DriverError("; ".join(failures))

    def _get(self, code: int) -> tuple[Vcp, bool]:
        """The control, and whether it is momentary."""
        reply = self._ask(bytes([GET_VCP, code]), 8)
        if reply[1]:
            unsupported = f"{DDC_CI}: VCP {code:#04x} → {reply.hex(' ')}: unsupported"
            if code in self._told:
                raise BadReply(f"{unsupported}, and it told its value before")
            raise Refused(unsupported)
        self._told.add(code)
        maximum, current = (int.from_bytes(reply[at : at + 2], "big") for at in (4, 6))
        return Vcp(current=current, maximum=maximum), reply[3] == MOMENTARY

    def _change(self, code: int, value: int) -> None:
        """Set, and set again: some monitors sleep through the first message."""
        found: Vcp | None = None
        for _ in range(2):
            self._tell(code, value)
            if code == POWER_MODE:
                self._be_quiet(TRANSITION_S)
            for _ in range(2):
                found = self._found_after(code, value)
                if found is None or _is_taken(code, value, found):
                    return
                self._be_quiet(SETTLE_S)
        raise Refused(f"{DDC_CI}: VCP {code:#04x} was set to {value}, it keeps {found}")

    def _found_after(self, code: int, value: int) -> Vcp | None:
        """What the control is now. None when it sleeps, as it was told to."""
        try:
            return self._get(code)[0]
        except (NotConnected, NoReply):
            if code == POWER_MODE and value != POWER_ON:
                return None
            raise

    def _tell(self, code: int, value: int) -> None:
        frame = _frame(bytes([SET_VCP, code]) + value.to_bytes(2, "big"))
        for attempt in range(ATTEMPTS):
            try:
                self._send(frame)
            except NotConnected as error:
                problem = self._unheard(frame, error)
                self._be_quiet(WAIT_S * 2**attempt)
            else:
                return
        raise problem

    def _ask(self, question: bytes, answer_size: int) -> bytes:
        """The answer without its frame. Retries whatever another try may cure."""
        frame = _frame(question)
        for attempt in range(ATTEMPTS):
            try:
                self._send(frame)
                self._time.sleep(WAIT_S * (attempt + 1))
                raw = self._bus.transfer(DDC_CI_ADDRESS, b"", answer_size + 3)
                self._be_quiet(WAIT_S)
                return _answer(frame, raw)
            except NotConnected as error:
                problem: DriverError = self._unheard(frame, error)
            except (NoReply, BadReply) as error:
                problem = error
            self._be_quiet(WAIT_S * 2**attempt)
        raise problem

    def _send(self, frame: bytes) -> None:
        self._time.sleep(max(0.0, self._quiet_until_s - self._time.monotonic()))
        self._bus.transfer(DDC_CI_ADDRESS, frame)
        self._be_quiet(WAIT_S)

    def _be_quiet(self, seconds: float) -> None:
        """Nothing is sent until then."""
        self._quiet_until_s = self._time.monotonic() + seconds

    def _unheard(self, frame: bytes, error: NotConnected) -> DriverError:
        dialogue = f"{DDC_CI}: {frame.hex(' ')} → {error}"
        if isinstance(error, BusMissing):
            return BusMissing(dialogue)
        if self._told:
            return NoReply(f"{dialogue}; it took commands before: it hangs, or is asleep")
        return NotConnected(f"{dialogue}; DDC/CI may be off in its menu, or it is asleep")

    def _read_block(self, number: int) -> bytes:
        """128 bytes whose checksum is right, or that read the same twice."""
        segment, second = divmod(number, 2)
        before = b""
        problem: DriverError
        for _ in range(EDID_ATTEMPTS):
            try:
                block = self._read_segment(segment, second * edid.BLOCK_SIZE)
            except (NotConnected, NoReply) as error:
                problem = type(error)(f"{EEPROM}: EDID block {number}: {error}")
            else:
                if len(block) == edid.BLOCK_SIZE and (sum(block) % 256 == 0 or block == before):
                    return block
                problem = BadReply(
                    f"{EEPROM}: EDID block {number} reads as {before.hex()}, then {block.hex()}"
                )
                before = block
            self._time.sleep(WAIT_S)
        raise problem

    def _read_segment(self, segment: int, offset: int) -> bytes:
        """E-DDC (2.2.5) wants all of this in one transaction, and the segment forgotten at its end.

        Displays that forget it sooner, at the stop before the read, give segment 0 again. Displays
        that never forget it are reminded. Those without segments are not asked for any.
        """
        with self._bus.hold():
            if not segment:
                return self._bus.transfer(EDID_ADDRESS, bytes([offset]), edid.BLOCK_SIZE)
            self._bus.transfer(SEGMENT_ADDRESS, bytes([segment]))
            try:
                return self._bus.transfer(EDID_ADDRESS, bytes([offset]), edid.BLOCK_SIZE)
            finally:
                self._bus.transfer(SEGMENT_ADDRESS, b"\0")


def _check(what: str, number: int, most: int) -> None:
    if not 0 <= number <= most:
        raise ValueError(f"{what} {number} is outside 0 to {most}")


def _checksum(seed: int, data: bytes) -> int:
    for byte in data:
        seed ^= byte
    return seed


def _frame(message: bytes) -> bytes:
    frame = bytes([HOST, 0x80 | len(message)]) + message
    return frame + bytes([_checksum(DISPLAY, frame)])


def _answer(frame: bytes, raw: bytes) -> bytes:
    """What `raw` says to the question in `frame`."""
    dialogue = f"{DDC_CI}: {frame.hex(' ')} → {raw.hex(' ')}"
    size = raw[1] & 0x7F if len(raw) > 1 else 0
    whole = raw[: size + 3]
    if len(whole) < 3 or raw[0] != DISPLAY or raw[1] < 0x80 or len(whole) != size + 3:
        raise BadReply(f"{dialogue}: no reply")
    if _checksum(REPLY_SEED, whole):
        raise BadReply(f"{dialogue}: checksum")
    if not size:
        raise NoReply(f"{dialogue}: nothing to say, or VCP code unsupported")
    question, answer = frame[2:-1], whole[2:-1]
    if not _fits(question, answer):
        raise BadReply(f"{dialogue}: answer to another question")
    return answer


def _fits(question: bytes, answer: bytes) -> bool:
    if question[0] == GET_VCP:
        return len(answer) == 8 and (answer[0], answer[2]) == (GET_VCP_REPLY, question[1])
    return answer[:3] == bytes([CAPABILITIES_REPLY]) + question[1:]


def _is_taken(code: int, value: int, found: Vcp) -> bool:
    """Whether a control that was set to `value` and then read as `found` obeyed."""
    if code == POWER_MODE and value != POWER_ON:
        return found.current != POWER_ON  # 5 is read back as 4
    # Where no value has a high byte, what some monitors send there means nothing.
    return (found.current & 0xFF if found.maximum <= 0xFF else found.current) == value

"""A monitor's data channel: E-EDID by VESA E-DDC 1.3, controls by VESA DDC/CI 1.1 and MCCS 2.2a.

Real monitors are slow and drop what comes too fast; the waits here are those that ddcutil's users
found to be needed (github.com/rockowitz/ddcutil).
"""

from typing import Annotated

from drivers.buses import I2cBus, Time
from drivers.capabilities import Identity, Monitor, Vcp
from drivers.errors import BadReply, DriverError, Refused, WrongDevice
from drivers.formats import edid
from drivers.languages.ddc_ci import (
    CAPABILITIES,
    DDC_CI,
    DDC_CI_ADDRESS,
    FRAGMENT_SIZE,
    GET_VCP,
    SET_VCP,
    DdcCi,
    NullMessage,
)
from drivers.languages.e_ddc import EDID_ADDRESS, EEPROM, SEGMENT_ADDRESS, read_edid
from drivers.wiring import At

MOMENTARY = 0x01
POWER_MODE = 0xD6
POWER_ON = 1

# A value that is taken over slowly gets this long to appear before it is sent again.
SETTLE_S = 0.2
# Waking and going to sleep take a monitor seconds, in which it may say anything.
TRANSITION_S = 3.0
# A control that was never told, and is null still after this, is missing; not all say so.
WAKES_S = 4.0

# Restoring all controls takes no longer: the last message begins so long before that with its reply
# it is over in time.
RESTORES_WITHIN_S = 10.0
LAST_MESSAGE_S = 0.5

LONGEST_CAPABILITIES = 16384

ADDRESSES = (SEGMENT_ADDRESS, DDC_CI_ADDRESS, EDID_ADDRESS)


class DdcMonitor(Monitor):
    """The display under test. Opening it reads its EDID, and nothing else.

    Raises `NotConnected` when there is no display, `WrongDevice` when another chip answers at the
    EDID's address. A damaged EDID does not prevent opening: to find it is the test's affair.

    Its commands raise `NotConnected` where the display does not acknowledge the address of DDC/CI,
    as it has none or it is switched off; and `NoReply` once it has told the value of a control.
    """

    def __init__(self, bus: Annotated[I2cBus, At(ADDRESSES)], *, time: Time) -> None:
        self._bus = bus
        self._time = time
        self._channel = DdcCi(bus, time=time)
        self._first_values: dict[int, int] = {}
        self._told: set[int] = set()
        self._nulls: dict[int, float] = {}
        self.first_edid = data = self.read_edid()
        told = edid.parse(data)
        blank = len(set(data)) == 1  # an erased memory: a defect of the monitor
        if told.version is None and not blank:
            raise WrongDevice(f"{EEPROM}: no EDID, it begins with {data[:8].hex(' ')}")
        self.identity = Identity(
            maker=told.manufacturer or "",
            model=told.name or (f"{told.product_code:04X}" if told.product_code else ""),
            serial_number=told.serial,
        )

    def read_edid(self) -> bytes:
        """Read all blocks, 128 bytes each, and judge none of them: that is the test's affair.

        Raises as `drivers.languages.e_ddc.read_edid` does.
        """
        return read_edid(self._bus, self._time)

    def read_control(self, code: int) -> Vcp:
        """Read one VCP feature. Raises `Refused` when the monitor does not have it.

        Raises `BadReply` when it says so of a feature whose value it told before.
        """
        _check("VCP code", code, 0xFF)
        return self._get(code)[0]

    def set_control(self, code: int, value: int) -> None:
        """Set a control and verify it. Raises `Refused` when the monitor keeps another value.

        `make_safe` restores the value before the first change, so a control that cannot be read is
        `Refused` before anything is written. A value beyond the control's maximum is not restored:
        it never was one. A momentary control (degauss) has no value to verify or restore. A monitor
        that is told to sleep is not asked whether it does, as that would wake some.
        """
        _check("VCP code", code, 0xFF)
        _check("VCP value", value, 0xFFFF)
        before, momentary = self._get(code)
        if momentary:
            self._tell(code, value)
            return
        if (possible := _value(before)) <= before.maximum:
            self._first_values.setdefault(code, possible)
        self._change(code, value)

    def read_capabilities(self) -> str:
        """Read the MCCS capability string, as sent; one character per byte."""
        text = b""
        while len(text) <= LONGEST_CAPABILITIES:
            question = bytes([CAPABILITIES]) + len(text).to_bytes(2, "big")
            part = self._channel.ask(question, 3 + FRAGMENT_SIZE)[3:]
            if not part:
                return text.rstrip(b"\0").decode("latin-1")
            text += part
        raise BadReply(f"{DDC_CI}: capabilities do not end: {text[:64]!r} …")

    def make_safe(self) -> None:
        """Restore the controls that were changed, the power mode first: asleep, it takes no other.

        Takes `RESTORES_WITHIN_S` at most. The error names controls that could not be restored. They
        are tried again the next time.
        """
        failures = []
        with self._channel.within(RESTORES_WITHIN_S - LAST_MESSAGE_S):
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
        """Return the control, and whether it is momentary."""
        try:
            reply = self._channel.ask(bytes([GET_VCP, code]), 8)
        except NullMessage as error:
            first_s = self._nulls.setdefault(code, self._time.monotonic())
            if code in self._told or self._time.monotonic() < first_s + WAKES_S:
                raise
            raise Refused(f"{error}, both now and {WAKES_S:g} s ago") from error
        if reply[1] or not any(reply[3:]):  # zeros are what some displays say of what they lack
            unsupported = f"{DDC_CI}: VCP {code:#04x} → {reply.hex(' ')}: unsupported"
            if code in self._told:
                raise BadReply(f"{unsupported}, and it told its value before")
            raise Refused(unsupported)
        self._told.add(code)
        self._channel.answered = True
        maximum, current = (int.from_bytes(reply[at : at + 2], "big") for at in (4, 6))
        return Vcp(current=current, maximum=maximum), reply[3] == MOMENTARY

    def _change(self, code: int, value: int) -> None:
        """Set the control, and set it again: some monitors miss the first message."""
        found: Vcp | None = None
        for _ in range(2):
            self._tell(code, value)
            if code == POWER_MODE:
                self._channel.be_quiet(TRANSITION_S)
                if value != POWER_ON:
                    return
            for _ in range(2):
                found = self._get(code)[0]
                if _value(found) == value:
                    return
                self._channel.be_quiet(SETTLE_S)
        raise Refused(f"{DDC_CI}: VCP {code:#04x} was set to {value}, it keeps {found}")

    def _tell(self, code: int, value: int) -> None:
        self._channel.tell(bytes([SET_VCP, code]) + value.to_bytes(2, "big"))


def _check(what: str, number: int, most: int) -> None:
    if not 0 <= number <= most:
        raise ValueError(f"{what} {number} is outside 0 to {most}")


def _value(found: Vcp) -> int:
    """Return a control's value. Where none has a high byte, what some send there means nothing."""
    return found.current & 0xFF if found.maximum <= 0xFF else found.current

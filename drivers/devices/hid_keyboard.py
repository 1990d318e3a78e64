"""USB keyboards as devices under test. USB HID 1.11 with appendices B and C; HUT 1.5."""

import math
from contextlib import suppress

from drivers.buses import Time, UsbDevice, UsbInterface
from drivers.capabilities import Identity, KeyEvent, KeySource
from drivers.errors import BadReply, DriverError, NoReply, NotConnected, Refused, WrongDevice
from drivers.languages.hid_descriptors import (
    REPORT_DESCRIPTOR,
    find_hid_descriptor,
    parse_report_descriptor,
)
from drivers.languages.hid_fields import FIRST_MODIFIER, LAST_MODIFIER, LED_PAGE, ReportDescriptor
from drivers.languages.hid_reports import (
    BOOT_REPORT_BYTES,
    ERROR_ROLL_OVER,
    NO_ERROR,
    Keys,
    encode_output,
    keys_in_boot_report,
    keys_in_report,
)
from drivers.languages.usb_tree import find_behind

# HID 1.11, 4.1-4.3
HID_CLASS = 3
BOOT_SUBCLASS = 1
KEYBOARD_PROTOCOL = 1

# HID 1.11, 7.1 and 7.2
TO_INTERFACE = 0x21
FROM_INTERFACE_STANDARD = 0x81
GET_DESCRIPTOR = 0x06
SET_REPORT = 0x09
SET_IDLE = 0x0A
SET_PROTOCOL = 0x0B
OUTPUT_REPORT = 0x0200
BOOT_PROTOCOL = 0
REPORT_PROTOCOL = 1

# HID 1.11, 7.2.4: the rate recommended for keyboards, in units of 4 ms. They then repeat the keys
# that are down: a key that was stuck before, or a report that got lost, is not missed.
IDLE_500_MS = 125

LEDS = {"num": 0x01, "caps": 0x02, "scroll": 0x03}  # HUT, "LED Page (0x08)"

# Of a board with two interfaces that send keys, one is read at a time. A transfer must stay open
# for at least a polling interval (up to 10 ms), or the host controller ends it before it has asked
# even once. The interface of the last report is read longer, or the times of a chatter would blur.
LOOK_S = 0.012
HEAR_OUT_S = 0.1
MOST_REPORTS = 64


class _Board:
    """One interface that sends keys, and the keys that are down according to it."""

    def __init__(self, interface: UsbInterface, descriptor: ReportDescriptor) -> None:
        self.number = interface.number
        self.endpoint = interface.endpoints_in[0]
        self.boot = _is_boot_keyboard(interface)
        self.descriptor = descriptor
        self._down: dict[int, frozenset[int]] = {}

    @property
    def down(self) -> frozenset[int]:
        return frozenset().union(*self._down.values())

    def forget(self) -> None:
        self._down.clear()

    def hear(self, report: bytes, *, boot: bool) -> int:
        """Take the keys of a report and return its error usage, `NO_ERROR` if it has none."""
        keys = keys_in_boot_report(report) if boot else keys_in_report(self.descriptor, report)
        if keys is None:
            return NO_ERROR
        self._down[keys.report_id] = self._trusted(keys)
        return keys.error

    def _trusted(self, keys: Keys) -> frozenset[int]:
        """Return the keys that are down; in a rollover only modifiers are reported (appendix C)."""
        if keys.error == NO_ERROR:
            return keys.down
        before = self._down.get(keys.report_id, frozenset())
        return frozenset(filter(_is_modifier, keys.down)) | frozenset(
            key for key in before if not _is_modifier(key)
        )


class HidKeyboard(KeySource):
    """The keyboard under test, with all its HID interfaces claimed: no key reaches a console.

    A keyboard with sockets is a hub at its port, and the keyboard is behind that. An interface
    besides the keyboard's own that cannot be read, or describes no keys, is left aside.

    Between two calls of `read_events` nothing is read: the keyboard keeps a few reports, and those
    get the time when they are read. It owns `device` from here on. Raises `WrongDevice` when no
    interface sends keys; all interfaces are released then.
    """

    rollover_seen = 0
    """Number of reports so far with ErrorRollOver: too many keys, or an ambiguous combination."""

    faults_seen = 0
    """Number of reports so far with POSTFail or ErrorUndefined in a key's place."""

    def __init__(self, device: UsbDevice, *, time: Time) -> None:
        self._time = time
        at_port = device
        device = self._device = find_behind(at_port, _has_hid) or at_port
        self._spoke_s = -math.inf
        self._boot_protocol = False
        self._held: list[int] = []
        self._closed = False
        said = device.descriptor
        self.where = f"keyboard {said.vendor_id:04x}:{said.product_id:04x}"
        interfaces = [each for each in device.interfaces if each.usb_class == HID_CLASS]
        if not interfaces:
            classes = [f"{each.usb_class:#04x}" for each in device.interfaces]
            raise WrongDevice(f"{self.where}: no HID interface, only of class {', '.join(classes)}")
        try:
            self._hold(interfaces)
        except BaseException:
            with suppress(DriverError):
                self._give_back()
                if device is not at_port:
                    device.close()
            raise
        self.boot = any(map(_is_boot_keyboard, interfaces))
        self.usages = frozenset().union(*(each.descriptor.keys() for each in self._boards))
        self.rollover = self._report_rollover()
        self.identity = Identity(
            maker=said.maker or f"{said.vendor_id:04x}",
            model=said.product or f"{said.product_id:04x}",
            serial_number=said.serial_number,
            firmware=f"{said.release_bcd >> 8:x}.{said.release_bcd & 0xFF:02x}",
        )

    def read_events(self, timeout_s: float) -> tuple[KeyEvent, ...]:
        """Return the key events since the last call; wait at most `timeout_s` for the first.

        Each has the time when its report arrived, in seconds of `time`. A keyboard is asked once in
        1 to 10 ms; a shorter timeout may hear nothing of what is there. Raises `NotConnected`
        when it was unplugged. A report that its own descriptor does not allow is counted in
        `odd_reports_seen` and says nothing else.
        """
        if not 0 <= timeout_s <= 3600:
            raise ValueError(f"cannot wait {timeout_s} s for keys")
        self._check_open()
        deadline_s = self._time.monotonic() + timeout_s
        events: list[KeyEvent] = []
        while not events:
            heard = self._next_report(deadline_s)
            if heard is None:
                return ()
            board, report = heard
            events += self._events_of(board, report)
            if not events and self._time.monotonic() >= deadline_s:
                return ()
        self._boards.remove(board)
        self._boards.insert(0, board)
        self._spoke_s = self._time.monotonic()
        for _ in range(MOST_REPORTS):
            report = self._device.read(board.endpoint, self._report_bytes(board), 0.0)
            if not report:
                break
            events += self._events_of(board, report)
        return tuple(events)

    def set_leds(self, *, num: bool = False, caps: bool = False, scroll: bool = False) -> None:
        """Light LEDs. Raises `Refused`, with nothing sent, when the descriptor has no such LED."""
        self._check_open()
        wanted = {"num": num, "caps": caps, "scroll": scroll}
        on = {LEDS[name] for name, lit in wanted.items() if lit}
        if self._boot_protocol:
            bits = sum(1 << (led - 1) for led in on)
            for board in self._speaking():
                self._set_report(board.number, 0, bytes([bits]))
            return
        for name, lit in wanted.items():
            if lit and name not in self.leds:
                raise Refused(f"{self.where}: its report descriptor has no {name} lock LED")
        usages = {LED_PAGE << 16 | led for led in on}
        for number, descriptor in self._descriptors.items():
            for report_id in sorted({field.report_id for field in descriptor.led_fields()}):
                report = encode_output(descriptor, report_id, usages)
                self._set_report(number, report_id, report)

    def use_boot_protocol(self, *, boot: bool) -> None:
        """Switch to the boot protocol of eight bytes that a BIOS reads, or back.

        Raises `Refused` when the keyboard offers no boot protocol or does not change.
        """
        self._check_open()
        if boot and not self.boot:
            raise Refused(f"{self.where}: it offers no boot protocol")
        for board in self._boards:
            if board.boot:
                self._set_protocol(board.number, BOOT_PROTOCOL if boot else REPORT_PROTOCOL)
        self._boot_protocol = boot
        self.rollover = BOOT_REPORT_BYTES - 2 if boot else self._report_rollover()
        for board in self._boards:
            board.forget()

    def close(self) -> None:
        """Return to the report protocol, and release the interfaces to the kernel."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._boot_protocol:
                for board in self._speaking():
                    self._set_protocol(board.number, REPORT_PROTOCOL)
        except NotConnected:
            pass  # unplugged: there is nothing to restore
        finally:
            try:
                self._give_back()
            finally:
                self._device.close()

    def _hold(self, interfaces: list[UsbInterface]) -> None:
        """Claim all interfaces before the first request: a key may be pressed meanwhile."""
        for interface in interfaces:
            self._device.claim(interface.number)
            self._held.append(interface.number)
        self._descriptors = self._report_descriptors(interfaces)
        boards = [
            _Board(each, self._descriptors[each.number])
            for each in interfaces
            if each.endpoints_in and self._descriptors[each.number].keys()
        ]
        self._boards = sorted(boards, key=lambda board: -board.descriptor.rollover())
        if not self._boards:
            raise WrongDevice(f"{self.where}: none of its HID interfaces sends keys")
        self.leds = frozenset(
            name
            for name, led in LEDS.items()
            for descriptor in self._descriptors.values()
            for field in descriptor.led_fields()
            if any(each.first <= LED_PAGE << 16 | led <= each.last for each in field.usages)
        )
        for board in self._boards:
            # A keyboard that has no such choice refuses it, and does what is wanted anyway.
            with suppress(Refused):
                self._device.control_out(TO_INTERFACE, SET_IDLE, IDLE_500_MS << 8, board.number)
            if board.boot:
                with suppress(Refused):
                    self._set_protocol(board.number, REPORT_PROTOCOL)

    def _report_descriptors(self, interfaces: list[UsbInterface]) -> dict[int, ReportDescriptor]:
        """Return the descriptor of each interface; an empty one for what can be left aside.

        That is an interface that is no keyboard to a BIOS, as long as another one has keys. Raises
        the error of the first that cannot be read where none has.
        """
        told: dict[int, ReportDescriptor] = {}
        failure: DriverError | None = None
        for each in interfaces:
            try:
                told[each.number] = self._report_descriptor(each)
            except (BadReply, Refused, NoReply) as error:
                if _is_boot_keyboard(each):
                    raise
                failure = failure or error
                told[each.number] = ReportDescriptor((), numbered=False)
        if failure is not None and not any(each.keys() for each in told.values()):
            raise failure
        return told

    def _report_descriptor(self, interface: UsbInterface) -> ReportDescriptor:
        try:
            size = find_hid_descriptor(interface.extra).report_descriptor_bytes
            data = self._device.control_in(
                FROM_INTERFACE_STANDARD,
                GET_DESCRIPTOR,
                REPORT_DESCRIPTOR << 8,
                interface.number,
                size,
            )
            if len(data) != size:
                raise BadReply(f"report descriptor of {len(data)} bytes, not {size}")
            return parse_report_descriptor(data)
        except BadReply as error:
            raise BadReply(f"{self.where}, interface {interface.number}: {error}") from error

    def _next_report(self, deadline_s: float) -> tuple[_Board, bytes] | None:
        """Return the next report of any interface; None when there was none in time."""
        speaking = self._speaking()
        while True:
            for board in speaking:
                now_s = self._time.monotonic()
                listen_s = max(0.0, deadline_s - now_s)
                if len(speaking) > 1:
                    more_s = self._spoke_s + HEAR_OUT_S - now_s if board is speaking[0] else 0.0
                    listen_s = min(listen_s, max(LOOK_S, more_s))
                report = self._device.read(board.endpoint, self._report_bytes(board), listen_s)
                if report:
                    return board, report
            if self._time.monotonic() >= deadline_s:
                return None

    def _events_of(self, board: _Board, report: bytes) -> list[KeyEvent]:
        at_s = self._time.monotonic()
        try:
            error = board.hear(report, boot=self._boot_protocol)
        except BadReply:
            self.odd_reports_seen += 1
            return []
        if error == ERROR_ROLL_OVER:
            self.rollover_seen += 1
        elif error != NO_ERROR:
            self.faults_seen += 1
        down = frozenset().union(*(each.down for each in self._speaking()))
        before, self.keys_down = self.keys_down, down
        return [KeyEvent(usage, False, at_s) for usage in sorted(before - down)] + [
            KeyEvent(usage, True, at_s) for usage in sorted(down - before)
        ]

    def _speaking(self) -> list[_Board]:
        """Return the interfaces that send reports: in boot protocol, only boot interfaces."""
        return [each for each in self._boards if each.boot or not self._boot_protocol]

    def _report_bytes(self, board: _Board) -> int:
        if self._boot_protocol:
            return BOOT_REPORT_BYTES
        return board.descriptor.longest_report_bytes("input")

    def _report_rollover(self) -> int:
        return max(board.descriptor.rollover() for board in self._boards)

    def _set_protocol(self, interface: int, protocol: int) -> None:
        self._device.control_out(TO_INTERFACE, SET_PROTOCOL, protocol, interface)

    def _set_report(self, interface: int, report_id: int, report: bytes) -> None:
        self._device.control_out(
            TO_INTERFACE, SET_REPORT, OUTPUT_REPORT | report_id, interface, report
        )

    def _give_back(self) -> None:
        """Release all interfaces, even where one fails."""
        failure: DriverError | None = None
        while self._held:
            try:
                self._device.release(self._held.pop())
            except NotConnected:
                continue
            except DriverError as error:
                failure = failure or error
        if failure is not None:
            raise failure

    def _check_open(self) -> None:
        if self._closed:
            raise NotConnected(f"{self.where}: closed")


def _has_hid(device: UsbDevice) -> bool:
    return any(each.usb_class == HID_CLASS for each in device.interfaces)


def _is_boot_keyboard(interface: UsbInterface) -> bool:
    return (interface.usb_class, interface.usb_subclass, interface.usb_protocol) == (
        HID_CLASS,
        BOOT_SUBCLASS,
        KEYBOARD_PROTOCOL,
    )


def _is_modifier(key: int) -> bool:
    return FIRST_MODIFIER <= key <= LAST_MODIFIER

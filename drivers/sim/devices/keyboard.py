"""A simulated USB keyboard: switches, matrix, firmware, LEDs. From HID 1.11 and HUT 1.5."""

import heapq
import itertools
import math
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Annotated

from drivers.buses import Time
from drivers.sim.colour import D65, Xy
from drivers.sim.devices.key_matrix import MODIFIERS, KeyMatrix
from drivers.sim.devices.key_taps import Figure, taps_heard
from drivers.sim.devices.keyboard_descriptors import (
    BOOT_ENDPOINT,
    BOOT_REPORT_DESCRIPTOR,
    NKRO_ENDPOINT,
    NKRO_REPORT_DESCRIPTOR,
    NKRO_USAGES,
    configuration_descriptor,
    device_descriptor,
    hid_descriptor,
)
from drivers.sim.keys import Key, KeySet
from drivers.sim.linux.usb_device import Setup, Stall, Unplugged, UsbFunction
from drivers.sim.place import Place
from drivers.wiring import Between

ANSI_104 = frozenset({*range(0x04, 0x66), *MODIFIERS} - {0x32, 0x64})

LED_NAMES = ("num", "caps", "scroll", "compose", "kana")

ROLL_OVER = 0x01
QUEUE_REPORTS = 32
BOUNCE_S = 0.001
CHATTER_AFTER_S = 0.015


class SimulatedKeyboard(UsbFunction):
    """A keyboard for simulated fingers: `press` and `release`, by the usage on the cap.

    Interface 0 is a boot keyboard with an array of six keys. With `nkro` there is interface 1,
    whose report 1 has one bit for each key and takes over in report protocol.
    `diodes=False` is a matrix in which three keys at the corners of a rectangle close the fourth;
    a firmware with `blocking` then says rollover, without it the fourth key is reported.
    `misses` are keys that do not close at each nth press, `releases_late_s` keys that stay closed
    so long after they are let go. The defects of keys and lamps may be changed at any time.
    """

    IDLE_A = 0.028
    LED_A = 0.009
    LOWEST_V = 3.0

    def __init__(
        self,
        time: Time,
        *,
        keys: KeySet = ANSI_104,
        nkro: bool = False,
        diodes: bool = True,
        blocking: bool = True,
        debounce_s: float = 0.005,
        dead_keys: Iterable[Key] = (),
        stuck_keys: Iterable[Key] = (),
        chattering_keys: Iterable[Key] = (),
        chatter_every: Annotated[int, Between(1, 1_000_000)] = 1,
        chatter_open_s: float = 0.012,
        swapped_keys: Mapping[Key, Key] | None = None,
        misses: Mapping[Key, Annotated[int, Between(1, 1_000_000)]] | None = None,
        releases_late_s: Mapping[Key, float] | None = None,
        led_dead: Iterable[str] = (),
        does_not_enumerate: bool = False,
        unplug_after: int | None = None,
        ambient_lux: float = 2.0,
        led_lux: float = 38.0,
        vendor_id: Annotated[int, Between(0, 0xFFFF)] = 0x1209,
        product_id: Annotated[int, Between(0, 0xFFFF)] = 0x7002,
        maker: str = "ACME",
        product: str = "Keyboard",
        serial_number: str = "",
        idle_a: float | None = None,
    ) -> None:
        super().__init__(
            device_descriptor(vendor_id, product_id, has_serial=bool(serial_number)),
            configuration_descriptor(nkro=nkro),
            *filter(None, (maker, product, serial_number)),
        )
        self.speed = 2 if nkro else 1
        self.enumerates = not does_not_enumerate
        self.keys = frozenset(keys)
        self.ambient_lux = ambient_lux
        self.led_lux = led_lux
        self.idle_a = self.IDLE_A if idle_a is None else idle_a
        self._time = time
        self._lock = threading.RLock()
        self._nkro = nkro
        self._blocking = blocking
        self._debounce_s = debounce_s
        self.dead_keys = frozenset(dead_keys)
        self._stuck: frozenset[int] = frozenset(stuck_keys)
        self.chattering_keys = frozenset(chattering_keys)
        self.chatter_every = chatter_every
        self.chatter_open_s = chatter_open_s
        self.misses: Mapping[int, int] = dict(misses or {})
        self.releases_late_s: Mapping[int, float] = dict(releases_late_s or {})
        self.swapped_keys: Mapping[int, int] = dict(swapped_keys or {})
        self.led_dead = frozenset(led_dead)
        self._reports_left = math.inf if unplug_after is None else unplug_after
        self._matrix = KeyMatrix(self.keys, diodes=diodes)
        self._presses: dict[int, int] = {}
        self._contacts: set[int] = set(self._stuck)
        self._coming: list[tuple[float, int, int, bool]] = []  # at, order, key, closed
        self._order = itertools.count()
        self._queues: dict[int, deque[bytes]] = {BOOT_ENDPOINT: deque(), NKRO_ENDPOINT: deque()}
        self._last: dict[int, bytes] = {}
        self._told_s = 0.0
        self.reset()

    # Fingers

    def press(self, usage: int) -> None:
        """Push the key down and hold it. The contact bounces for 2 ms."""
        with self._lock:
            self._check_key(usage)
            now_s = self._let_time_pass()
            self._presses[usage] = self._presses.get(usage, 0) + 1
            missed = usage in self.misses and self._presses[usage] % self.misses[usage] == 0
            if usage in self.dead_keys or missed:
                return
            self._bounce(usage, now_s, closed=True)
            if usage in self.chattering_keys and self._presses[usage] % self.chatter_every == 0:
                open_s = now_s + CHATTER_AFTER_S
                self._plan(open_s, usage, closed=False)
                self._plan(open_s + self.chatter_open_s, usage, closed=True)

    def release(self, usage: int) -> None:
        """Let go of the key, which need not be held."""
        with self._lock:
            self._check_key(usage)
            now_s = self._let_time_pass()
            if usage in self._contacts or any(key == usage for _, _, key, _ in self._coming):
                late_s = self.releases_late_s.get(usage, 0.0)
                self._bounce(usage, now_s + late_s, closed=False)

    @property
    def stuck_keys(self) -> frozenset[int]:
        """Return the keys whose contact is closed, whatever the fingers do."""
        return self._stuck

    @stuck_keys.setter
    def stuck_keys(self, usages: Iterable[int]) -> None:
        with self._lock:
            now_s = self._let_time_pass()
            self._contacts -= self._stuck
            self._stuck = frozenset(usages)
            self._contacts |= self._stuck
            self._scan(now_s)

    # Eyes, and the cable's copper

    @property
    def leds(self) -> frozenset[str]:
        """The LEDs that are lit: `num`, `caps`, `scroll`, `compose`, `kana`."""
        lit = {name for bit, name in enumerate(LED_NAMES) if self._led_bits >> bit & 1}
        return frozenset(lit - self.led_dead)

    def caps_lock_illuminance_lux(self) -> float:
        """Return the illuminance at a sensor over the Caps Lock LED."""
        return self.ambient_lux + (self.led_lux if "caps" in self.leds else 0.0)

    def illuminance_lux(self, zone: int) -> float:
        """Return the illuminance at a sensor, of which there is one, over the Caps Lock LED."""
        return self.caps_lock_illuminance_lux()

    def chromaticity(self, zone: int) -> Xy:
        """Return the colour of daylight: its LEDs are not told from that."""
        return D65

    def current_at(self, voltage_v: float) -> float:
        """Return a `drivers.sim.world.Sink`'s current: its regulator drops out below 3 V."""
        if voltage_v < self.LOWEST_V:
            return 0.0
        return self.idle_a + self.LED_A * len(self.leds)

    # USB

    def reset(self) -> None:
        with self._lock:
            super().reset()
            self._led_bits = 0
            self._boot_protocol = False
            self._idle_s = 0.5  # HID 1.11, 7.2.4: recommended for keyboards
            self._settled: set[int] = set()
            self._settling: dict[int, float] = {}
            self._clear_reports()
            self._scan(self._time.monotonic())

    def transfer_in(self, endpoint: int) -> bytes | None:
        with self._lock:
            if not self.configuration:
                return None
            now_s = self._let_time_pass()
            if not self._reports_left:
                raise Unplugged
            queue = self._queues[endpoint]
            if queue:
                report = queue.popleft()
            elif endpoint == self._endpoint and 0 < self._idle_s <= now_s - self._told_s:
                report = self._last[endpoint]
            else:
                return None
            self._told_s = now_s
            self._reports_left -= 1
            return report

    def keys_in(self, endpoint: int, report: bytes) -> frozenset[int]:
        if endpoint == NKRO_ENDPOINT:
            if report[0] != 1:
                return frozenset()
            bits = int.from_bytes(report[2:], "little")
            plain = {usage for usage in range(NKRO_USAGES) if bits >> usage & 1}
            modifiers = report[1]
        else:
            plain = {code for code in report[2:8] if code > 3}
            modifiers = report[0]
        return frozenset(plain | {0xE0 + bit for bit in range(8) if modifiers >> bit & 1})

    def function_control(self, setup: Setup, data: bytes) -> bytes:
        """Answer the requests of HID 1.11, 7.1 and 7.2; stall others."""
        with self._lock:
            self._let_time_pass()
            number = setup.index
            if number > self._nkro:
                raise Stall
            match setup:
                case Setup(0x81, 0x06, 0x2200):
                    return NKRO_REPORT_DESCRIPTOR if number else BOOT_REPORT_DESCRIPTOR
                case Setup(0x81, 0x06, 0x2100):
                    return hid_descriptor(nkro=bool(number))
                case Setup(0xA1, 0x01, value) if value in (0x0100, 0x0101):
                    return self._last[NKRO_ENDPOINT if number else BOOT_ENDPOINT]
                case Setup(0xA1, 0x02):
                    return bytes([round(self._idle_s / 0.004)])
                case Setup(0xA1, 0x03) if not number:
                    return bytes([not self._boot_protocol])
                case Setup(0x21, 0x09, 0x0200) if not number and len(data) == 1:
                    self._led_bits = data[0] & 0x1F
                case Setup(0x21, 0x09, 0x0201) if number and len(data) == 2 and data[0] == 1:
                    self._led_bits = data[1] & 0x1F
                case Setup(0x21, 0x0A, value) if not data:
                    self._idle_s = (value >> 8) * 0.004
                case Setup(0x21, 0x0B, 0 | 1) if not number and not data:
                    self._boot_protocol = setup.value == 0
                    self._clear_reports()
                    self._report()
                case _:
                    raise Stall
            return b""

    # A device under test

    def plug(self, place: Place) -> None:
        """Put in the USB plug, which the bench feeds; fingers and a sensor are over its keys."""
        place.circuit.sinks.append(self)
        place.keys = self
        place.light = self
        place.plug_usb(self)

    @property
    def seen(self) -> Mapping[str, str]:
        """Return the lamps that are lit, in a row, and what it does at a good port elsewhere."""
        elsewhere = "answers" if self.enumerates else "silent"
        return {"lamps": " ".join(sorted(self.leds)), "elsewhere": elsewhere}

    def truth(
        self,
        *,
        worn_keys: Iterable[Key] = (),
        taps: int = 10,
        presses: int = 2,
        chords: Iterable[Iterable[Key]] = (),
    ) -> Mapping[str, Figure]:
        """Return its figures. Keys that miss taps, or bounce at times, may show or not.

        Each key is pressed `presses` times, each of `worn_keys` then `taps` times more, and at last
        the keys of each of `chords` together.
        `silent_keys` send nothing, `missing_keys` not what is on their cap.
        """
        return {
            "enumerates": self.enumerates,
            "idle_a": self.idle_a,
            "caps_lamp_lux": 0.0 if "caps" in self.led_dead else self.led_lux,
            "dark_lamps": len(self.led_dead & {"num", "caps", "scroll"}),
            "ghost_keys": len(self._ghosts(chords)),
            **taps_heard(self, frozenset(worn_keys), taps, presses),
        }

    def _ghosts(self, chords: Iterable[Iterable[int]]) -> set[int]:
        """Return the keys that appear by themselves when these are pressed together."""
        if self._blocking:
            return set()
        held = [self.keys.intersection(chord) for chord in chords]
        return {key for chord in held for key in self._matrix.seen(chord) - chord}

    # Firmware

    @property
    def _endpoint(self) -> int:
        return NKRO_ENDPOINT if self._nkro and not self._boot_protocol else BOOT_ENDPOINT

    def _let_time_pass(self) -> float:
        """Let contacts change and reports be made until now; return the time."""
        now_s = self._time.monotonic()
        while True:
            contact_s = self._coming[0][0] if self._coming else math.inf
            settled_s = min(self._settling.values(), default=math.inf)
            at_s = min(contact_s, settled_s)
            if at_s > now_s:
                return now_s
            if contact_s <= settled_s:
                _, _, key, closed = heapq.heappop(self._coming)
                (self._contacts.add if closed else self._contacts.discard)(key)
                self._contacts |= self._stuck
                self._scan(at_s)
            else:
                for key in [key for key, due_s in self._settling.items() if due_s <= at_s]:
                    del self._settling[key]
                    self._settled ^= {key}
                self._report()

    def _scan(self, at_s: float) -> None:
        """Scan the matrix: a key has changed when it has read the same for the debounce time."""
        seen = self._matrix.seen(self._contacts)
        for key in seen ^ self._settled:
            self._settling.setdefault(key, at_s + self._debounce_s)
        for key in [key for key in self._settling if (key in seen) == (key in self._settled)]:
            del self._settling[key]

    def _clear_reports(self) -> None:
        self._last = {BOOT_ENDPOINT: bytes(8), NKRO_ENDPOINT: b"\x01" + bytes(20)}
        self._told_s = self._time.monotonic()
        for queue in self._queues.values():
            queue.clear()

    def _report(self) -> None:
        report = self._nkro_report() if self._endpoint == NKRO_ENDPOINT else self._boot_report()
        if report == self._last[self._endpoint]:
            return
        self._last[self._endpoint] = report
        queue = self._queues[self._endpoint]
        if len(queue) == QUEUE_REPORTS:
            queue.pop()  # no host listens: keep the oldest, and how it is now
        queue.append(report)

    def _down(self) -> tuple[int, list[int]]:
        """Return the modifier bits, and the other usages in order."""
        swapped = {**self.swapped_keys, **{b: a for a, b in self.swapped_keys.items()}}
        usages = {swapped.get(key, key) for key in self._settled}
        bits = sum(1 << (usage - 0xE0) for usage in usages if usage in MODIFIERS)
        return bits, sorted(usage for usage in usages if usage not in MODIFIERS)

    def _boot_report(self) -> bytes:
        bits, plain = self._down()
        if len(plain) > 6 or (self._blocking and self._matrix.is_ambiguous(self._settled)):
            return bytes([bits, 0, *[ROLL_OVER] * 6])
        return bytes([bits, 0, *plain, *bytes(6 - len(plain))])

    def _nkro_report(self) -> bytes:
        bits, plain = self._down()
        if self._blocking and self._matrix.is_ambiguous(self._settled):
            return self._last[NKRO_ENDPOINT]
        keys = sum(1 << usage for usage in plain if usage < NKRO_USAGES)
        return bytes([1, bits]) + keys.to_bytes(NKRO_USAGES // 8, "little")

    # Switches

    def _check_key(self, usage: int) -> None:
        if usage not in self.keys:
            raise ValueError(f"the keyboard has no key {usage:#04x}")

    def _plan(self, at_s: float, key: int, *, closed: bool) -> None:
        heapq.heappush(self._coming, (at_s, next(self._order), key, closed))

    def _bounce(self, key: int, at_s: float, *, closed: bool) -> None:
        self._coming = [each for each in self._coming if each[2] != key]
        heapq.heapify(self._coming)
        self._plan(at_s, key, closed=closed)
        self._plan(at_s + BOUNCE_S, key, closed=not closed)
        self._plan(at_s + 2 * BOUNCE_S, key, closed=closed)

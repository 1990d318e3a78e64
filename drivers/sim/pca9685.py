"""A simulated PCA9685. From the NXP datasheet (Rev. 4), not from the driver."""

from collections.abc import Callable

from drivers.buses import Time
from drivers.sim import Nak

MODE1, MODE2, ALLCALLADR, LED0, ALL_LED, PRESCALE = 0x00, 0x01, 0x05, 0x06, 0xFA, 0xFE
LAST_LED = 0x45
RESTART, AI, SLEEP, ALLCALL = 0x80, 0x20, 0x10, 0x01
FULL = 0x10


class SimulatedPca9685:
    """Tells `on_change(channel, duty)` whenever an output's duty, 0.0 to 1.0, is another one.

    Without `time` its oscillator starts at once. The software reset (general call) is missing.
    """

    def __init__(
        self,
        on_change: Callable[[int, float], None] | None = None,
        *,
        time: Time | None = None,
    ) -> None:
        self._on_change = on_change
        self._time = time
        self._told = [0.0] * 16
        self.brown_out()

    def brown_out(self) -> None:
        """Its supply failed for a moment: asleep, all-call on, all outputs off."""
        self._registers = bytearray(0x100)
        self._registers[MODE1] = SLEEP | ALLCALL
        self._registers[MODE2] = 0x04
        self._registers[0x02:0x06] = b"\xe2\xe4\xe8\xe0"
        for channel in range(16):
            self._registers[LED0 + 4 * channel + 3] = FULL
        self._registers[PRESCALE] = 0x1E
        self._restart = False
        self._awake_since_s = 0.0
        self._pointer = 0
        self._tell()

    @property
    def frequency_hz(self) -> float:
        return 25e6 / (4096 * (self._registers[PRESCALE] + 1))

    def duty(self, channel: int) -> float:
        """What the output does now."""
        if self._registers[MODE1] & SLEEP or self._restart:
            return 0.0
        at = LED0 + 4 * channel
        on, off = (
            int.from_bytes(self._registers[n : n + 2], "little") & 0x1FFF for n in (at, at + 2)
        )
        if off & FULL << 8:
            return 0.0
        if on & FULL << 8:
            return 1.0
        return (off - on) % 4096 / 4096

    def also_hears(self, address: int) -> bool:
        """All-call, and the three sub-addresses when their bits in MODE1 are set."""
        calls = ((0x08, 0x02), (0x04, 0x03), (0x02, 0x04), (ALLCALL, ALLCALLADR))
        return any(
            self._registers[MODE1] & bit and self._registers[register] >> 1 == address
            for bit, register in calls
        )

    def transfer(self, write: bytes, read_size: int) -> bytes:
        if write:
            if LAST_LED < write[0] < ALL_LED:
                raise Nak  # "reserved addresses will not be acknowledged"
            self._pointer = write[0]
        for value in write[1:]:
            self._store(self._pointer, value)
            self._step()
        answer = bytearray()
        for _ in range(read_size):
            answer.append(self._fetch(self._pointer))
            self._step()
        self._tell()
        return bytes(answer)

    def _step(self) -> None:
        if not self._registers[MODE1] & AI:
            return
        ends = {LAST_LED: MODE1, PRESCALE: MODE1, 0xFF: MODE1}
        self._pointer = ends.get(self._pointer, self._pointer + 1)

    def _fetch(self, register: int) -> int:
        if register == MODE1:
            return self._registers[MODE1] | (RESTART if self._restart else 0)
        if ALL_LED <= register < PRESCALE:
            return 0
        return self._registers[register]

    def _store(self, register: int, value: int) -> None:
        match register:
            case 0x00:  # MODE1
                self._store_mode1(value)
            case 0x01:  # MODE2
                self._registers[MODE2] = value & 0x1F
            case 0x02 | 0x03 | 0x04 | 0x05:
                self._registers[register] = value & 0xFE  # bit 0 is read-only
            case 0xFE:  # PRE_SCALE
                if self._registers[MODE1] & SLEEP:
                    self._registers[PRESCALE] = max(3, value)
            case _ if LED0 <= register <= LAST_LED:
                self._registers[register] = value & (0x1F if register & 1 else 0xFF)
                self._restart = False
            case _ if ALL_LED <= register < PRESCALE:
                for channel in range(16):
                    self._store(LED0 + 4 * channel + register - ALL_LED, value)

    def _store_mode1(self, value: int) -> None:
        now_s = self._time.monotonic() if self._time else 0.0
        slept = self._registers[MODE1] & SLEEP
        if value & SLEEP and not slept:
            self._restart = any(self.duty(channel) for channel in range(16))
        elif slept and not value & SLEEP:
            self._awake_since_s = now_s
        elif value & RESTART and not slept:
            steady = self._time is None or now_s - self._awake_since_s >= 500e-6
            self._restart = self._restart and not steady
        self._registers[MODE1] = value & 0x7F

    def _tell(self) -> None:
        for channel, told in enumerate(self._told):
            if (duty := self.duty(channel)) != told:
                self._told[channel] = duty
                if self._on_change:
                    self._on_change(channel, duty)

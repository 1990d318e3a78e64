"""A simulated VEML7700. From Vishay 84286 and note 84323, not from the driver."""

from drivers.buses import Time
from drivers.sim.light import Scene

GAINS = {0b00: 1.0, 0b01: 2.0, 0b10: 0.125, 0b11: 0.25}  # ALS_GAIN
INTEGRATION_S = {0b1100: 0.025, 0b1000: 0.05, 0: 0.1, 1: 0.2, 2: 0.4, 3: 0.8}  # ALS_IT
FINEST_LUX = 0.0042  # of one count, at gain 2 and 800 ms


def _bent(lux: float) -> float:
    """Return the lux that the chip counts at low gains: the note's polynomial, backwards."""
    low, high = 0.0, lux
    for _ in range(60):
        x = (low + high) / 2
        if 6.0135e-13 * x**4 - 9.3924e-9 * x**3 + 8.1488e-5 * x**2 + 1.0023 * x < lux:
            low = x
        else:
            high = x
    return high


class SimulatedVeml7700:
    """Looks at one zone of a scene. `identity` None is a part from before the ID register.

    `gain` is how dirty its window is. Without `time` an integration takes no time.
    """

    def __init__(
        self,
        scene: Scene,
        zone: int = 0,
        *,
        time: Time | None = None,
        identity: int | None = 0xC481,
        gain: float = 1.0,
    ) -> None:
        self._scene = scene
        self._zone = zone
        self._time = time
        self._identity = identity
        self.gain = gain
        self.brown_out()

    def brown_out(self) -> None:
        """Lose the supply for a moment: shut down, and nothing measured."""
        self._words = {0: 0x0001, 1: 0, 2: 0, 3: 0, 4: 0, 5: 0, 6: 0, 7: self._identity or 0}
        self._ready_at_s: float | None = None

    def transfer(self, write: bytes, read_size: int) -> bytes:
        self._integrate()
        if not write:  # every read begins with a command
            return b"\xff" * read_size
        command = write[0]
        if len(write) >= 3 and command <= 3:
            self._store(command, int.from_bytes(write[1:3], "little"))
        word = self._words.get(command, 0)
        return (word.to_bytes(2, "little") + b"\xff" * read_size)[:read_size]

    def _store(self, command: int, word: int) -> None:
        was_on = not self._words[0] & 1
        self._words[command] = word
        if command != 0:
            return
        if word & 1:
            self._ready_at_s = None
        elif not was_on:
            self._ready_at_s = self._now_s() + (0.0025 + self._integration_s if self._time else 0)

    @property
    def _integration_s(self) -> float:
        return INTEGRATION_S.get(self._words[0] >> 6 & 0xF, 0.1)

    def _now_s(self) -> float:
        return self._time.monotonic() if self._time else 0.0

    def _integrate(self) -> None:
        if self._ready_at_s is None or self._now_s() < self._ready_at_s:
            return
        gain = GAINS[self._words[0] >> 11 & 3]
        lux = self._scene.illuminance_lux(self._zone) * self.gain
        if gain < 1:
            lux = _bent(lux)
        lux_per_count = FINEST_LUX * (2 / gain) * (0.8 / self._integration_s)
        self._words[4] = self._words[5] = min(0xFFFF, round(lux / lux_per_count))
        self._ready_at_s = self._now_s() + (self._integration_s if self._time else 0)

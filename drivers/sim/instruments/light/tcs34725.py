"""A simulated TCS34725. From the ams TCS3472 datasheet, not from the driver."""

from drivers.buses import Time
from drivers.sim.light import Scene

GAINS = (1, 4, 16, 60)
TEST_LEDS_NM = (465, 525, 615)
# "Optical Characteristics" at gain 16 and 24 ms: counts per µW/cm² of the clear channel, and the
# other channels as parts of it, in the middle between what is allowed at least and at most.
CLEAR = (13.8, 16.6, 19.5)
RED = (0.075, 0.145, 0.95)
GREEN = (0.26, 0.725, 0.07)
BLUE = (0.765, 0.275, 0.145)
# CIE 1931 2° colour-matching functions at those wavelengths.
OBSERVER = ((0.2511, 0.1096, 0.9384), (0.0739, 0.7932, 0.4412), (1.5281, 0.0573, 0.0002))
LUMENS = 683 * 0.01  # per W, and W/m² per µW/cm²


def _irradiances(lux: float, x: float, y: float) -> tuple[float, float, float]:
    """Return the mixture of the three test LEDs, in µW/cm², of this colour (Cramer's rule).

    Where a colour is beyond the LEDs' triangle, the LED that it would need less than none of is
    off.
    """
    target = (lux * x / y, lux, lux * (1 - x - y) / y)
    columns = list(zip(*OBSERVER, strict=True))
    whole = _determinant(*columns)
    mixture = []
    for n in range(3):
        replaced = [*columns]
        replaced[n] = target
        mixture.append(max(0.0, _determinant(*replaced) / whole / LUMENS))
    return mixture[0], mixture[1], mixture[2]


def _determinant(*columns: tuple[float, ...]) -> float:
    (a, b, c), (d, e, f), (g, h, i) = columns
    return a * (e * i - f * h) - d * (b * i - c * h) + g * (b * f - c * e)


class SimulatedTcs34725:
    """Looks at one zone of a scene.

    `identity` 0x44 is a TCS34725 or, at address 0x39, a TCS34721; 0x4D a TCS34727 or a TCS34723.
    Without `time` an integration takes no time.
    """

    def __init__(
        self,
        scene: Scene,
        zone: int = 0,
        *,
        time: Time | None = None,
        identity: int = 0x44,
    ) -> None:
        self._scene = scene
        self._zone = zone
        self._time = time
        self._identity = identity
        self.brown_out()

    def brown_out(self) -> None:
        """Lose the supply for a moment: everything is as after power-on."""
        self._registers = bytearray(0x20)
        self._registers[0x01] = self._registers[0x03] = 0xFF
        self._registers[0x12] = self._identity
        self._pointer = 0
        self._increment = False
        self._ready_at_s: float | None = None

    def transfer(self, write: bytes, read_size: int) -> bytes:
        self._integrate()
        if write and write[0] & 0x80:  # without the command bit nothing is addressed
            if write[0] >> 5 & 3 != 3:  # not a special function
                self._pointer = write[0] & 0x1F
                self._increment = write[0] >> 5 & 3 == 1
            for value in write[1:]:
                self._store(self._pointer, value)
                self._step()
        answer = bytearray()
        for _ in range(read_size):
            answer.append(self._registers[self._pointer])
            self._step()
        return bytes(answer)

    def _step(self) -> None:
        if self._increment:
            self._pointer = (self._pointer + 1) % 0x20

    def _store(self, register: int, value: int) -> None:
        match register:
            case 0x00:
                sensed = self._registers[0x00] & 0x03 == 0x03
                self._registers[0x00] = value & 0x1B
                if value & 0x03 != 0x03:
                    self._ready_at_s = None
                elif not sensed:
                    self._registers[0x13] &= ~0x01
                    self._begin(0.0024)
            case 0x0F:
                self._registers[0x0F] = value & 0x03
            case 0x0D:
                self._registers[0x0D] = value & 0x02
            case 0x0C:
                self._registers[0x0C] = value & 0x0F
            case 0x01 | 0x03 | 0x04 | 0x05 | 0x06 | 0x07:
                self._registers[register] = value

    def _now_s(self) -> float:
        return self._time.monotonic() if self._time else 0.0

    @property
    def _cycles(self) -> int:
        return 256 - self._registers[0x01]

    def _begin(self, start_s: float = 0.0) -> None:
        duration_s = start_s + 0.0024 * self._cycles if self._time else 0.0
        self._ready_at_s = self._now_s() + duration_s

    def _integrate(self) -> None:
        if self._ready_at_s is None or self._now_s() < self._ready_at_s:
            return
        scene, zone = self._scene, self._zone
        light = _irradiances(scene.illuminance_lux(zone), *scene.chromaticity(zone))
        scale = GAINS[self._registers[0x0F]] * self._cycles * 2.4 / (16 * 24)
        most = min(65535, 1024 * self._cycles)
        for n, share in enumerate(((1.0, 1.0, 1.0), RED, GREEN, BLUE)):
            counts = scale * sum(e * c * s for e, c, s in zip(light, CLEAR, share, strict=True))
            clipped = min(most, round(counts)).to_bytes(2, "little")
            self._registers[0x14 + 2 * n : 0x16 + 2 * n] = clipped
        self._registers[0x13] |= 0x01
        self._begin()

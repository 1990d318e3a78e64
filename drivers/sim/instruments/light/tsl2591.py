"""A simulated TSL2591. From the ams datasheet (DS000338), not from the driver."""

from drivers.buses import Time
from drivers.sim.light import Scene

# "Control Register": typical gains, and what the counter reaches in 100 ms and in more.
GAINS = (1, 25, 428, 9876)
MAX_COUNT = (36863, 65535, 65535, 65535, 65535, 65535)
# Counts per millisecond and lux at gain 1: the widely shared lux equation with its factor 408,
# since the datasheet speaks of µW/cm² only.
SENSITIVITY = 1 / 408


class SimulatedTsl2591:
    """Looks at one zone of a scene. `infrared_share` is channel 1 as a part of channel 0.

    Without `time` an integration takes no time.
    """

    def __init__(
        self,
        scene: Scene,
        zone: int = 0,
        *,
        time: Time | None = None,
        infrared_share: float = 0.1,
    ) -> None:
        self._scene = scene
        self._zone = zone
        self._time = time
        self._infrared_share = infrared_share
        self.brown_out()

    def brown_out(self) -> None:
        """Lose the supply for a moment: everything is as after power-on."""
        self._registers = bytearray(0x20)
        self._registers[0x12] = 0x50
        self._pointer = 0
        self._ready_at_s: float | None = None

    def transfer(self, write: bytes, read_size: int) -> bytes:
        self._integrate()
        if write and write[0] >> 5 == 0b101:  # a command for registers; others set no pointer
            self._pointer = write[0] & 0x1F
            for value in write[1:]:
                self._store(self._pointer, value)
                self._pointer = (self._pointer + 1) % 0x20
        answer = bytearray()
        for _ in range(read_size):
            answer.append(self._registers[self._pointer])
            self._pointer = (self._pointer + 1) % 0x20
        return bytes(answer)

    def _store(self, register: int, value: int) -> None:
        match register:
            case 0x00:
                sensed = self._registers[0x00] & 0x03 == 0x03
                self._registers[0x00] = value & 0xD3
                if value & 0x03 != 0x03:
                    self._ready_at_s = None
                elif not sensed:  # since AEN was asserted, nothing has been completed
                    self._registers[0x13] &= ~0x01
                    self._begin()
            case 0x01 if value & 0x80:
                self.brown_out()
            case 0x01:
                self._registers[0x01] = value & 0x37
            case _ if 0x04 <= register <= 0x0C:
                self._registers[register] = value

    def _now_s(self) -> float:
        return self._time.monotonic() if self._time else 0.0

    def _begin(self) -> None:
        duration_s = 0.1 * ((self._registers[0x01] & 7) + 1) if self._time else 0.0
        self._ready_at_s = self._now_s() + duration_s

    def _integrate(self) -> None:
        if self._ready_at_s is None or self._now_s() < self._ready_at_s:
            return
        control = self._registers[0x01]
        atime = min(control & 7, 5)
        lux = self._scene.illuminance_lux(self._zone)
        visible = lux * SENSITIVITY * GAINS[control >> 4 & 3] * 100 * (atime + 1)
        visible /= (1 - self._infrared_share) ** 2
        for register, counts in ((0x14, visible), (0x16, visible * self._infrared_share)):
            clipped = min(MAX_COUNT[atime], round(counts))
            self._registers[register : register + 2] = clipped.to_bytes(2, "little")
        self._registers[0x13] |= 0x01
        self._begin()

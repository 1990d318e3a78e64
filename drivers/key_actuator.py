"""Fingers over a keyboard: a solenoid for each key, sixteen to a PCA9685."""

import contextlib
from collections.abc import Iterable, Mapping, Sequence

from drivers.buses import Time
from drivers.capabilities import Identity, KeyActuator
from drivers.errors import DriverError
from drivers.pca9685 import CHANNELS, Pca9685


class KeyActuatorBoard(KeyActuator):
    """Presses keys with solenoids: hard for `strike_s`, then just enough to stay down.

    `channels` tells which finger presses which key: usage (HID page 0x07) → (index in `boards`,
    channel). Seven boards carry the 105 fingers of a full keyboard. The default times and duties
    are proposals for small 12 V solenoids: a coil at full duty for minutes gets too hot to touch.

    Raises `ValueError` for fingers that are not there or press two keys, and for duties outside
    0 to 1 or a strike outside 0 to 1 s.
    """

    def __init__(
        self,
        boards: Sequence[Pca9685],
        channels: Mapping[int, tuple[int, int]],
        *,
        time: Time,
        strike_s: float = 0.03,
        strike_duty: float = 1.0,
        hold_duty: float = 0.4,
    ) -> None:
        if not boards:
            raise ValueError("a key actuator without boards has no fingers")
        for usage, (board, channel) in channels.items():
            if not 0 <= board < len(boards) or not 0 <= channel < CHANNELS:
                raise ValueError(f"key {usage:#04x}: there is no board {board}, channel {channel}")
        if len(set(channels.values())) < len(channels):
            raise ValueError("two keys have the same finger")
        if not 0 < strike_duty <= 1 or not 0 < hold_duty <= 1:
            raise ValueError(f"duties of {strike_duty} and {hold_duty} are not both in 0…1")
        if not 0 <= strike_s <= 1:
            raise ValueError(f"a strike of {strike_s} s is outside 0…1 s")
        self._boards = tuple(boards)
        self._channels = dict(channels)
        self._time = time
        self._strike_s = strike_s
        self._strike_duty = strike_duty
        self._hold_duty = hold_duty
        self.keys = frozenset(channels)
        first = boards[0].identity
        self.identity = Identity(first.maker, f"key actuator of {len(boards)} × {first.model}")

    def press(self, usages: Iterable[int]) -> None:
        """All of them at once, and keep them down. When one fails, lets go of all of these.

        Raises `ValueError`, with nothing pressed, for keys that it has no finger for.
        """
        fingers = self._fingers(usages)
        try:
            for board, channel in fingers:
                board.set_duty(channel, self._strike_duty)
            self._time.sleep(self._strike_s)
            for board, channel in fingers:
                board.set_duty(channel, self._hold_duty)
        except BaseException:
            for board, channel in fingers:
                with contextlib.suppress(DriverError):
                    board.off(channel)
            raise

    def release(self, usages: Iterable[int]) -> None:
        """Raises the first error after it has tried them all; `ValueError` as `press` does."""
        errors = []
        for board, channel in self._fingers(usages):
            try:
                board.off(channel)
            except DriverError as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def make_safe(self) -> None:
        """Every channel of every board off, those without a key too.

        Raises the first error after it has tried all boards.
        """
        errors = []
        for board in self._boards:
            try:
                board.all_off()
            except Exception as error:  # whatever it is, the other boards must have their turn
                errors.append(error)
        if errors:
            raise errors[0]

    def _fingers(self, usages: Iterable[int]) -> list[tuple[Pca9685, int]]:
        wanted = sorted(set(usages))
        if missing := [f"{usage:#04x}" for usage in wanted if usage not in self._channels]:
            raise ValueError(f"there is no finger over {', '.join(missing)}")
        places = [self._channels[usage] for usage in wanted]
        return [(self._boards[board], channel) for board, channel in places]

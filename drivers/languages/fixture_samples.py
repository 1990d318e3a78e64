"""Samples of a fixture board's analogue inputs: docs/firmware/light.md, "Commands"."""

import re

from drivers.buses import Time
from drivers.errors import BadReply, NoReply
from drivers.languages.fixture_lines import FixtureLines

MOST_SAMPLES = 4096
IN_BLOCK = 32
FULL_SCALE = 4095
POLL_S = 0.02

_BLOCK = re.compile(r"([0-9A-F]{3}){1,32}")


class FixtureSamples:
    """Take samples, 0 to 4095, of a board's inputs."""

    def __init__(self, lines: FixtureLines, time: Time) -> None:
        self._lines = lines
        self._time = time

    def read(self, which: int, count: int, every_us: int) -> list[int]:
        """Return `count` samples of an input, `every_us` apart."""
        self.start(which, count, every_us)
        return self.finish(count, every_us)

    def start(self, which: int, count: int, every_us: int) -> None:
        """Begin to take samples. Raises `ValueError` for what no board can."""
        if not (1 <= count <= MOST_SAMPLES and 2 <= every_us <= 1000):
            raise ValueError(f"no board takes {count} samples, {every_us} µs apart")
        self._lines.ask("sample", str(which), str(count), str(every_us))

    def finish(self, count: int, every_us: int) -> list[int]:
        """Wait for the samples that were begun, and return them."""
        left_s = count * every_us * 1e-6 + 0.5
        while (said := self._lines.ask("sampled")) == "busy":
            if left_s <= 0:
                raise NoReply(f"{self._lines.name}: 'sampled' → {said!r}, for too long")
            self._time.sleep(POLL_S)
            left_s -= POLL_S
        found: list[int] = []
        for block in range(-(-count // IN_BLOCK)):
            answer = self._lines.ask("block", str(block))
            if not _BLOCK.fullmatch(answer):
                raise BadReply(f"{self._lines.name}: 'block {block}' → {answer!r}")
            found += [int(answer[n : n + 3], 16) for n in range(0, len(answer), 3)]
        if len(found) != count:
            raise BadReply(f"{self._lines.name}: {len(found)} samples came, not {count}")
        return found

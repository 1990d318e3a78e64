"""An ATX supply on Linux, as the comparators of the board see it.

The world's times in µs: t0 mains to 5 VSB, t1 PS_ON# to rails, t2 rise, t3 rails to PWR_OK, t4 its
rise, t5 mains gone to PWR_OK low, t6 from there to the first rail; `dead`: "12v" and others stay
low; `bounce`: PWR_OK falls for so many µs, 5 ms after it has risen. `levels_mv` are at the inputs.
"""

PS_ON, OK_LOW, OK_HIGH, SB, MAINS = 0, 1, 2, 9, 10
RAILS = {"12v": (3, 4), "5v": (5, 6), "3v3": (7, 8)}
TIMES = {
    "t0": 400_000, "t1": 120_000, "t2": 6_000, "t3": 220_000, "t4": 20, "t5": 22_000, "t6": 3_000,
}  # fmt: skip


class Supply:
    """Its pins are a function of the times at which mains and PS_ON# changed."""

    def __init__(self, world):
        self._times = dict(TIMES)
        self._times.update(world.get("times_us", {}))
        self._dead = world.get("dead", [])
        self._bounce = world.get("bounce_us", 0)
        self._mains_us = self._on_us = self._gone_us = self._off_us = None

    def mains(self, on, now_us):
        """Connect or disconnect the mains."""
        if on and self._mains_us is None:
            self._mains_us, self._gone_us, self._on_us = now_us, None, None
        elif not on and self._mains_us is not None and self._gone_us is None:
            self._gone_us = now_us
            self._mains_us = None

    def on(self, on, now_us):
        """Pull PS_ON# low, or let it go."""
        if on:
            self._on_us, self._off_us = now_us, None
        elif self._on_us is not None and self._off_us is None:
            self._off_us = now_us

    def changes(self):
        """Return the times at which pins change, and the pins from then on, in order."""
        times, found = self._times, []
        mains, on, gone, off = self._mains_us, self._on_us, self._gone_us, self._off_us
        found.append((-1, 1 << PS_ON, 1 << PS_ON))
        if mains is not None:
            found.append((mains, 1 << MAINS, 1 << MAINS))
            found.append((mains + times["t0"], 1 << SB, 1 << SB))
        if gone is not None:
            found.append((-1, 1 << MAINS | 1 << SB, 1 << MAINS | 1 << SB))
            found.append((gone, 1 << MAINS, 0))
        if on is not None:
            found.append((on, 1 << PS_ON, 0))
            at = on + times["t1"]
            for rail, (low, high) in RAILS.items():
                if rail not in self._dead:
                    found.append((at - times["t2"], 1 << low, 1 << low))
                    found.append((at, 1 << high, 1 << high))
            if not self._dead:
                ok = at + times["t3"]
                found.append((ok, 1 << OK_LOW, 1 << OK_LOW))
                found.append((ok + times["t4"], 1 << OK_HIGH, 1 << OK_HIGH))
                if self._bounce:
                    both = 1 << OK_LOW | 1 << OK_HIGH
                    found.append((ok + 5000, both, 0))
                    found.append((ok + 5000 + self._bounce, both, both))
        if off is not None:
            found.append((off, 1 << PS_ON, 1 << PS_ON))
        end = gone + times["t5"] if gone is not None and on is not None else off
        if end is not None and on is not None:
            found.append((end, 1 << OK_LOW | 1 << OK_HIGH, 0))
            for low, high in RAILS.values():
                found.append((end + times["t6"], 1 << high, 0))
                found.append((end + times["t6"] + 20_000, 1 << low, 0))
            if gone is not None:
                found.append((gone + 2_000_000, 1 << SB, 0))
        found.sort(key=lambda one: one[0])
        return found

    def pins(self, at_us):
        """Return the pins at a time, and the time of the next change or None."""
        pins, following = 0, None
        for change_us, mask, value in self.changes():
            if change_us > at_us:
                following = change_us
                break
            pins = pins & ~mask | value
        return pins, following

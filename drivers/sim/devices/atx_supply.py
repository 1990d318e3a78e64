"""A simulated ATX supply: when its lines change, by the times of the ATX12V design guides.

The times are those of the supply itself; a fault is another time, a rail that stays away, or a
PWR_OK that falls again.
"""

from dataclasses import dataclass, field

PS_ON, OK_LOW, OK_HIGH, SB, MAINS = 0, 1, 2, 9, 10
RAILS = {"12v": (3, 4), "5v": (5, 6), "3v3": (7, 8)}
LEVELS_V = (12.0, 5.0, 3.3, 5.0, -12.0, 5.0)
DECAY_S = 0.02


@dataclass
class SimulatedAtxSupply:
    """Its lines are a function of when mains and PS_ON# changed, `None` for never."""

    t0_s: float = 0.4
    t1_s: float = 0.12
    t2_s: float = 0.006
    t3_s: float = 0.22
    t4_s: float = 20e-6
    t5_s: float = 0.022
    t6_s: float = 0.003
    dead: frozenset[str] = frozenset()
    ok_bounce_s: float = 0.0
    levels_v: tuple[float, ...] = LEVELS_V
    ripple_v: dict[str, float] = field(default_factory=dict)
    mains_since_s: float | None = None
    gone_since_s: float | None = None
    on_since_s: float | None = None

    def switch_mains(self, now_s: float, *, on: bool) -> None:
        """Connect or disconnect the mains."""
        if on and self.mains_since_s is None:
            self.mains_since_s, self.gone_since_s = now_s, None
        elif not on and self.mains_since_s is not None:
            self.mains_since_s, self.gone_since_s = None, now_s

    def pull_ps_on(self, now_s: float, *, on: bool) -> None:
        """Pull PS_ON# low, or let it go."""
        if not on:
            self.on_since_s = None
        elif self.on_since_s is None:
            self.on_since_s = now_s

    def changes(self) -> list[tuple[float, int, bool]]:
        """Return when which line goes where, in order; the first are long ago."""
        long_ago_s = -1e9
        found = [(long_ago_s, PS_ON, True)]
        if self.mains_since_s is not None:
            found.append((self.mains_since_s, MAINS, True))
            found.append((self.mains_since_s + self.t0_s, SB, True))
        elif self.gone_since_s is not None:
            found += [(long_ago_s, MAINS, True), (long_ago_s, SB, True)]
            found += [(self.gone_since_s, MAINS, False), (self.gone_since_s + 2.0, SB, False)]
        if self.on_since_s is not None:
            found.append((self.on_since_s, PS_ON, False))
            if self.mains_since_s is not None or self.gone_since_s is not None:
                found += self._start(self.on_since_s)
        return sorted(found, key=lambda one: one[0])

    def lines_at(self, at_s: float) -> int:
        """Return all lines, a bit each."""
        lines = 0
        for change_s, line, up in self.changes():
            if change_s <= at_s:
                lines = lines | 1 << line if up else lines & ~(1 << line)
        return lines

    def _start(self, on_s: float) -> list[tuple[float, int, bool]]:
        found = []
        rails_s = on_s + self.t1_s
        end_s = None if self.gone_since_s is None else self.gone_since_s + self.t5_s
        for rail, (low, high) in RAILS.items():
            if rail not in self.dead:
                found += [(rails_s - self.t2_s, low, True), (rails_s, high, True)]
                if end_s is not None:
                    out_s = end_s + self.t6_s
                    found += [(out_s, high, False), (out_s + DECAY_S, low, False)]
        if not self.dead:
            ok_s = rails_s + self.t3_s
            found += [(ok_s, OK_LOW, True), (ok_s + self.t4_s, OK_HIGH, True)]
            if self.ok_bounce_s:
                for line in (OK_LOW, OK_HIGH):
                    found.append((ok_s + 0.005, line, False))
                    found.append((ok_s + 0.005 + self.ok_bounce_s, line, True))
            if end_s is not None:
                found += [(end_s, OK_LOW, False), (end_s, OK_HIGH, False)]
        return found

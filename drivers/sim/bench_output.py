"""An output of a simulated bench supply."""

CONSTANT_CURRENT_OHM = 1e7  # how steeply it leaves the voltage at its limit


class BenchOutput:
    """Constant voltage up to the current limit, constant current beyond. A `world.Source`."""

    def __init__(self, *, max_v: float, max_a: float) -> None:
        self.max_v = max_v
        self.max_a = max_a
        self.set_v = 0.0
        self.limit_a = 0.0
        self.on = False

    def voltage_at(self, current_a: float) -> float:
        if not self.on:
            return 0.0
        excess_a = max(0.0, current_a - self.limit_a)
        return max(0.0, self.set_v - excess_a * CONSTANT_CURRENT_OHM)

    def limits(self, current_a: float) -> bool:
        """Tell whether it holds the current rather than the voltage."""
        return self.on and current_a >= self.limit_a

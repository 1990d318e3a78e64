"""Components of variation, and what is said of a measurement by them.

AIAG, Measurement Systems Analysis, 4th edition, chapter III: below 10 % of the total variation a
measurement is good, to 30 % it may do, above it does not; and it must tell five categories apart.
"""

import math
from typing import Literal, NamedTuple

GOOD_BELOW_PERCENT = 10.0
USABLE_TO_PERCENT = 30.0
LEAST_CATEGORIES = 5
CATEGORIES = 1.41
"""Categories for each ratio of part variation to GRR: √2 as AIAG rounds it."""

SPREAD = 6.0
"""Standard deviations that are compared with a tolerance."""

Band = Literal["good", "usable", "not usable"]


class Components(NamedTuple):
    """Standard deviations, in the unit of the reading.

    `operator` and `interaction` are the two of `reproducibility`; the range method can't tell them
    apart, and leaves both at None.
    """

    repeatability: float
    reproducibility: float
    part: float
    operator: float | None = None
    interaction: float | None = None

    @property
    def grr(self) -> float:
        """Return the standard deviation of the measuring: repeatability and reproducibility."""
        return math.hypot(self.repeatability, self.reproducibility)

    @property
    def total(self) -> float:
        return math.hypot(self.grr, self.part)

    def percent(self, component: float) -> float:
        """Return a component in percent of the total; 0 where nothing varies at all."""
        return 100.0 * component / self.total if self.total else 0.0

    @property
    def grr_percent(self) -> float:
        return self.percent(self.grr)

    @property
    def ndc_exact(self) -> float:
        """Return the number of distinct categories before it is cut; infinite without any GRR."""
        if not self.grr:
            return math.inf if self.part else 0.0
        return CATEGORIES * self.part / self.grr

    @property
    def ndc(self) -> int | None:
        """Return the number of distinct categories; None where it has no bound."""
        return None if math.isinf(self.ndc_exact) else int(self.ndc_exact)

    @property
    def band(self) -> Band:
        if self.grr_percent < GOOD_BELOW_PERCENT:
            return "good"
        return "usable" if self.grr_percent <= USABLE_TO_PERCENT else "not usable"

    @property
    def tells_parts_apart(self) -> bool:
        return self.ndc_exact >= LEAST_CATEGORIES

    def of_tolerance(self, tolerance: float) -> float:
        """Return 6 × GRR as a share of a tolerance, upper limit minus lower, in the same unit."""
        return SPREAD * self.grr / tolerance

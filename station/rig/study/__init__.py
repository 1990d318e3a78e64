"""Crossed gauge studies: how much of what a measurement shows is the measuring itself.

    readings = {("1", "Ann"): (0.29, 0.41, 0.64), ("1", "Bob"): (0.08, 0.25, 0.07), ...}
    found = anova.analyse(Crossed.of(readings))
    found.components.grr_percent

Words and formulas are those of AIAG, Measurement Systems Analysis, 4th edition.
"""

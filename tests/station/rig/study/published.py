"""Two published studies, as readings by part and operator.

AIAG, Measurement Systems Analysis, 4th edition: ten parts, three appraisers, three trials. Houf and
Burman 1988, thermal impedance of power modules, as Montgomery prints it, in units of 0.01.
"""

from station.rig.study.crossed import Cell

Readings = dict[Cell, tuple[float, ...]]

_AIAG = {  # in hundredths; one line a trial
    "A": """29 -56 134 47 -80 2 59 -31 226 -136
            41 -68 117 50 -92 -11 75 -20 199 -125
            64 -58 127 64 -84 -21 66 -17 201 -131""",
    "B": """8 -47 119 1 -56 -20 47 -63 180 -168
            25 -122 94 103 -120 22 55 8 212 -162
            7 -68 134 20 -128 6 83 -34 219 -150""",
    "C": """4 -138 88 14 -146 -29 2 -46 177 -149
            -11 -113 109 20 -107 -67 1 -56 145 -177
            -15 -96 67 11 -145 -49 21 -49 187 -216""",
}

_THERMAL = {  # one group a part
    "I": "37 38 37|42 41 43|30 31 31|42 43 42|28 30 29|"
    "42 42 43|25 26 27|40 40 40|25 25 25|35 34 34",
    "II": "41 41 40|42 42 42|31 31 31|43 43 43|29 30 29|"
    "45 45 45|28 28 30|43 42 42|27 29 28|35 35 34",
    "III": "41 42 41|43 42 43|29 30 28|42 42 42|31 29 29|"
    "44 46 45|29 27 27|43 43 41|26 26 26|35 34 35",
}


def aiag() -> Readings:
    """Return AIAG's readings."""
    found: Readings = {}
    for operator, text in _AIAG.items():
        trials = [[int(one) / 100 for one in line.split()] for line in text.splitlines()]
        for part, taken in enumerate(zip(*trials, strict=True), 1):
            found[str(part), operator] = taken
    return found


def thermal_impedance() -> Readings:
    """Return the readings of the thermal impedance study."""
    return {
        (str(part), operator): tuple(float(one) for one in group.split())
        for operator, text in _THERMAL.items()
        for part, group in enumerate(text.split("|"), 1)
    }

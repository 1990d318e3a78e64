"""The values that fixture boards tell: PS/2 frames, flicker and sound, the times of a supply."""

from typing import NamedTuple


class Ps2Frame(NamedTuple):
    """A byte of a PS/2 device.

    `faults` are start, parity, stop, timing (of CLOCK), cut (fewer than eleven bits) and lost
    (frames before this one). `at_s` is of a clock of its own, which wraps after 1073.741824 s.
    """

    byte: int
    faults: frozenset[str]
    at_s: float


class Ps2Clock(NamedTuple):
    """The shortest and the longest time for which a PS/2 device held CLOCK low, and high."""

    least_low_s: float
    most_low_s: float
    least_high_s: float
    most_high_s: float


class Flicker(NamedTuple):
    """Light that varies: 100 % is light that goes out. Steady light has the frequency 0.

    `level` is the mean, as a part of the sensor's full scale.
    """

    modulation_percent: float
    frequency_hz: float
    level: float


class Sound(NamedTuple):
    """The strongest tone of a sound; `level` is its amplitude, as a part of full scale."""

    frequency_hz: float
    level: float


class AtxLevels(NamedTuple):
    """The rails of an ATX supply, and PWR_OK."""

    v12_v: float
    v5_v: float
    v3_3_v: float
    v5_sb_v: float
    v_minus_12_v: float
    pwr_ok_v: float


class AtxStart(NamedTuple):
    """The times of a start, T1 to T4; None where it did not happen.

    PS_ON# to the last rail, rise of the slowest, rails to PWR_OK, rise of PWR_OK. `ok_falls` counts
    how often PWR_OK fell again; `missing` names the rails that did not come.
    """

    t1_s: float | None
    t2_s: float | None
    t3_s: float | None
    t4_s: float | None
    ok_falls: int
    missing: tuple[str, ...]


class AtxStop(NamedTuple):
    """T5 and T6: mains gone to PWR_OK low, and from there to the first rail that is out."""

    t5_s: float | None
    t6_s: float | None

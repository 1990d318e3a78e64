"""The modulation and the frequency of light, and how fast it changes, from a photodiode's samples.

Pure functions over equally spaced samples. Modulation is Michelson's: (max - min) / (max + min).
"""

import cmath
import math
from collections.abc import Sequence
from typing import NamedTuple

SMOOTHED = 3  # samples in a median, which takes single spikes of noise
LEAST_LEVEL = 1e-9


class Line(NamedTuple):
    """The strongest component of a waveform: its frequency, and its amplitude (half its swing)."""

    frequency_hz: float
    amplitude: float


def modulation_percent(samples: Sequence[float], dark: float = 0.0) -> float:
    """Return the modulation of light: 0 for steady light, 100 where it goes out.

    `dark` is what the photodiode shows without light. Raises `ValueError` where there is no light.
    """
    smooth = _medians(samples)
    low, high = min(smooth) - dark, max(smooth) - dark
    if high <= LEAST_LEVEL:
        raise ValueError("there is no light whose modulation could be told")
    low = max(0.0, low)
    return 100 * (high - low) / (high + low)


def strongest(
    samples: Sequence[float], rate_hz: float, low_hz: float = 0.0, high_hz: float = math.inf
) -> Line:
    """Return the strongest component between two frequencies. Their number is a power of two.

    Hann window, and a parabola through the logarithms of the three strongest bins: right to a tenth
    of a bin for a component that is alone.
    """
    count = len(samples)
    if count < 8 or count & count - 1:
        raise ValueError(f"{count} samples are no power of two")
    mean = math.fsum(samples) / count
    window = [0.5 - 0.5 * math.cos(2 * math.pi * n / count) for n in range(count)]
    spectrum = _fft([(one - mean) * w for one, w in zip(samples, window, strict=True)])
    size = [abs(one) * 4 / count for one in spectrum[: count // 2]]
    bin_hz = rate_hz / count
    first = max(2, math.ceil(low_hz / bin_hz))
    last = min(count // 2 - 1, math.floor(min(high_hz, rate_hz) / bin_hz))
    if last <= first:
        raise ValueError(f"nothing is told between {low_hz} Hz and {high_hz} Hz")
    peak = max(range(first, last), key=size.__getitem__)
    left, middle, right = (math.log(max(size[peak + n], 1e-30)) for n in (-1, 0, 1))
    bend = left - 2 * middle + right
    shift = 0.5 * (left - right) / bend if bend else 0.0
    shift = max(-0.5, min(0.5, shift))
    return Line((peak + shift) * bin_hz, math.exp(middle - 0.25 * (left - right) * shift))


def low_risk_percent(frequency_hz: float) -> float:
    """Return the modulation up to which flicker is of low risk: IEEE 1789, general knowledge.

    0.025 % for each hertz below 90 Hz, 0.08 % from there to 1250 Hz, and no bound above.
    """
    if frequency_hz < 90:
        return 0.025 * frequency_hz
    return min(100.0, 0.08 * frequency_hz)


def transition_s(samples: Sequence[float], every_s: float) -> float:
    """Return the time between 10 % and 90 % of a change between two steady levels.

    The levels are the medians of the first and of the last eighth. Raises `ValueError` where they
    differ by less than the noise allows to tell.
    """
    eighth = max(1, len(samples) // 8)
    before, after = _median(samples[:eighth]), _median(samples[-eighth:])
    noise = max(max(part) - min(part) for part in (samples[:eighth], samples[-eighth:]))
    if abs(after - before) <= max(2 * noise, LEAST_LEVEL):
        raise ValueError("the light has not changed by more than its noise")
    rest = [(one - before) / (after - before) for one in samples]
    begin = max(n for n, one in enumerate(rest) if one <= 0.1 and max(rest[: n + 1]) < 0.9)
    end = next(n for n, one in enumerate(rest) if one >= 0.9)
    return (end - begin) * every_s


def _median(samples: Sequence[float]) -> float:
    return sorted(samples)[len(samples) // 2]


def _medians(samples: Sequence[float]) -> list[float]:
    return [_median(samples[n : n + SMOOTHED]) for n in range(len(samples) - SMOOTHED + 1)]


def _fft(samples: Sequence[complex]) -> list[complex]:
    """Return the discrete Fourier transform of 2^n samples (Cooley and Tukey, 1965)."""
    count = len(samples)
    if count == 1:
        return list(samples)
    even, odd = _fft(samples[::2]), _fft(samples[1::2])
    turned = [cmath.exp(-2j * math.pi * n / count) * odd[n] for n in range(count // 2)]
    sums = [a + b for a, b in zip(even, turned, strict=True)]
    return sums + [a - b for a, b in zip(even, turned, strict=True)]

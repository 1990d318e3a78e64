"""What a station says about a device. The wire contract with the host; change it with care.

    Reading ─► Measurement ─► StepRecord ─► RunRecord ─► MQTT ─► host ─► report
    (a step)   (+ limit,      (+ verdict,   (+ device,
                verdict)       times)        plan, bench)

Everything here is frozen and knows how to be JSON. The host imports this package and nothing else
of the station.
"""

import os
import time
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from math import isfinite
from typing import NamedTuple
from uuid import UUID

import msgspec


class Verdict(StrEnum):
    """In order of severity: a run is as bad as its worst step."""

    SKIPPED = "skipped"  # the device has no such part, or this bench cannot judge it
    PASS = "pass"
    FAIL = "fail"  # measured, and outside the limit
    ABORTED = "aborted"  # a person stopped it, or the power went
    ERROR = "error"  # the bench could not measure: says nothing about the device

    @classmethod
    def worst(cls, verdicts: "Iterable[Verdict]") -> "Verdict":
        return max(verdicts, key=_SEVERITY.__getitem__, default=cls.PASS)


_SEVERITY = {verdict: rank for rank, verdict in enumerate(Verdict)}


class Basis(StrEnum):
    """Where a limit comes from. Only `SOURCE` may be printed as somebody's text."""

    SOURCE = "source"  # read at the place that `source` names
    GENERAL = "general"  # general engineering knowledge, no text at hand
    PROPOSAL = "proposal"  # this project's own proposal


Value = float | int | bool | str


class Reading(NamedTuple):
    """What a step yields. Its unit was declared once, where the step was."""

    name: str
    value: Value


class _Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    pass


class Limit(_Record, frozen=True, forbid_unknown_fields=True):
    """Inclusive bounds, or an exact value; `guard` is the margin inside them called marginal.

    `min`, `max` and `guard` are in `unit`. `source` names the document and clause of the figure.
    """

    basis: Basis
    source: str = ""
    unit: str = ""
    min: float | None = None
    max: float | None = None
    equals: bool | int | float | str | None = None
    guard: float = 0.0

    def __post_init__(self) -> None:
        low, high, guard, equals = self.min, self.max, self.guard, self.equals
        if equals is not None:
            if low is not None or high is not None:
                raise ValueError("a limit has either `equals` or bounds, not both")
            if guard:
                raise ValueError("`guard` needs bounds: nothing is near `equals`")
        elif low is None and high is None:
            raise ValueError("a limit needs `min`, `max` or `equals`")
        # Spelt out: every limit of every record that is decoded comes by here.
        if (
            not isfinite(guard)
            or guard < 0
            or (low is not None and not isfinite(low))
            or (high is not None and not isfinite(high))
            or (isinstance(equals, float) and not isfinite(equals))
        ):
            raise ValueError("the figures of a limit are numbers, and `guard` is not negative")
        if low is not None and high is not None and low > high:
            raise ValueError(f"min {low:g} is above max {high:g}")
        if self.basis is Basis.SOURCE and not self.source.strip():
            raise ValueError("`basis = 'source'` needs `source`: document and clause")

    def judge(self, value: Value) -> Verdict:
        """PASS or FAIL. A value that cannot be compared with this limit is a `TypeError`."""
        if self.equals is not None:
            if _sort(value) is not _sort(self.equals):
                raise TypeError(f"{value!r} cannot be compared with {self}")
            return Verdict.PASS if value == self.equals else Verdict.FAIL
        if isinstance(value, str | bool):
            raise TypeError(f"{value!r} is not a number, and {self} needs one")
        too_low = self.min is not None and not value >= self.min
        too_high = self.max is not None and not value <= self.max
        return Verdict.FAIL if too_low or too_high else Verdict.PASS

    def is_marginal(self, value: Value) -> bool:
        """Whether a value that passes does so within the guard band."""
        if self.equals is not None or isinstance(value, str | bool) or not self.guard:
            return False
        near_low = self.min is not None and value < self.min + self.guard
        near_high = self.max is not None and value > self.max - self.guard
        return near_low or near_high

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        if self.equals is not None:
            return f"= {self.equals}{unit}"
        if self.min is None:
            return f"≤ {self.max:g}{unit}"
        if self.max is None:
            return f"≥ {self.min:g}{unit}"
        return f"{self.min:g} … {self.max:g}{unit}"


def _sort(value: Value) -> type[object]:
    """Text, truth or number: `True == 1` in Python, and yet one error is not `true`."""
    return type(value) if isinstance(value, str | bool) else float


class Measurement(_Record, frozen=True):
    name: str
    value: Value
    unit: str = ""
    limit: Limit | None = None
    verdict: Verdict | None = None  # nobody judges a measurement that has no limit
    marginal: bool = False


class StepRecord(_Record, frozen=True):
    """`step` is the step's name (`adapter.regulation`), `title` the plan's words for it."""

    step: str
    title: str
    verdict: Verdict
    started_at: datetime
    duration_s: float = 0.0
    clause: str = ""
    measurements: tuple[Measurement, ...] = ()
    reason: str = ""


class Device(_Record, frozen=True):
    """The device under test. `asset_tag` is what was scanned; the rest is what it says itself."""

    asset_tag: str
    kind: str
    maker: str = ""
    model: str = ""
    serial_number: str = ""
    year: int | None = None


class InstrumentUsed(_Record, frozen=True):
    """An instrument of the bench, for traceability."""

    role: str
    driver: str
    maker: str = ""
    model: str = ""
    serial_number: str = ""
    firmware: str = ""
    calibrated_until: str = ""


class RunRecord(_Record, frozen=True, tag_field="schema", tag="pace.run/1"):
    """One device tested once. `sequence` counts the station's runs: a gap is a lost record."""

    record_id: str
    sequence: int
    station: str
    slot: str
    operator: str
    device: Device
    plan: str
    plan_sha256: str
    guideline: str
    instruments: tuple[InstrumentUsed, ...]
    software: str
    clock_synchronised: bool
    simulated: bool
    started_at: datetime
    duration_s: float
    steps: tuple[StepRecord, ...]
    verdict: Verdict
    marginal: bool = False


class Rejected(_Record, frozen=True):
    """A record that the host keeps in quarantine instead of its tables, and why."""

    record_id: str
    reason: str


class Receipt(_Record, frozen=True, tag_field="schema", tag="pace.receipt/1"):
    """The host's word that it holds these records durably. Sent after its commit."""

    stored: tuple[str, ...] = ()
    rejected: tuple[Rejected, ...] = ()


class SlotState(_Record, frozen=True):
    """What a slot is doing, for people who are not at the station."""

    slot: str
    asset_tag: str = ""
    plan: str = ""
    step: str = ""
    verdict: Verdict | None = None  # of the last run, while nothing is running


class StationState(_Record, frozen=True, tag_field="schema", tag="pace.state/1"):
    """Retained on the broker; `online=False` is left behind as the last will."""

    station: str
    online: bool
    software: str = ""
    waiting: int = 0
    slots: tuple[SlotState, ...] = ()


def contradiction(record: RunRecord) -> str:
    """What keeps this from being a run of a station, in words; empty when its verdict is true.

    A run is as bad as its worst step. One that broke off is ABORTED or ERROR for that reason,
    whatever its steps had come to, and has `bench.make_safe` as its last step like every other.
    """
    verdict, steps = record.verdict, record.steps
    if verdict is Verdict.SKIPPED:
        return "the verdict is skipped, and only a step can be"
    if not steps:
        return f"the verdict is {verdict}, and there is no step to give it"
    marginal = False
    for step in steps:
        for measurement in step.measurements:
            marginal = marginal or measurement.marginal
            if measurement.verdict is Verdict.FAIL and step.verdict in _CONTENT:
                return f"{step.step} is {step.verdict}, and {measurement.name} in it is fail"
    worst = Verdict.worst([step.verdict for step in steps])
    may_have_broken_off = (
        verdict in (Verdict.ABORTED, Verdict.ERROR) and steps[-1].step == "bench.make_safe"
    )
    if verdict is not worst and not may_have_broken_off:
        return f"the verdict is {verdict}, and the worst step is {worst}"
    if record.marginal and verdict is not Verdict.PASS:
        return f"the verdict is {verdict} and marginal, and only a pass can be"
    if record.marginal and not marginal:
        return "the verdict is marginal, and no measurement is"
    if marginal and verdict is Verdict.PASS and not record.marginal:
        return "a measurement is marginal, and the verdict is not"
    return ""


_CONTENT = (Verdict.SKIPPED, Verdict.PASS)


def new_record_id() -> str:
    """A UUIDv7 (RFC 9562, 5.7): sorts by time of creation, unique without asking anybody."""
    value = time.time_ns() // 1_000_000 << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(UUID(int=value))


encode = msgspec.json.Encoder().encode
"""Any of these records as JSON bytes."""

decode_run = msgspec.json.Decoder(RunRecord).decode
decode_receipt = msgspec.json.Decoder(Receipt).decode
decode_state = msgspec.json.Decoder(StationState).decode

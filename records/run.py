"""A station's report on a device: `pace.run/2`, the contract with the host.

    Reading ─► Measurement ─► StepRecord ─► RunRecord ─► signed ─► MQTT ─► host ─► report
    (a step)   (+ limit,      (+ verdict,   (+ device,   (chained)
                verdict)       times)        plan, bench)

Everything here is frozen and knows how to be JSON. What a record says beyond these fields is no
mistake: its bytes are kept as they were sent. Text for people is a `Phrase`. Each measured number
is in the unit beside it; times are in seconds, dates in UTC.
"""

import os
import time
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from records.limits import Limit
from records.verdicts import MAKE_SAFE, Conclusion, Proof, Verdict, conclude
from records.words import Phrase, Value


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Leave out what has its default value."""


class Reading(NamedTuple):
    """The result of a step. Its unit was declared once, where the step was."""

    name: str
    value: Value


class Cause(Record, frozen=True):
    """One reason why a value is uncertain, and its standard uncertainty in the value's unit."""

    cause: str
    standard_uncertainty: float


class Measurement(Record, frozen=True):
    """One value, what is known of its uncertainty, and what it was judged by.

    The uncertainties are in `unit`; they are None where they are not known, never 0. `role` names
    the instrument that the value comes from.
    """

    name: str
    value: Value
    unit: str = ""
    standard_uncertainty: float | None = None
    expanded_uncertainty: float | None = None
    coverage_factor: float | None = None
    causes: tuple[Cause, ...] = ()
    rule: str = ""
    limit: Limit | None = None
    verdict: Verdict | None = None  # a measurement without a limit is not judged
    marginal: bool = False
    role: str = ""


class Asked(Record, frozen=True):
    """One question to the operator, the answer, and how long it took."""

    question: Phrase
    answer: str
    asked_at: datetime
    answered_after_s: float = 0.0


LONGEST_SERIES = 1200
"""Points that a series holds at the most: twenty minutes, one a second."""


class Series(Record, frozen=True):
    """The course of a value over time, at most `LONGEST_SERIES` points; both lists are as long."""

    name: str
    at_s: tuple[float, ...]
    values: tuple[float, ...]
    unit: str = ""


class Chance(Record, frozen=True):
    """The chance from 0 to 1 that this test, at its depth, finds a defect of the device."""

    defect: str
    chance: float


class StepRecord(Record, frozen=True):
    """The outcome of one test. Each planned test has one, also when it was not tested.

    `test` is the plan's id of the test, `step` the step's name (`adapter.regulation`), `method`
    what did it. `required` and `proof` are what the profile asks for and what was given. `roles`
    are the instruments used, `at_fault` those that an ERROR names.
    """

    test: str
    step: str
    verdict: Verdict
    started_at: datetime
    duration_s: float = 0.0
    title: Phrase = Phrase()
    method: str = ""
    required: Proof = Proof.NONE
    proof: Proof = Proof.NONE
    roles: tuple[str, ...] = ()
    at_fault: tuple[str, ...] = ()
    clause: str = ""
    depth: str = ""
    measurements: tuple[Measurement, ...] = ()
    asked: tuple[Asked, ...] = ()
    series: tuple[Series, ...] = ()
    chances: tuple[Chance, ...] = ()
    reason: Phrase | None = None

    @property
    def why(self) -> str:
        """Return the words of its reason; empty where there is none."""
        return self.reason.words if self.reason is not None else ""


class Device(Record, frozen=True):
    """The device under test. `asset_tag` is what was scanned; the rest is what it says itself.

    `nameplate` holds what its label says, by the names of the equipment file, in SI units.
    """

    asset_tag: str
    kind: str
    maker: str = ""
    model: str = ""
    serial_number: str = ""
    year: int | None = None
    nameplate: dict[str, Value] = {}


class InstrumentUsed(Record, frozen=True):
    """An instrument of the bench, for traceability.

    `shares` names what it has in common with others: bus, hub, mains. `dead_man`: it lets go by
    itself when the station falls silent.
    """

    role: str
    driver: str
    maker: str = ""
    model: str = ""
    serial_number: str = ""
    firmware: str = ""
    calibrated_until: str = ""
    certificate: str = ""
    shares: tuple[str, ...] = ()
    dead_man: bool = False


class Attachment(Record, frozen=True):
    """A photograph, scan or document that belongs to a record, by the SHA-256 of its bytes."""

    name: str
    sha256: str
    size_bytes: int
    media_type: str = ""


class RunRecord(Record, frozen=True, tag_field="schema", tag="pace.run/2"):
    """One device tested once. `sequence` counts the starts of runs at the station.

    `plan_sha256` is the hash of the plan's own record (`records.messages.PlanRecord`). `not_safe`
    says why the bench is not known to have let go of the device; it changes no verdict.
    `remarks_only`: the site lets what an instrument's calibration forbids pass with a remark.
    `follows` are earlier runs of this unit.
    """

    record_id: str
    sequence: int
    station: str
    slot: str
    operator: str
    device: Device
    plan: str
    plan_sha256: str
    instruments: tuple[InstrumentUsed, ...]
    software: str
    clock_synchronised: bool
    simulated: bool
    started_at: datetime
    duration_s: float
    steps: tuple[StepRecord, ...]
    verdict: Verdict
    marginal: bool = False
    equipment: str = ""
    profile: str = ""
    altered_by_site: int = 0
    depth: str = ""
    rule: str = ""
    not_safe: tuple[Phrase, ...] = ()
    dead_man: bool = False
    remarks_only: bool = False
    follows: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()

    @property
    def shares(self) -> dict[str, tuple[str, ...]]:
        """Return what each role has in common with others."""
        return {one.role: one.shares for one in self.instruments if one.shares}

    def conclude(self) -> Conclusion:
        """Return what the steps of this record come to."""
        return conclude(self.steps, self.shares)


NOT_SAFE = "bench.not_safe"
"""The id of the reason of a step after which something may still hold the device."""


def not_safe(steps: Sequence[StepRecord]) -> tuple[Phrase, ...]:
    """Return why the bench is not known to have let go of the device after these steps."""
    return tuple(
        step.reason
        for step in steps
        if step.reason is not None
        if step.reason.id == NOT_SAFE
        or (step.step == MAKE_SAFE and step.verdict not in (Verdict.PASS, Verdict.SKIPPED))
    )


def is_whole(steps: Sequence[StepRecord]) -> bool:
    """Return whether a run came to its end: the bench is made safe last."""
    return bool(steps) and steps[-1].step == MAKE_SAFE


def new_record_id() -> str:
    """Return a UUIDv7 (RFC 9562, 5.7): it sorts by time of creation and is unique by itself."""
    value = time.time_ns() // 1_000_000 << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(UUID(int=value))

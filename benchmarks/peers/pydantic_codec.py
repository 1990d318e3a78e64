"""pydantic: the record of `programs/codec.py` to JSON and back, with the same types.

arguments: rounds, file with the JSON, and `checked` for what our limits check besides their types.
Prints the seconds of one encoding and of one decoding.
"""

import json
import sys
import time
from datetime import datetime
from enum import StrEnum
from math import isfinite
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Verdict(StrEnum):
    SKIPPED = "skipped"
    PASS = "pass"
    FAIL = "fail"
    ABORTED = "aborted"
    ERROR = "error"
    INCOMPLETE = "incomplete"


class Basis(StrEnum):
    SOURCE = "source"
    GENERAL = "general"
    PROPOSAL = "proposal"


class Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class PlainLimit(Record):
    model_config = ConfigDict(frozen=True, extra="forbid")

    basis: Basis
    source: str = ""
    unit: str = ""
    min: float | None = None
    max: float | None = None
    equals: bool | int | float | str | None = None
    uncertainty: float | None = None


class CheckedLimit(PlainLimit):
    @model_validator(mode="after")
    def check(self) -> Self:
        if self.equals is None and self.min is None and self.max is None:
            raise ValueError("a limit needs `min`, `max` or `equals`")
        if self.equals is not None and (self.min is not None or self.max is not None):
            raise ValueError("a limit has either `equals` or bounds, not both")
        figures = (self.equals, self.min, self.max, self.uncertainty)
        if any(isinstance(one, float) and not isfinite(one) for one in figures):
            raise ValueError("the figures of a limit are finite")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}")
        if self.basis is Basis.SOURCE and not self.source:
            raise ValueError("`basis = 'source'` needs `source`: document and clause")
        return self


Limit = CheckedLimit if sys.argv[3:] == ["checked"] else PlainLimit


class Measurement(Record):
    name: str
    value: float | int | bool | str
    unit: str = ""
    limit: Limit | None = None
    verdict: Verdict | None = None
    marginal: bool = False


class Phrase(Record):
    id: str = ""
    values: dict[str, float | int | bool | str] = {}
    text: str = ""


class StepRecord(Record):
    test: str
    step: str
    verdict: Verdict
    started_at: datetime
    duration_s: float = 0.0
    title: Phrase = Phrase()
    required: str = ""
    proof: str = ""
    roles: tuple[str, ...] = ()
    at_fault: tuple[str, ...] = ()
    clause: str = ""
    measurements: tuple[Measurement, ...] = ()
    reason: Phrase | None = None


class Device(Record):
    asset_tag: str
    kind: str
    maker: str = ""
    model: str = ""
    serial_number: str = ""
    year: int | None = None


class InstrumentUsed(Record):
    role: str
    driver: str
    maker: str = ""
    model: str = ""
    serial_number: str = ""
    firmware: str = ""
    calibrated_until: str = ""


class RunRecord(Record):
    tag: Literal["pace.run/2"] = Field(alias="schema")
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
    profile: str = ""
    not_safe: tuple[Phrase, ...] = ()


def encode(record: RunRecord) -> bytes:
    """Everything that is in the record: leaving out what is a default costs pydantic more."""
    return record.__pydantic_serializer__.to_json(record, by_alias=True)


def main() -> None:
    rounds, body = int(sys.argv[1]), Path(sys.argv[2]).read_bytes()
    decode = RunRecord.__pydantic_validator__.validate_json
    record: RunRecord = decode(body)
    if decode(encode(record)) != record:
        raise SystemExit("a record does not come back as it was")
    start_s = time.perf_counter()
    for _ in range(rounds):
        encode(record)
    encoded_s = time.perf_counter()
    for _ in range(rounds):
        decode(body)
    ended_s = time.perf_counter()
    cost_s = [(encoded_s - start_s) / rounds, (ended_s - encoded_s) / rounds]
    print(json.dumps(cost_s))


main()

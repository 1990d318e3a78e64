"""Read what version 0.1 wrote: `pace.run/1`, and the receipt that a station of 0.1 waits for.

A run of version 1 was as bad as its worst step. Its texts are English, it says neither what was
required nor which roles were used, and it is not signed.
"""

from datetime import datetime
from typing import Any

import msgspec

from records.limits import Limit
from records.run import Device, InstrumentUsed, Record, RunRecord
from records.verdicts import MAKE_SAFE, Verdict
from records.words import Value

RUN = "pace.run/1"


class MeasurementV1(Record, frozen=True):
    """A measurement as version 1 has it."""

    name: str
    value: Value
    unit: str = ""
    limit: Limit | None = None
    verdict: Verdict | None = None
    marginal: bool = False


class StepRecordV1(Record, frozen=True):
    """A step as version 1 has it; `title` and `reason` are English."""

    step: str
    title: str
    verdict: Verdict
    started_at: datetime
    duration_s: float = 0.0
    clause: str = ""
    measurements: tuple[MeasurementV1, ...] = ()
    reason: str = ""


class RunRecordV1(Record, frozen=True, tag_field="schema", tag=RUN):
    """A run as version 1 has it."""

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
    steps: tuple[StepRecordV1, ...]
    verdict: Verdict
    marginal: bool = False


class RejectedV1(Record, frozen=True):
    """A record in the host's quarantine, as version 1 says it."""

    record_id: str
    reason: str


class ReceiptV1(Record, frozen=True, tag_field="schema", tag="pace.receipt/1"):
    """The receipt that a station of version 0.1 understands: ids without hashes."""

    stored: tuple[str, ...] = ()
    rejected: tuple[RejectedV1, ...] = ()


decode_run_v1 = msgspec.json.Decoder(RunRecordV1).decode
decode_receipt_v1 = msgspec.json.Decoder(ReceiptV1).decode


def upgrade(raw: dict[str, Any]) -> dict[str, Any]:
    """Return a run of version 1, as read from JSON, in the fields of version 2.

    The verdict stays what it was. English texts become verbatim ones, and the test of a step is
    called as the step was.
    """
    fresh = dict(raw)
    fresh["schema"] = "pace.run/2"
    fresh["profile"] = fresh.pop("guideline", "")
    fresh["steps"] = [upgrade_step(step) for step in raw.get("steps", ())]
    last = raw["steps"][-1] if raw.get("steps") else {}
    if last.get("step") == MAKE_SAFE and last.get("verdict") == Verdict.ERROR:
        fresh["not_safe"] = [{"text": last.get("reason", "")}]
    return fresh


def upgrade_step(raw: dict[str, Any]) -> dict[str, Any]:
    """Return a step of version 1, as read from JSON, in the fields of version 2."""
    step = dict(raw)
    step["test"] = step["step"]
    step["title"] = {"text": step.get("title", "")}
    if "reason" in step:
        step["reason"] = {"text": step["reason"]}
    return step


def worst(record: RunRecord) -> Verdict:
    """Return the verdict that version 1 gave a run of these steps: that of its worst one."""
    return Verdict.worst(step.verdict for step in record.steps)

"""Records that tests begin with: whole, true, and small."""

from datetime import UTC, datetime, timedelta

import msgspec

from records import (
    Basis,
    Device,
    InstrumentUsed,
    Limit,
    Measurement,
    Proof,
    RunRecord,
    StepRecord,
    Verdict,
)
from records.verdicts import MAKE_SAFE, OPEN

NOW = datetime(2026, 11, 29, 12, 0, 0, 123456, tzinfo=UTC)
LIMIT = Limit(basis=Basis.PROPOSAL, unit="V", min=4.75, max=5.25)
VOLTAGE = Measurement(
    name="voltage",
    value=5.0,
    unit="V",
    standard_uncertainty=0.01,
    expanded_uncertainty=0.02,
    coverage_factor=2.0,
    limit=LIMIT,
    verdict=Verdict.PASS,
    role="meter",
)


def step(
    verdict: Verdict = Verdict.PASS, name: str = "power.voltage", **facts: object
) -> StepRecord:
    """Return a step with one judged measurement."""
    usual = StepRecord(
        test="voltage",
        step=name,
        verdict=verdict,
        started_at=NOW,
        duration_s=1.5,
        required=Proof.FULL,
        proof=Proof.FULL,
        roles=("meter",),
        measurements=(VOLTAGE,),
    )
    return msgspec.structs.replace(usual, **facts)


def run(*steps: StepRecord, **facts: object) -> RunRecord:
    """Return a run that passed, of `steps` between those of the runner."""
    whole = (
        StepRecord(test=OPEN, step=OPEN, verdict=Verdict.PASS, started_at=NOW),
        *(steps or (step(),)),
        StepRecord(
            test=MAKE_SAFE,
            step=MAKE_SAFE,
            verdict=Verdict.PASS,
            started_at=NOW + timedelta(seconds=2),
        ),
    )
    usual = RunRecord(
        record_id="01a22882-b0de-769c-9c01-f76ecb6eb212",
        sequence=4,
        station="accra-1",
        slot="left",
        operator="ap",
        device=Device(asset_tag="A-17", kind="laptop-adapter"),
        plan="laptop-adapter-65w",
        plan_sha256="0" * 64,
        instruments=(InstrumentUsed(role="meter", driver="ina226"),),
        software="pace-station 0.2.0",
        clock_synchronised=True,
        simulated=True,
        started_at=NOW,
        duration_s=3.0,
        steps=whole,
        verdict=Verdict.PASS,
    )
    return msgspec.structs.replace(usual, **facts)

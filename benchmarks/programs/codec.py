"""Ours: a record with 40 measurements to JSON and back, checked as the host checks it.

arguments: rounds. Prints the seconds of one encoding and of one decoding; with --show the
JSON itself.
"""

import json
import sys
import time
from datetime import UTC, datetime

from records import (
    Basis,
    Device,
    InstrumentUsed,
    Limit,
    Measurement,
    Phrase,
    RunRecord,
    StepRecord,
    Verdict,
    decode_run,
    encode,
)

STEPS, PER_STEP = 8, 5
WHEN = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def measurement(number: int) -> Measurement:
    limit = Limit(
        basis=Basis.SOURCE,
        source="IEC 62368-1, B.2.5",
        unit="V",
        min=18.5,
        max=20.5,
        uncertainty=0.1,
    )
    return Measurement(
        name=f"voltage_{number}",
        value=19.5 + number / 1000,
        unit="V",
        limit=limit,
        verdict=Verdict.PASS,
    )


def step(number: int) -> StepRecord:
    return StepRecord(
        test="adapter.load_points",
        step="adapter.load_points",
        title=Phrase(text=f"Load point {number}"),
        verdict=Verdict.PASS,
        started_at=WHEN,
        duration_s=1.25,
        clause="IEC 62368-1",
        measurements=tuple(measurement(PER_STEP * number + one) for one in range(PER_STEP)),
    )


RECORD = RunRecord(
    record_id="0199f0a2-7d31-7c3e-9d43-0f8f7f6f5e4d",
    sequence=417,
    station="benchmark",
    slot="slot-1",
    operator="Olga",
    device=Device(asset_tag="LT-00417", kind="laptop adapter", maker="HP", model="PPP009C"),
    plan="laptop-adapter-65w",
    plan_sha256="5e" * 32,
    instruments=(InstrumentUsed(role="load", driver="it8500", model="IT8512A", firmware="1.27"),),
    software="pace-station 0.1.0",
    clock_synchronised=True,
    simulated=False,
    started_at=WHEN,
    duration_s=12.5,
    steps=tuple(map(step, range(STEPS))),
    verdict=Verdict.PASS,
)


def main() -> None:
    body = encode(RECORD)
    if decode_run(body) != RECORD:
        raise SystemExit("a record does not come back as it was")
    if sys.argv[1] == "--show":
        print(body.decode())
        return
    rounds = int(sys.argv[1])
    start_s = time.perf_counter()
    for _ in range(rounds):
        encode(RECORD)
    encoded_s = time.perf_counter()
    for _ in range(rounds):
        decode_run(body)
    ended_s = time.perf_counter()
    cost_s = [(encoded_s - start_s) / rounds, (ended_s - encoded_s) / rounds]
    print(json.dumps(cost_s))


if __name__ == "__main__":
    main()

"""Random limits, measurements, steps and runs of the contract, for hypothesis."""

from datetime import UTC

import msgspec
from hypothesis import strategies as st

from records import (
    Basis,
    Device,
    InstrumentUsed,
    Limit,
    Measurement,
    Phrase,
    Proof,
    RunRecord,
    StepRecord,
    Verdict,
)

finite = st.floats(allow_nan=False, allow_infinity=False)
integers = st.integers(-(2**63), 2**64 - 1)
values = st.one_of(finite, integers, st.booleans(), st.text())


def limit(**figures: float | str | bool) -> Limit:
    """Return a limit by general knowledge, with these figures."""
    return msgspec.convert({"basis": "general", **figures}, Limit)


@st.composite
def limits(draw: st.DrawFn) -> Limit:
    basis = draw(st.sampled_from(Basis))
    source = draw(st.text().map(lambda text: f"IEC {text}"))
    unit = draw(st.sampled_from(["", "W", "cd/m²", "%"]))
    if draw(st.booleans()):
        return Limit(basis=basis, source=source, unit=unit, equals=draw(values))
    low, high = sorted((draw(finite), draw(finite)))
    which = draw(st.sampled_from(["min", "max", "both"]))
    return Limit(
        basis=basis,
        source=source,
        unit=unit,
        min=low if which != "max" else None,
        max=high if which != "min" else None,
        uncertainty=draw(st.none() | st.floats(1e-9, 1e9)),
    )


verdicts = st.sampled_from(Verdict)
times = st.datetimes(timezones=st.just(UTC))
roles = st.lists(st.sampled_from(["meter", "load", "operator", "hub"]), max_size=2).map(tuple)
phrases = st.builds(
    Phrase, id=st.text(), values=st.dictionaries(st.text(), values, max_size=2), text=st.text()
)
measurements = st.builds(
    Measurement,
    name=st.text(),
    value=values,
    unit=st.text(),
    limit=st.none() | limits(),
    verdict=st.none() | verdicts,
    marginal=st.booleans(),
)
step_records = st.builds(
    StepRecord,
    test=st.text(),
    step=st.text(),
    title=phrases,
    verdict=verdicts,
    started_at=times,
    duration_s=finite,
    required=st.sampled_from(Proof),
    proof=st.sampled_from(Proof),
    roles=roles,
    at_fault=roles,
    clause=st.text(),
    measurements=st.lists(measurements, max_size=3).map(tuple),
    reason=st.none() | phrases,
)
run_records = st.builds(
    RunRecord,
    record_id=st.text(),
    sequence=st.integers(0, 2**63 - 1),
    station=st.text(),
    slot=st.text(),
    operator=st.text(),
    device=st.builds(
        Device, asset_tag=st.text(), kind=st.text(), maker=st.text(), year=st.none() | integers
    ),
    plan=st.text(),
    plan_sha256=st.text(),
    profile=st.text(),
    instruments=st.lists(
        st.builds(InstrumentUsed, role=st.text(), driver=st.text(), serial_number=st.text()),
        max_size=2,
    ).map(tuple),
    software=st.text(),
    clock_synchronised=st.booleans(),
    simulated=st.booleans(),
    started_at=times,
    duration_s=finite,
    steps=st.lists(step_records, max_size=3).map(tuple),
    verdict=verdicts,
    marginal=st.booleans(),
)

"""The agreement of station and host, and all that they share: records, receipts, keys, and words.

run.py         what a station says about a device, and how a verdict is concluded (verdicts.py)
messages.py    what else they tell each other
reading.py     records of every version
signing.py     signatures, chain.py what chains of them show, keys.py whose they are
rules.py       how a limit is applied to an uncertain value
judging.py     what contradicts itself
"""

from records.limits import Basis, Limit
from records.messages import (
    Head,
    PlannedTest,
    PlanRecord,
    Receipt,
    Rejected,
    Request,
    SlotState,
    StationState,
    Stored,
    decode_receipt,
    decode_state,
    encode,
)
from records.reading import decode_run
from records.run import (
    Asked,
    Device,
    InstrumentUsed,
    Measurement,
    Reading,
    RunRecord,
    Series,
    StepRecord,
    new_record_id,
)
from records.verdicts import Conclusion, Proof, Verdict, conclude
from records.words import Phrase, Value

__all__ = [
    "Asked",
    "Basis",
    "Conclusion",
    "Device",
    "Head",
    "InstrumentUsed",
    "Limit",
    "Measurement",
    "Phrase",
    "PlanRecord",
    "PlannedTest",
    "Proof",
    "Reading",
    "Receipt",
    "Rejected",
    "Request",
    "RunRecord",
    "Series",
    "SlotState",
    "StationState",
    "StepRecord",
    "Stored",
    "Value",
    "Verdict",
    "conclude",
    "decode_receipt",
    "decode_run",
    "decode_state",
    "encode",
    "new_record_id",
]

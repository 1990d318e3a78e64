"""Writes the receipts of a commit, for stations of every version. Pure."""

from host_agent.messages import Sorted
from host_agent.store import Kept
from records import Receipt, Rejected, Stored, encode
from records.messages import Held
from records.version_1 import ReceiptV1, RejectedV1

_VERSION_1 = b'{"schema":"pace.run/1",'


def receipts_of(arrived: Sorted, kept: Kept) -> list[tuple[str, bytes]]:
    """Return the receipts with their stations. A refusal without a readable record_id has none.

    A station of version 0.1 understands its own version's alone, so what it may have sent gets one
    of those, too.
    """
    stored: dict[str, dict[Stored, None]] = {}
    rejected: dict[str, list[Rejected]] = {}
    unsigned: dict[str, dict[str, None]] = {}
    unsigned_rejected: dict[str, list[RejectedV1]] = {}
    in_conflict = {(one.record_id, one.sha256) for one in kept.conflicts}
    for run in arrived.runs:
        if not in_conflict or (run.record_id, run.sha256) not in in_conflict:
            stored.setdefault(run.station, {})[Stored(run.record_id, run.sha256)] = None
            if run.record.startswith(_VERSION_1):
                unsigned.setdefault(run.station, {})[run.record_id] = None
    for other in arrived.others:
        stored.setdefault(other.station, {})[Stored(other.record_id, other.sha256)] = None
    for refusal in (*arrived.refusals, *kept.conflicts):
        if refusal.station and refusal.record_id:
            rejected.setdefault(refusal.station, []).append(
                Rejected(refusal.record_id, refusal.reason, refusal.sha256)
            )
            if refusal.payload.startswith(_VERSION_1):
                refused = RejectedV1(record_id=refusal.record_id, reason=refusal.reason)
                unsigned_rejected.setdefault(refusal.station, []).append(refused)
    held: dict[str, list[Held]] = {}
    for station, one in kept.held:
        held.setdefault(station, []).append(one)
    receipts = [
        (
            station,
            encode(
                Receipt(
                    tuple(stored.get(station, ())),
                    tuple(rejected.get(station, ())),
                    tuple(held.get(station, ())),
                )
            ),
        )
        for station in {**stored, **rejected, **held}
    ]
    return receipts + [
        (
            station,
            encode(
                ReceiptV1(
                    stored=tuple(unsigned.get(station, ())),
                    rejected=tuple(unsigned_rejected.get(station, ())),
                )
            ),
        )
        for station in {**unsigned, **unsigned_rejected}
    ]

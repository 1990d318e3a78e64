"""Bounds the room that refused messages take, so that a flood of them costs no record its room."""

import time
from collections import defaultdict
from collections.abc import Iterable

import sqlalchemy as sa

from host_agent.messages import Refusal
from host_agent.store import schema

MOST_MESSAGES = 100_000
"""Messages in quarantine, whatever their size; further ones are counted in the log and not kept."""

SHARE = 4
"""A station may fill the quota's part of this, so that one cannot take the room of all others."""

_COUNT_AGAIN_S = 10.0


class QuarantineQuota:
    """Decides how much of a refused message is kept. For the store's one writer."""

    def __init__(self, quota_bytes: int) -> None:
        self._quota_bytes = quota_bytes
        self._used_bytes: dict[str, int] = defaultdict(int)
        self._number = 0
        self._counted_s: float | None = None

    def within(self, connection: sa.Connection, refusals: Iterable[Refusal]) -> list[Refusal]:
        """Return what is kept of refusals: whole, without their bytes beyond the quota, or not."""
        if self._counted_s is None:
            self._count(connection)
        kept: list[Refusal] = []
        for refusal in refusals:
            if not self._fits(refusal):
                self._count_again(connection)
            if self._number >= MOST_MESSAGES:
                continue
            one = refusal if self._fits(refusal) else refusal._replace(payload=b"")
            self._used_bytes[one.station] += len(one.payload)
            self._number += 1
            kept.append(one)
        return kept

    def _fits(self, refusal: Refusal) -> bool:
        size = len(refusal.payload)
        of_station = self._used_bytes[refusal.station] + size
        in_all = sum(self._used_bytes.values()) + size
        return (
            of_station <= self._quota_bytes // SHARE
            and in_all <= self._quota_bytes
            and self._number < MOST_MESSAGES
        )

    def _count_again(self, connection: sa.Connection) -> None:
        """Count anew, once in a while: a person may have purged, and the same comes many times."""
        if self._counted_s is None or time.monotonic() - self._counted_s > _COUNT_AGAIN_S:
            self._count(connection)

    def _count(self, connection: sa.Connection) -> None:
        of = schema.quarantine.c
        size = sa.func.octet_length if connection.dialect.name == "postgresql" else sa.func.length
        query = sa.select(of.station, sa.func.sum(size(of.payload)), sa.func.count())
        self._used_bytes.clear()
        self._number = 0
        for station, used_bytes, number in connection.execute(query.group_by(of.station)):
            self._used_bytes[station] = int(used_bytes)
            self._number += number
        self._counted_s = time.monotonic()

"""Fills a store, and looks into it as any script would."""

from typing import Any

import sqlalchemy as sa

from host_agent.messages import Refusal, Run, Sorted, read_again, sort
from host_agent.mqtt import Message
from host_agent.store import Kept, Store
from host_agent.text import now_text
from records import RunRecord, encode, topics


def row(record: RunRecord) -> Run:
    run = read_again(encode(record), record.station, now_text())
    assert isinstance(run, Run)
    return run


def keep(store: Store, *records: RunRecord) -> Kept:
    return store.keep(Sorted([row(record) for record in records], {}, []))


def refuse(store: Store, payload: bytes, name: str = "run") -> Refusal:
    topic = f"pace/1/bench-1/{name}".encode()
    answer = sort([Message(1, topic, payload, len(payload))], now_text())
    store.keep(answer)
    return answer.refusals[0]


def derive_all(store: Store) -> None:
    while store.derive():
        pass


def rows(store: Store, query: str) -> list[tuple[Any, ...]]:
    """Return what the database itself answers, over a connection of its own."""
    engine = sa.create_engine(store.shown_url)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query))]
    finally:
        engine.dispose()


def refusal_of(record: RunRecord) -> Refusal:
    run = row(record)
    return Refusal(
        topic=topics.run(run.station),
        station=run.station,
        record_id=run.record_id,
        reason="refused by an earlier version",
        received_at=run.received_at,
        size=len(run.record),
        sha256=run.sha256,
        payload=run.record,
    )

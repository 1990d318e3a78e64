"""A message of the quarantine is tried again, and stored only when it is a record now."""

import pytest

from host_agent.messages import Sorted
from host_agent.store import Store, StoreError
from records import encode
from tests.host_agent.load import example_record
from tests.host_agent.store.filling import refusal_of, refuse


def test_release_stores_what_can_be_stored_now(store: Store) -> None:
    record = example_record("bench-1", 1)
    forged = example_record("bench-1", 1, record_id=record.record_id, operator="Mallory")
    with_another_schema = encode(record).replace(b"pace.run/2", b"pace.report/9")
    refuse(store, with_another_schema)
    (quarantined,) = store.quarantined(limit=9)
    with pytest.raises(StoreError, match=r"still refused: schema 'pace.report/9'"):
        store.release(quarantined.id)
    with pytest.raises(StoreError, match="number 77"):
        store.release(77)

    # As if an earlier version of this software had refused a good record.
    store.keep(Sorted([], {}, [refusal_of(forged)]))
    assert store.release(store.quarantined(limit=1)[0].id) == forged.record_id
    assert store.quarantined(limit=1)[0].released_at is not None
    assert store.quarantined_number() == 1

    store.keep(Sorted([], {}, [refusal_of(record)]))
    with pytest.raises(StoreError, match="other content"):
        store.release(store.quarantined(limit=1)[0].id)


def test_release_needs_all_the_bytes(store: Store) -> None:
    refusal = refusal_of(example_record("bench-1", 1))
    store.keep(Sorted([], {}, [refusal._replace(size=5_000_000)]))
    assert not store.quarantined(limit=1)[0].complete
    with pytest.raises(StoreError, match="only the first"):
        store.release(store.quarantined(limit=1)[0].id)

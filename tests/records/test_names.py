"""Ids and topics: what names a record, and where it is published."""

import subprocess
import sys
from datetime import UTC, datetime
from uuid import UUID

import pytest

from records import new_record_id, topics


def test_record_ids_are_uuids_of_version_7_in_the_order_of_time() -> None:
    ids = [new_record_id() for _ in range(1000)]
    assert len(set(ids)) == len(ids)
    assert {(UUID(one).version, UUID(one).variant) for one in ids} == {(7, "specified in RFC 4122")}
    milliseconds = [UUID(one).int >> 80 for one in ids]
    assert milliseconds == sorted(milliseconds)
    now_ms = datetime.now(UTC).timestamp() * 1000
    assert abs(now_ms - milliseconds[-1]) < 60_000


@pytest.mark.parametrize("name", ["pi-1", "A", "9", "a.b_c-d", "x" * 63])
def test_a_station_has_a_name_that_is_one_level_of_a_topic(name: str) -> None:
    assert topics.STATION_NAME.fullmatch(name)
    for topic in (topics.run(name), topics.receipt(name), topics.state(name), topics.live(name)):
        assert topics.station_of(topic) == name


@pytest.mark.parametrize("name", ["", "+", "#", "a/b", "-a", ".a", "a b", "a\n", "ä", "x" * 64])
def test_what_would_be_another_topic_is_no_name(name: str) -> None:
    assert not topics.STATION_NAME.fullmatch(name)


@pytest.mark.parametrize("topic", ["", "pace", "pace/1/x", "pace/2/x/run", "pace/1/x/run/y"])
def test_a_foreign_topic_has_no_station(topic: str) -> None:
    assert topics.station_of(topic) == ""


def test_the_contract_needs_nothing_of_the_station_and_no_key() -> None:
    """The host imports it: no other package of ours may come along, and no cryptography."""
    code = (
        "import sys, records, records.topics;"
        " print(*sorted({name.partition('.')[0] for name in sys.modules}"
        " & {'records', 'station', 'drivers', 'host_agent', 'nacl', 'cffi'}))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["records"]

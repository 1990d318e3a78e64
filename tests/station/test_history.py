"""The station remembers its own runs: of a unit, of how long a plan takes, and of today."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from records import Device, Verdict
from station.console import Earlier, TodayNotice
from station.delivery.outbox import Outbox
from station.service.history import MOST_RUNS, History, remembered
from tests.station.benches import make_draft

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def put(outbox: Outbox, tag: str, verdict: Verdict, number: int, **changes: object) -> None:
    """Put a run into the outbox that began so many days after noon."""
    draft = make_draft(device=Device(asset_tag=tag, kind="kind"), duration_s=60.0 + number)
    begun = outbox.begin(draft)
    at = NOON + timedelta(days=number)
    outbox.finish(replace(begun, verdict=verdict, started_at=at, **changes))


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "outbox.db")


def test_a_unit_that_was_tested_before_is_told_with_its_last_verdicts(outbox: Outbox) -> None:
    endings = (Verdict.FAIL, Verdict.ERROR, Verdict.PASS, Verdict.PASS)
    for number, verdict in enumerate(endings):
        put(outbox, "A-1", verdict, number, marginal=number == 3)
    put(outbox, "A-2", Verdict.FAIL, 9)
    history = History()
    history.load(outbox)
    outbox.close()
    assert history.before("left", "A-1", "p").earlier == (
        Earlier("marginal", NOON + timedelta(days=3)),
        Earlier("pass", NOON + timedelta(days=2)),
        Earlier("error", NOON + timedelta(days=1)),
    )
    assert history.before("left", "a-1", "p").earlier == ()


def test_the_expected_time_is_that_of_runs_of_the_same_plan_that_passed(outbox: Outbox) -> None:
    for number, verdict in enumerate((Verdict.PASS, Verdict.FAIL, Verdict.PASS, Verdict.PASS)):
        put(outbox, f"A-{number}", verdict, number)
    history, simulated = History(), History(timed=False)
    for one in (history, simulated):
        one.load(outbox)
    outbox.close()
    assert history.before("left", "x", "p").expected_s == 62.0
    assert history.before("left", "x", "another").expected_s is None
    assert simulated.before("left", "x", "p").expected_s is None, "its clock is not on any wall"
    fresh = remembered(make_draft(record_id="fresh", verdict=Verdict.PASS))
    simulated.finished(fresh, 7.5)
    assert simulated.before("left", "x", "p").expected_s == 7.5


def test_today_ends_at_midnight_by_the_date_of_this_machine() -> None:
    now = datetime.now().astimezone()
    days = [now, now, now, now - timedelta(days=1)]
    endings = [Verdict.PASS, Verdict.FAIL, Verdict.ERROR, Verdict.PASS]
    history = History(today=lambda: date.today())
    for number, (day, ending) in enumerate(zip(days, endings, strict=True)):
        run = make_draft(record_id=f"r{number}", started_at=day, verdict=ending)
        history.finished(remembered(run), 1.0)
    assert history.today() == TodayNotice(tested=3, passed=1, failed=1, errors=1)
    tomorrow = History(today=lambda: date.today() + timedelta(days=1))
    tomorrow.finished(remembered(make_draft(started_at=now)), 1.0)
    assert tomorrow.today() == TodayNotice()


def test_a_run_that_is_told_and_read_is_remembered_once(outbox: Outbox) -> None:
    put(outbox, "A-1", Verdict.PASS, 0)
    history = History()
    history.load(outbox)
    history.load(outbox)
    outbox.close()
    assert len(history.before("left", "A-1", "p").earlier) == 1


def test_what_cannot_be_read_costs_no_more_than_itself(outbox: Outbox) -> None:
    put(outbox, "A-1", Verdict.PASS, 0)
    outbox._do(lambda db: db.execute("UPDATE message SET body = x'ff00'"))
    put(outbox, "A-1", Verdict.FAIL, 1)
    history = History()
    history.load(outbox)
    outbox.close()
    assert [one.ending for one in history.before("left", "A-1", "p").earlier] == ["fail"]


def test_an_outbox_that_is_closed_meanwhile_ends_the_reading(outbox: Outbox) -> None:
    outbox.close()
    History().load(outbox)
    assert MOST_RUNS > 1000

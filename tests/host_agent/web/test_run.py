"""The page of a run says first why it ended as it did, in the reader's words."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest
from litestar.testing import TestClient

from host_agent.progress import Progress
from host_agent.store import Store
from host_agent.web import create_app
from host_agent.web.live import Live
from host_agent.web.manner import Manner
from records import (
    Basis,
    Device,
    Limit,
    Measurement,
    Phrase,
    RunRecord,
    StepRecord,
    Value,
    Verdict,
    encode,
)
from records.messages import PlanRecord
from records.signing import digest
from tests.host_agent.load import example_record, record_ending
from tests.host_agent.store.evidence.signing import Card, tell
from tests.host_agent.web.pages import HOSTILE, Client, keep, page

NOW = datetime(2026, 11, 5, 23, 30, tzinfo=UTC)


def failing(name: str, value: Value, unit: str, **limit: object) -> Measurement:
    bounds = Limit(basis=Basis.PROPOSAL, unit=unit, **limit)  # type: ignore[arg-type]
    return Measurement(name=name, value=value, unit=unit, limit=bounds, verdict=Verdict.FAIL)


def record_with(*measurements: Measurement, **changes: object) -> RunRecord:
    step = StepRecord(
        test="edid",
        step="display.edid",
        title=Phrase("title.display.edid"),
        verdict=Verdict.FAIL,
        started_at=NOW,
        measurements=measurements,
    )
    whole = {"steps": (step,), "verdict": Verdict.FAIL, "marginal": False, "started_at": NOW}
    return example_record("bench-1", 1, **(whole | changes))


def text_of(client: Client, record: RunRecord, query: str = "") -> str:
    seen = page(client, f"/runs/{record.record_id}{query}").text
    return seen.replace("\N{NO-BREAK SPACE}", " ")


def test_failing_values_stand_under_the_heading_with_limit_and_by_how_much(
    client: Client, store: Store
) -> None:
    record = record_with(
        failing("contrast", 285.04, "", min=400.0),
        failing("standby_power", 0.7149, "W", max=0.5),
        failing("edid_checksum_ok", False, "", equals=True),
        failing("missing_keys", 3, "", max=0.0),
    )
    keep(store, record)
    english = text_of(client, record)
    head = english[: english.index("Device")]
    assert "Contrast Identification Contrast 285, at least 400 needed 285 ≥ 400 115" in head
    assert "Power asleep 0.7149 W, at most 0.5 W allowed 0.7149 W ≤ 0.5 W 0.2149 W" in head
    assert "The identification of the display is damaged no yes needed" in head
    french = text_of(client, record, "?lang=fr")
    head = french[: french.index("Appareil")]
    assert "0,7149 W" in head
    assert "0,2149 W" in head
    for identifier in ("edid_checksum_ok", "edid checksum ok", "display.edid", "standby_power"):
        assert identifier not in english
        assert identifier not in french
    assert "no = yes" not in english


def test_a_run_that_failed_is_not_said_to_have_nothing_failed(client: Client, store: Store) -> None:
    failed = record_with(failing("contrast", 1.0, "", min=400.0))
    open_ = example_record("a", 2, verdict=Verdict.INCOMPLETE, steps=(), marginal=False)
    keep(store, failed, open_)
    assert "Nothing failed" not in text_of(client, failed)


def test_an_error_is_told_with_its_reason_in_the_readers_language(
    client: Client, store: Store
) -> None:
    reason = Phrase("adapter.lead_broken", {"meter_v": 19.5, "load_v": 2.0})
    record = record_ending(Verdict.ERROR, "a", 1)
    steps = (*record.steps[:-1], msgspec.structs.replace(record.steps[-1], reason=reason))
    record = msgspec.structs.replace(record, steps=steps)
    keep(store, record)
    english, french = text_of(client, record), text_of(client, record, "?lang=fr")
    told = "Overload: ERROR The meter sees 19.50 V, the electronic load 2.00 V."
    assert told in english[: english.index("Device")]
    assert "Le multimètre voit 19,50 V" in french[: french.index("Appareil")]


def test_times_are_local_beside_utc(store: Store) -> None:
    record = example_record("a", 1, started_at=NOW)
    keep(store, record)
    for zone, shown in (("Africa/Lagos", "2026-11-06 00:30:00 WAT"), ("UTC", "")):
        manner = Manner("en", ZoneInfo(zone))
        app = create_app(store, Progress(connected=True), Live(), names=[], manner=manner)
        with TestClient(app, base_url="http://127.0.0.1") as client:
            seen = text_of(client, record)
        assert f"Started 2026-11-05 23:30:00 UTC {shown}".strip() in seen
        assert seen.count("2026-11-05 23:30:00 UTC 2026") == bool(shown)


def test_the_other_runs_of_the_unit_are_linked_and_no_others(client: Client, store: Store) -> None:
    runs = [
        example_record("a", n, device=Device(asset_tag=tag, kind="lcd-monitor"))
        for n, tag in enumerate(("T-1", "T-1", "t-1", "T-12", "T-1"))
    ]
    keep(store, *runs)
    seen = page(client, f"/runs/{runs[1].record_id}?lang=fr")
    linked = [one.partition("?")[0] for one in seen.addresses() if one.startswith("/runs/")]
    assert linked == [f"/runs/{runs[n].record_id}" for n in (4, 0)]
    assert "/?asset_tag=T-1&lang=fr" in seen.addresses()
    alone = page(client, f"/runs/{runs[3].record_id}")
    assert not [one for one in alone.addresses() if one.startswith("/runs/")]


def test_the_words_of_a_plan_are_said_in_its_languages(client: Client, store: Store) -> None:
    plan = PlanRecord(
        plan="toaster",
        kind="toaster",
        title="Toaster 800 W",
        words={"fr": {"toaster.title": "Grille-pain 800 W", "toaster.heat": "Chauffe"}},
    )
    step = msgspec.structs.replace(
        example_record("a", 1).steps[0], title=Phrase("toaster.heat", text="Heats")
    )
    record = example_record("a", 1, plan="toaster", plan_sha256=digest(encode(plan)), steps=(step,))
    keep(store, record)
    assert "Heats" in text_of(client, record, "?lang=fr"), "the plan is not here yet"
    tell(store, "a", Card().sign(plan))
    english, french = text_of(client, record), text_of(client, record, "?lang=fr")
    assert "Toaster 800 W" in english
    assert "Heats" in english
    assert "Grille-pain 800 W" in french
    assert "Chauffe" in french


def test_a_contradiction_names_its_test_in_words(client: Client, store: Store) -> None:
    record = record_with(failing("contrast", 500.0, "", min=400.0))
    keep(store, record)
    store.derive()
    seen = text_of(client, record)
    told = "Identification, Contrast: The verdict of a value does not follow from its limit."
    assert told in seen
    assert "Identification, Contraste : Le verdict" not in seen
    assert "Le verdict d’une valeur ne découle pas de sa limite." in text_of(
        client, record, "?lang=fr"
    )


@pytest.mark.parametrize("value", [10**400, 1e308, -1e-308, HOSTILE, True, ""])
def test_no_value_and_no_limit_breaks_a_page(client: Client, store: Store, value: Value) -> None:
    for limit in ({"min": 1.0, "max": 2.0}, {"equals": "x"}, {"equals": 0}, {}):
        one = failing("x", value, HOSTILE, **limit)
        record = record_with(one, msgspec.structs.replace(one, standard_uncertainty=1e-300))
        keep(store, record)
        for code in ("en", "fr"):
            seen = page(client, f"/runs/{record.record_id}?lang={code}")
            assert "img" not in {tag for tag, _ in seen.elements}

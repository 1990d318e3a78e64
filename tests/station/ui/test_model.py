"""The slots as the operator sees them, without a screen."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records import InstrumentUsed, Phrase, Verdict
from records.words import language
from station.console import AutopilotNotice, DeliveryNotice, SlotInfo, SlotNotice, UnsafeNotice
from station.engine.events import (
    Answered,
    Event,
    Measured,
    NotSaved,
    RunFinished,
    StepFinished,
    StepStarted,
    Waiting,
)
from station.ui.model import Refused, Select, Start, StationModel
from station.ui.slot import Mood, SlotModel
from tests.station.ui.fake_console import (
    asked,
    bench_ready,
    finished,
    keys_shown,
    made_safe,
    measurement,
    started,
    step,
)

LOW = measurement("output_voltage", 17.9, low=18.5, high=20.5)
GOOD = measurement("output_voltage", 19.5, low=18.5, high=20.5)
NEAR = measurement("idle_power", 0.099, "W", high=0.1, expanded=0.02)
SLOTS = tuple(SlotInfo(f"Slot-{n}", "adapter", ("full", "quick")) for n in (1, 2, 3))


def new_slot() -> SlotModel:
    return SlotModel(SLOTS[0])


def after(*events: Event, slot: SlotModel | None = None) -> SlotModel:
    slot = slot or new_slot()
    for event in events:
        slot.apply(event, now_s=10.0)
    return slot


def mood(slot: SlotModel) -> Mood:
    return slot.mood


def titles(slot: SlotModel) -> list[str]:
    return [step.title.text for step in slot.steps]


def test_a_new_slot_is_ready() -> None:
    slot = new_slot()
    assert mood(slot) is Mood.READY
    assert slot.ending == ""


def test_a_run_shows_its_step_and_what_is_measured() -> None:
    slot = after(started("No load", "Load"), StepStarted(1, Phrase(text="Load")), Measured(GOOD))
    assert mood(slot) is Mood.RUNNING
    assert slot.number == 1
    assert slot.step is not None
    assert slot.step.title == Phrase(text="Load")
    assert slot.step.measurements == [GOOD]
    assert slot.device is not None
    assert slot.device.asset_tag == "LT-00417"


def test_a_name_measured_again_shows_its_last_value_in_its_place() -> None:
    other = measurement("current", 1.0, "A")
    slot = after(started(), StepStarted(0, Phrase(text="No load")), Measured(LOW), Measured(other))
    shape = slot.shape
    after(Measured(GOOD), slot=slot)
    assert slot.step is not None
    assert slot.step.measurements == [GOOD, other]
    assert slot.shape == shape
    assert slot.outside == []


def test_every_event_counts_as_a_change() -> None:
    slot = new_slot()
    events: list[Event] = [
        started(),
        StepStarted(0, Phrase(text="No load")),
        Measured(LOW),
        asked(),
        Answered("y"),
    ]
    revisions = []
    for event in events:
        after(event, slot=slot)
        revisions.append(slot.revision)
    assert len(set(revisions)) == len(events)


@pytest.mark.parametrize(
    ("verdict", "marginal", "expected", "ending"),
    [
        (Verdict.PASS, False, Mood.PASS, "pass"),
        (Verdict.PASS, True, Mood.MARGINAL, "marginal"),
        (Verdict.FAIL, False, Mood.FAIL, "fail"),
        (Verdict.FAIL, True, Mood.FAIL, "fail"),
        (Verdict.ERROR, False, Mood.ERROR, "error"),
        (Verdict.ABORTED, False, Mood.ABORTED, "aborted"),
        (Verdict.INCOMPLETE, False, Mood.INCOMPLETE, "incomplete"),
    ],
)
def test_a_finished_run_says_its_verdict(
    verdict: Verdict, marginal: bool, expected: Mood, ending: str
) -> None:
    run = finished(verdict, bench_ready(), step("No load", verdict), made_safe(), marginal=marginal)
    slot = after(started(), run)
    assert slot.mood is expected
    assert slot.ending == ending
    assert not slot.running


def test_a_failed_run_names_what_was_outside() -> None:
    slot = after(
        started(), finished(Verdict.FAIL, step("Load", Verdict.FAIL, GOOD, LOW), made_safe())
    )
    assert slot.outside == [LOW]


def test_a_marginal_run_names_what_was_close() -> None:
    run = finished(Verdict.PASS, step("Load", Verdict.PASS, GOOD, NEAR), made_safe(), marginal=True)
    assert after(started(), run).near == [NEAR]


def test_an_error_gives_the_reason_of_the_step_that_broke() -> None:
    run = finished(
        Verdict.ERROR,
        bench_ready(),
        step("No load", Verdict.ERROR, reason="the meter is mute"),
        made_safe(),
    )
    assert after(started(), run).reason == Phrase(text="the meter is mute")


def test_a_bench_that_does_not_become_safe_dominates_everything() -> None:
    reason = "the device may still be powered: supply is mute"
    unsafe = made_safe(Verdict.ERROR, reason)
    slot = after(started(), StepStarted(0, Phrase(text="No load")), StepFinished(unsafe))
    assert mood(slot) is Mood.UNSAFE
    after(finished(Verdict.ERROR, bench_ready(), step(), unsafe), slot=slot)
    assert mood(slot) is Mood.UNSAFE
    assert slot.unsafe_reasons == [Phrase(text=reason)]
    after(started(), slot=slot)
    assert mood(slot) is Mood.RUNNING


def over(verdict: Verdict, *reached: str) -> RunFinished:
    """Return a run that has opened the instruments of these roles."""
    event = finished(verdict, bench_ready(), step("No load", verdict), made_safe())
    used = tuple(InstrumentUsed(role, "it8500", "", "", "", "", "") for role in reached)
    return RunFinished(msgspec.structs.replace(event.record, instruments=used))


def test_a_bench_that_was_not_safe_at_the_start_stays_so_until_a_run_has_reached_all_of_it() -> (
    None
):
    station = StationModel(SLOTS)
    trouble = {"load": "usb:1-1.2 is not plugged in", "supply": "mute"}
    station.apply(UnsafeNotice("Slot-1", trouble), 1.0)
    slot = station["Slot-1"]
    assert station.unsafe == [slot]
    assert mood(slot) is Mood.UNSAFE
    assert slot.unsafe_reasons == [
        Phrase("bench.driver_error", {"roles": role}, why) for role, why in trouble.items()
    ]
    after(started(), slot=slot)
    assert mood(slot) is Mood.RUNNING
    after(over(Verdict.PASS, "supply", "meter"), slot=slot)
    assert mood(slot) is Mood.UNSAFE, "that plan needs no load, and the load may be on"
    after(started(), over(Verdict.ERROR, "supply", "load"), slot=slot)
    assert mood(slot) is Mood.ERROR


def test_an_error_elsewhere_does_not_cry_danger() -> None:
    broken = bench_ready(Verdict.ERROR, "no such port /dev/ttyUSB7")
    slot = after(started(), finished(Verdict.ERROR, broken, made_safe()))
    assert mood(slot) is Mood.ERROR


def test_waiting_names_the_instrument_until_the_step_goes_on() -> None:
    slot = after(started(), StepStarted(0, Phrase(text="No load")), Waiting("analyser", "Slot-2"))
    assert mood(slot) is Mood.WAITING
    assert slot.waiting == Waiting("analyser", "Slot-2")
    after(Measured(GOOD), slot=slot)
    assert mood(slot) is Mood.RUNNING


def test_a_result_that_cannot_be_saved_is_told_until_it_is() -> None:
    slot = after(started(), NotSaved(Phrase(text="disk full")))
    assert mood(slot) is Mood.UNSAVED
    after(finished(Verdict.PASS, step(), made_safe()), slot=slot)
    assert mood(slot) is Mood.PASS


def test_each_question_is_told_from_the_one_before() -> None:
    slot = after(started(), asked())
    first = slot.question
    after(Answered("y"), slot=slot)
    assert slot.question is None
    after(asked(), slot=slot)
    assert first is not None
    assert slot.question is not None
    assert slot.question.number != first.number


def test_a_question_that_nobody_answered_ends_with_its_step() -> None:
    slot = after(started(), StepStarted(0, Phrase(text="No load")), asked(), StepFinished(step()))
    assert slot.question is None


def test_caps_lock_does_not_keep_anybody_from_answering() -> None:
    question = after(asked()).question
    assert question is not None
    assert question.key_for("Y", language()) == "y"
    assert question.key_for("y", language()) == "y"
    assert question.key_for("x", language()) is None


def test_a_language_may_have_another_key_for_an_answer_that_stays_the_same() -> None:
    question = after(asked()).question
    assert question is not None
    assert question.key_for("o", language("fr")) == "y"
    assert question.key_for("y", language("fr")) is None


def test_the_record_replaces_what_was_heard_on_the_way() -> None:
    slot = after(
        started("No load", "Load", "Overload"),
        StepFinished(bench_ready()),
        StepStarted(0, Phrase(text="No load")),
        Measured(LOW),
        finished(
            Verdict.FAIL,
            bench_ready(),
            step("No load", Verdict.FAIL, GOOD),
            step("Load", Verdict.NOT_TESTED),
            step("Overload", Verdict.NOT_TESTED),
            made_safe(),
        ),
    )
    assert titles(slot) == ["Bench ready", "No load", "Load", "Overload", "Make safe"]
    assert slot.steps[1].measurements == [GOOD]
    assert slot.steps[2].verdict is Verdict.NOT_TESTED
    assert not slot.steps[2].started


def test_the_steps_of_the_runner_are_not_counted_among_those_of_the_plan() -> None:
    slot = after(
        started("No load", "Load"),
        StepFinished(bench_ready()),
        StepStarted(0, Phrase(text="No load")),
        StepFinished(step("No load")),
        StepStarted(1, Phrase(text="Load")),
        StepFinished(step("Load")),
        StepFinished(made_safe()),
    )
    assert titles(slot) == ["Bench ready", "No load", "Load", "Make safe"]
    assert [planned.title.text for planned in slot.planned] == ["No load", "Load"]


def test_a_screen_attached_in_the_middle_of_a_run_shows_what_it_hears() -> None:
    slot = after(
        StepStarted(3, Phrase(text="Efficiency")), Measured(GOOD), StepFinished(step("Efficiency"))
    )
    assert slot.running
    assert "Efficiency" in titles(slot)


def test_keys_belong_to_their_step() -> None:
    slot = after(
        started(), StepStarted(0, Phrase(text="Every key")), keys_shown("ansi-104", (4,), (4,))
    )
    assert slot.shown is not None
    after(StepStarted(1, Phrase(text="Lamps")), slot=slot)
    assert slot.shown is None


def test_the_next_plan_comes_round_to_the_first() -> None:
    slot = new_slot()
    chosen = [slot.chosen_plan]
    for _ in range(2):
        slot.next_plan()
        chosen.append(slot.chosen_plan)
    assert chosen == ["full", "quick", "full"]


def test_notices_reach_their_slot_and_strangers_are_ignored() -> None:
    station = StationModel(SLOTS)
    station.apply(SlotNotice("Slot-2", started()), 1.0)
    station.apply(SlotNotice("Slot-9", started()), 1.0)
    station.apply(DeliveryNotice(connected=True, delivered=3, waiting=1), 1.0)
    station.apply(AutopilotNotice(running=True), 1.0)
    assert [slot.name for slot in station.running] == ["Slot-2"]
    assert station.delivery == DeliveryNotice(connected=True, delivered=3, waiting=1)
    assert station.autopilot is True


def test_tab_goes_to_the_question_that_has_waited_longest() -> None:
    station = StationModel(SLOTS)
    first, second, third = station.slots
    assert station.after(first) is second
    assert station.after(third) is first
    station.apply(SlotNotice("Slot-3", asked()), 1.0)
    station.apply(SlotNotice("Slot-2", asked()), 2.0)
    assert station.after(first) is third
    assert station.after(third) is second


def test_a_tag_starts_the_selected_slot_with_its_chosen_plan() -> None:
    station = StationModel(SLOTS)
    station.slots[1].next_plan()
    assert station.scan(" LT-1 ", station.slots[1]) == Start("Slot-2", "LT-1", "quick")


def test_a_tag_for_a_busy_slot_is_refused_and_the_free_ones_are_named() -> None:
    station = StationModel(SLOTS)
    station.apply(SlotNotice("Slot-1", started()), 1.0)
    answer = station.scan("LT-1", station.slots[0])
    assert answer == Refused(
        Phrase("screen.busy_some_free", {"tag": "LT-1", "slot": "Slot-1", "free": "Slot-2, Slot-3"})
    )


def test_a_slot_of_another_kind_or_in_danger_is_no_free_one() -> None:
    kinds = ("adapter", "adapter", "keyboard", "adapter")
    station = StationModel(tuple(SlotInfo(f"S{n}", kind, ("p",)) for n, kind in enumerate(kinds)))
    station.apply(SlotNotice("S0", started()), 1.0)
    station.apply(UnsafeNotice("S1", {"load": "mute"}), 1.0)
    answer = station.scan("LT-1", station.slots[0])
    assert answer == Refused(
        Phrase("screen.busy_some_free", {"tag": "LT-1", "slot": "S0", "free": "S3"})
    )


def test_a_tag_is_refused_when_every_slot_is_busy() -> None:
    station = StationModel(SLOTS[:1])
    station.apply(SlotNotice("Slot-1", started()), 1.0)
    assert station.scan("LT-1", station.slots[0]) == Refused(
        Phrase("screen.busy_none_free", {"tag": "LT-1", "slot": "Slot-1", "free": ""})
    )


@pytest.mark.parametrize("line", ["SLOT:Slot-3", "slot:slot-3", " SLOT: Slot-3 "])
def test_the_barcode_of_a_slot_selects_it_even_from_a_busy_one(line: str) -> None:
    station = StationModel(SLOTS)
    station.apply(SlotNotice("Slot-1", started()), 1.0)
    assert station.scan(line, station.slots[0]) == Select("Slot-3")


def test_the_barcode_of_no_slot_is_refused() -> None:
    station = StationModel(SLOTS)
    answer = station.scan("SLOT:9", station.slots[0])
    assert answer == Refused(
        Phrase("screen.unknown_slot", {"name": "9", "slots": "Slot-1, Slot-2, Slot-3"})
    )


EVENTS: list[Event] = [
    started("No load", "Load"),
    started("[red]", "[/]"),
    StepStarted(0, Phrase(text="No load")),
    StepStarted(1, Phrase(text="Load")),
    StepStarted(17, Phrase(text="Nowhere")),
    StepStarted(-1, Phrase()),
    Waiting("analyser", "Slot-2"),
    Waiting("", ""),
    Measured(LOW),
    Measured(GOOD),
    Measured(NEAR),
    Measured(measurement("name", "a\x1b[2Jb", "")),
    Measured(measurement("huge", 10**400, "")),
    Measured(measurement("odd", float("nan"), "V")),
    asked(),
    asked("", ()),
    NotSaved(Phrase(text="[disk] full")),
    Answered("y"),
    keys_shown("ansi-104", (4,), (4, 5), (6,)),
    keys_shown("no such board", (), (1,)),
    StepFinished(step("No load", Verdict.PASS, GOOD)),
    StepFinished(step("Load", Verdict.FAIL, LOW, reason="[bold]x[/bold]")),
    StepFinished(bench_ready()),
    StepFinished(made_safe(Verdict.ERROR, "mute")),
    finished(Verdict.FAIL, bench_ready(), step("No load", Verdict.FAIL, LOW), made_safe()),
    finished(Verdict.PASS, step("No load", Verdict.PASS, NEAR), made_safe(), marginal=True),
    finished(Verdict.ERROR, bench_ready(), made_safe(Verdict.ERROR, "mute")),
    finished(Verdict.ABORTED),
    finished(Verdict.INCOMPLETE, made_safe()),
]


@given(st.lists(st.sampled_from(EVENTS), max_size=30))
def test_no_order_of_events_breaks_the_model(events: list[Event]) -> None:
    slot = after(*events)
    assert isinstance(slot.mood, Mood)
    assert slot.record is None or language().has(f"verdict.{slot.ending}")
    assert (slot.mood is Mood.UNSAFE) == slot.unsafe


def test_the_conclusion_of_a_stopped_run_is_no_step_of_the_plan() -> None:
    stopped = step("Conclusion", Verdict.ABORTED, name="run.conclude")
    slot = after(started(), finished(Verdict.ABORTED, bench_ready(), step(), stopped, made_safe()))
    assert [one.title.text for one in slot.planned] == ["No load"]

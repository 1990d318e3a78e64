"""The keys' commands. The promises: no answer and no tag ever goes to a slot not looked at."""

import pytest

from records import Device, Phrase, Verdict
from records.words import text as said
from station.console import PluggedDevice, PluggedNotice, SlotInfo, SlotNotice
from station.engine.events import (
    Asked,
    Choice,
    Event,
    Identifying,
    Measured,
    NotStarted,
    Question,
    StepStarted,
)
from station.ui.controls import MESSAGE_S, QUIT_SURE_S, READ_S, Controls
from station.ui.slot import Mood
from tests.station.ui.fake_console import (
    FakeConsole,
    asked,
    finished,
    made_safe,
    measurement,
    started,
    step,
)

F1, F2, F3 = "f1", "f2", "f3"


class Operator:
    """Sits at a controls with a clock of its own."""

    def __init__(self, console: FakeConsole | None = None) -> None:
        self.console = console or FakeConsole(3)
        self.controls = Controls(self.console)
        self.now_s = 1000.0
        self.console.listen(lambda notice: self.controls.hear(notice, self.now_s))

    def happens(self, slot: str, *events: Event) -> None:
        self.console.happen(slot, *events)

    def wait(self, seconds: float) -> None:
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.now_s += 0.02
            self.controls.poll(self.now_s)
        self.controls.tick(self.now_s)

    def press(self, *keys: str, gap_s: float = 0.6) -> None:
        for key in keys:
            self.controls.press(key, key if len(key) == 1 else None, self.now_s)
            self.wait(gap_s)

    def scan(self, tag: str) -> None:
        for character in tag:
            self.controls.press(character, character, self.now_s)
            self.now_s += 0.005
        self.controls.press("enter", "\r", self.now_s)
        self.wait(1.0)

    @property
    def commands(self) -> list[tuple[str, ...]]:
        return self.console.commands

    def message(self, place: int = 0) -> str:
        return self.controls.model.slots[place].message


def test_a_scan_starts_the_selected_slot() -> None:
    operator = Operator()
    operator.press(F2)
    operator.scan("LT-00417")
    assert operator.commands == [("start", "Slot-2", "LT-00417", "laptop-adapter")]


def test_a_tag_typed_by_hand_starts_like_a_scanned_one() -> None:
    operator = Operator()
    operator.press(*"LT-1", "enter")
    assert operator.commands == [("start", "Slot-1", "LT-1", "laptop-adapter")]


def test_a_scan_that_ends_with_tab_starts_the_slot_it_began_in() -> None:
    operator = Operator()
    for character in "LT-1":
        operator.controls.press(character, character, operator.now_s)
    operator.press("tab")
    assert operator.commands == [("start", "Slot-1", "LT-1", "laptop-adapter")]
    assert operator.controls.selected.name == "Slot-1"


def test_a_refusal_is_shown_in_the_slot_and_goes_by_itself() -> None:
    operator = Operator()
    operator.console.refusal = Phrase(text="LT-1 is not a tag of ours.")
    operator.scan("LT-1")
    assert operator.message() == "LT-1 is not a tag of ours."
    operator.wait(MESSAGE_S)
    assert operator.message() == ""


def test_a_console_that_breaks_is_a_message_and_not_the_end() -> None:
    class Broken(FakeConsole):
        def start(self, slot: str, asset_tag: str, plan: str = "") -> None:
            raise OSError("disk full")

    operator = Operator(Broken(1))
    operator.scan("LT-1")
    assert operator.message() == said("screen.unexpected", error="OSError('disk full')")


def test_a_scan_into_a_busy_slot_is_refused_and_sent_nowhere() -> None:
    operator = Operator()
    operator.happens("Slot-1", started())
    operator.scan("LT-1")
    assert operator.commands == []
    assert operator.message() == "LT-1 not started: Slot-1 is busy. Free: Slot-2, Slot-3."


def test_scanning_the_barcode_of_a_slot_and_then_a_device_needs_no_keyboard() -> None:
    operator = Operator()
    operator.happens("Slot-1", started())
    operator.scan("SLOT:Slot-3")
    operator.scan("LT-1")
    assert operator.commands == [("start", "Slot-3", "LT-1", "laptop-adapter")]


def test_a_single_key_answers_the_question_of_the_selected_slot() -> None:
    operator = Operator()
    operator.happens("Slot-1", started(), asked())
    operator.wait(READ_S + 0.1)
    operator.press("y")
    assert operator.commands == [("answer", "Slot-1", "y")]


def test_the_answer_is_the_key_of_the_choice_even_with_caps_lock() -> None:
    operator = Operator()
    operator.happens("Slot-1", started(), asked())
    operator.wait(1.0)
    operator.press("N")
    assert operator.commands == [("answer", "Slot-1", "n")]


def test_a_scan_while_a_question_is_open_answers_nothing() -> None:
    operator = Operator()
    operator.happens("Slot-1", started(), asked())
    operator.wait(1.0)
    operator.scan("yny")
    assert operator.commands == []
    assert operator.message() == "yny not started: Slot-1 is busy. Free: Slot-2, Slot-3."


def test_a_key_never_answers_for_a_slot_that_is_not_selected() -> None:
    operator = Operator()
    operator.happens("Slot-2", started(), asked())
    operator.wait(1.0)
    operator.press("y")
    assert operator.commands == []
    assert operator.controls.reader.text == "y"


def test_a_key_pressed_before_the_question_could_be_read_is_dropped() -> None:
    operator = Operator()
    operator.happens("Slot-1", started(), asked())
    operator.wait(0.1)
    operator.press("y", gap_s=0.2)
    assert operator.commands == []
    assert operator.message() == said("screen.too_quick")
    operator.wait(0.6)
    operator.press("y")
    assert operator.commands == [("answer", "Slot-1", "y")]


def test_a_key_held_down_answers_once() -> None:
    operator = Operator()
    operator.happens("Slot-1", started(), asked())
    operator.wait(1.0)
    for _ in range(30):  # a slow repetition: each key is alone
        operator.press("y", gap_s=0.1)
        if operator.commands and operator.controls.model.slots[0].question is None:
            operator.happens("Slot-1", asked("And the next one?"))
    assert operator.commands == [("answer", "Slot-1", "y")]


def test_one_key_answers_once_however_slow_the_station_is() -> None:
    operator = Operator()
    operator.happens("Slot-1", started(), asked())
    operator.wait(1.0)
    operator.press("y", "n")
    assert operator.commands == [("answer", "Slot-1", "y")]


def test_a_question_that_went_away_takes_no_answer() -> None:
    operator = Operator()
    operator.happens("Slot-1", started(), asked("First?"))
    operator.wait(1.0)
    operator.press("y", gap_s=0.04)
    operator.happens("Slot-1", asked("Second?"))
    operator.wait(1.0)
    assert operator.commands == []


def test_an_answer_goes_to_the_slot_that_was_selected_when_its_key_was_pressed() -> None:
    operator = Operator()
    for slot in ("Slot-1", "Slot-2"):
        operator.happens(slot, started(), asked())
    operator.wait(1.0)
    operator.press("y", gap_s=0.02)
    operator.press(F2)
    assert operator.commands == [("answer", "Slot-1", "y")]


def test_a_question_not_yet_seen_because_another_slot_was_enlarged_waits_for_its_reader() -> None:
    operator = Operator()
    operator.press("enter")
    operator.happens("Slot-2", started(), asked())
    operator.wait(5.0)
    operator.press(F2, gap_s=0.1)
    operator.press("y")
    assert operator.commands == []
    operator.wait(1.0)
    operator.press("n")
    assert operator.commands == [("answer", "Slot-2", "n")]


def test_a_refused_answer_is_asked_again() -> None:
    operator = Operator()
    operator.happens("Slot-1", started(), asked())
    operator.wait(1.0)
    operator.console.refusal = Phrase(text="Nothing is being asked.")
    operator.press("y")
    assert operator.message() == "Nothing is being asked."
    assert operator.controls.selected.question is not None


def test_a_key_that_is_no_choice_is_text() -> None:
    operator = Operator()
    operator.happens("Slot-1", started(), asked(choices=(Choice("y", "Yes"), Choice("n", "No"))))
    operator.wait(1.0)
    operator.press("q", "y")
    assert operator.commands == []
    assert operator.controls.reader.text == "qy"
    operator.press("escape", "y")
    assert operator.commands == [("answer", "Slot-1", "y")]


def test_f10_stops_the_selected_run_at_once_and_no_other() -> None:
    operator = Operator()
    operator.happens("Slot-1", started())
    operator.happens("Slot-2", started())
    operator.press(F2, "f10", gap_s=0.02)
    assert operator.commands == [("stop", "Slot-2")]
    assert operator.controls.selected.stopping
    assert not operator.controls.model.slots[0].stopping


def test_stopping_an_idle_slot_says_so_and_asks_the_station_all_the_same() -> None:
    operator = Operator()
    operator.press("f10")
    assert operator.commands == [("stop", "Slot-1")]
    assert operator.message() == "Nothing runs in Slot-1."


def test_f9_chooses_the_plan_of_the_next_run() -> None:
    operator = Operator()
    operator.press("f9")
    operator.scan("LT-1")
    assert operator.commands == [("start", "Slot-1", "LT-1", "laptop-adapter-quick")]


def test_the_plan_of_a_running_test_is_not_changed() -> None:
    operator = Operator()
    operator.happens("Slot-1", started())
    operator.press("f9")
    assert operator.message() == said("screen.plan_when_free", slot="Slot-1")


def test_a_slot_with_one_plan_says_so() -> None:
    operator = Operator(FakeConsole((SlotInfo("A", "adapter", ("only",)),)))
    operator.press("f9")
    assert operator.message() == said("screen.one_plan", slot="A")


def test_f_keys_beyond_the_last_slot_do_nothing() -> None:
    operator = Operator()
    operator.press(F3, "f8")
    assert operator.controls.selected.name == "Slot-3"


def test_tab_visits_questions_first() -> None:
    operator = Operator()
    operator.happens("Slot-3", started(), asked())
    operator.press("tab")
    assert operator.controls.selected.name == "Slot-3"


def test_enter_on_the_empty_line_enlarges_and_shrinks() -> None:
    operator = Operator()
    operator.press("enter")
    assert operator.controls.enlarged
    operator.press("enter")
    assert not operator.controls.enlarged
    operator.press("enter", "escape")
    assert not operator.controls.enlarged


def test_escape_clears_the_line_before_anything_else() -> None:
    operator = Operator()
    operator.press("enter", *"LT", "escape")
    assert operator.controls.enlarged
    assert operator.controls.reader.text == ""


def test_ctrl_q_quits_an_idle_station_at_once() -> None:
    operator = Operator()
    operator.press("ctrl+q")
    assert operator.controls.quit_wanted


def test_ctrl_q_asks_first_while_something_runs() -> None:
    operator = Operator()
    operator.happens("Slot-1", started())
    operator.happens("Slot-3", started())
    operator.press("ctrl+q", gap_s=1.0)
    assert operator.controls.quit_asked
    assert not operator.controls.quit_wanted
    operator.press("ctrl+q")
    assert operator.commands == [("stop", "Slot-1"), ("stop", "Slot-3")]
    assert not operator.controls.quit_wanted
    operator.happens("Slot-1", finished(Verdict.ABORTED, made_safe()))
    operator.wait(1.0)
    assert not operator.controls.quit_wanted
    operator.happens("Slot-3", finished(Verdict.ABORTED, made_safe()))
    operator.wait(1.0)
    assert operator.controls.quit_wanted


def test_quitting_waits_no_longer_than_the_operator() -> None:
    operator = Operator()
    operator.happens("Slot-1", started())
    operator.press("ctrl+q", "ctrl+q", gap_s=1.0)
    assert not operator.controls.quit_wanted
    operator.press("ctrl+q")
    assert operator.controls.quit_wanted


def test_quitting_stays_when_a_device_may_still_be_under_power() -> None:
    operator = Operator()
    operator.happens("Slot-1", started())
    operator.press("ctrl+q", "ctrl+q", gap_s=1.0)
    operator.happens("Slot-1", finished(Verdict.ERROR, made_safe(Verdict.ERROR, "mute")))
    operator.wait(1.0)
    assert not operator.controls.quit_wanted
    operator.press("ctrl+q")
    assert operator.controls.quit_wanted


def test_escape_keeps_the_screen_although_everything_was_stopped() -> None:
    operator = Operator()
    operator.happens("Slot-1", started())
    operator.press("ctrl+q", "ctrl+q", "escape", gap_s=1.0)
    operator.happens("Slot-1", finished(Verdict.ABORTED, made_safe()))
    operator.wait(1.0)
    assert not operator.controls.quit_wanted


def test_ctrl_q_leaves_a_demonstration_at_once() -> None:
    console = FakeConsole(2, simulated=True)
    console.autopilot = True
    operator = Operator(console)
    operator.happens("Slot-1", started())
    operator.press("ctrl+q")
    assert operator.controls.quit_wanted


def test_a_device_scanned_while_quitting_keeps_the_screen() -> None:
    operator = Operator()
    operator.happens("Slot-1", started())
    operator.press("ctrl+q", "ctrl+q", "f2", gap_s=1.0)
    operator.scan("LT-1")
    operator.happens("Slot-1", finished(Verdict.ABORTED, made_safe()))
    operator.wait(1.0)
    assert not operator.controls.quit_wanted


def test_ctrl_q_held_down_does_not_quit() -> None:
    operator = Operator()
    operator.happens("Slot-1", started())
    for _ in range(40):
        operator.press("ctrl+q", gap_s=0.1)
    assert not operator.controls.quit_wanted
    assert operator.commands == []


@pytest.mark.parametrize("key", ["escape", F2, "x"])
def test_any_other_key_takes_the_wish_to_quit_back(key: str) -> None:
    operator = Operator()
    operator.happens("Slot-1", started())
    operator.press("ctrl+q", key, gap_s=1.0)
    assert not operator.controls.quit_asked


def test_the_wish_to_quit_is_forgotten_after_a_while() -> None:
    operator = Operator()
    operator.happens("Slot-1", started())
    operator.press("ctrl+q", gap_s=QUIT_SURE_S + 1.0)
    assert not operator.controls.quit_asked


def test_a_scan_never_quits_nor_stops() -> None:
    operator = Operator()
    operator.happens("Slot-1", started())
    operator.press("ctrl+q", gap_s=1.0)
    operator.scan("LT-1")
    assert operator.commands == []
    assert not operator.controls.quit_wanted


def test_ctrl_t_takes_over_a_demonstration() -> None:
    console = FakeConsole(2, simulated=True)
    console.autopilot = True
    operator = Operator(console)
    assert operator.controls.offers_take_over
    operator.press("ctrl+t")
    assert operator.commands == [("take_over",)]
    assert not operator.controls.offers_take_over
    assert operator.now_s < operator.controls.hint_until_s


def test_ctrl_t_has_nothing_to_take_over_on_a_real_station() -> None:
    operator = Operator()
    operator.press("ctrl+t")
    assert operator.commands == []
    assert operator.message() == said("screen.no_take_over")


def test_a_question_rings_once_and_a_demonstration_is_silent() -> None:
    operator = Operator()
    operator.happens("Slot-1", started(), asked())
    operator.controls.tick(operator.now_s)
    assert operator.controls.bell
    operator.controls.bell = False
    operator.controls.tick(operator.now_s)
    assert not operator.controls.bell
    console = FakeConsole(2, simulated=True)
    console.autopilot = True
    operator = Operator(console)
    operator.happens("Slot-1", started(), asked())
    operator.controls.tick(operator.now_s)
    assert not operator.controls.bell


def test_danger_rings_even_in_a_demonstration() -> None:
    console = FakeConsole(2, simulated=True)
    console.autopilot = True
    operator = Operator(console)
    unsafe = made_safe(Verdict.ERROR, "mute")
    operator.happens("Slot-1", started(), finished(Verdict.ERROR, step(), unsafe))
    operator.controls.tick(operator.now_s)
    assert operator.controls.bell


def test_scrolling_stops_following_and_end_follows_again() -> None:
    operator = Operator()
    values = [Measured(measurement(f"v{n}", 1.0)) for n in range(50)]
    operator.happens("Slot-1", started(), StepStarted(0, Phrase(text="No load")), *values)
    operator.press("enter", "pageup")
    assert not operator.controls.follow
    operator.press("end")
    assert operator.controls.follow


def test_a_station_without_slots_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="slot"):
        Controls(FakeConsole(()))


def test_a_notice_for_a_slot_that_is_not_here_is_ignored() -> None:
    operator = Operator()
    operator.controls.hear(SlotNotice("Slot-77", asked()), 0.0)
    assert all(slot.question is None for slot in operator.controls.model.slots)


# What is plugged in

KEYBOARD = PluggedDevice("046a:0011", "Cherry", "G80-3000", "KB-77")


def plugged(slot: str = "Slot-1", tag: str = "KB-77") -> PluggedNotice:
    return PluggedNotice(slot, KEYBOARD, offered=True, suggested_tag=tag)


def test_a_serial_number_is_a_suggestion_that_enter_takes() -> None:
    operator = Operator()
    operator.console.tell(plugged())
    operator.press("ctrl+s")
    assert operator.controls.reader.text == "KB-77"
    assert operator.commands == []
    operator.press("enter")
    assert operator.commands == [("start", "Slot-1", "KB-77", "laptop-adapter")]


@pytest.mark.parametrize("wait_s", [0.0, 0.5, 5.0])
def test_a_scan_goes_before_a_suggestion_and_nothing_of_it_stays(wait_s: float) -> None:
    operator = Operator()
    operator.console.tell(plugged())
    operator.press("ctrl+s", gap_s=wait_s)
    operator.scan("LT-00417")
    assert operator.commands == [("start", "Slot-1", "LT-00417", "laptop-adapter")]


def test_what_is_pasted_goes_before_a_suggestion() -> None:
    operator = Operator()
    operator.console.tell(plugged())
    operator.press("ctrl+s")
    operator.controls.paste("LT-00417", operator.now_s)
    operator.press("enter")
    assert operator.commands == [("start", "Slot-1", "LT-00417", "laptop-adapter")]


def test_a_suggestion_can_be_corrected_and_pressed_twice() -> None:
    operator = Operator()
    operator.console.tell(plugged())
    operator.press("ctrl+s", "ctrl+s", "backspace", "8", "enter")
    assert operator.commands == [("start", "Slot-1", "KB-78", "laptop-adapter")]


@pytest.mark.parametrize("key", [F2, "tab"])
def test_a_suggestion_never_follows_to_another_slot(key: str) -> None:
    operator = Operator()
    operator.console.tell(plugged())
    operator.press("ctrl+s", key, "enter")
    assert operator.controls.selected.name == "Slot-2"
    assert operator.controls.reader.text == ""
    assert operator.commands == []


def test_a_suggestion_goes_with_its_device() -> None:
    operator = Operator()
    operator.console.tell(plugged())
    operator.press("ctrl+s")
    operator.console.tell(PluggedNotice("Slot-2"))
    assert operator.controls.reader.text == "KB-77"
    operator.console.tell(PluggedNotice("Slot-1"))
    assert operator.controls.reader.text == ""


def test_what_was_typed_stays_when_something_is_plugged_in() -> None:
    operator = Operator()
    operator.press("K", "B")
    operator.console.tell(plugged())
    assert operator.controls.reader.text == "KB"


def test_without_a_number_there_is_nothing_to_suggest() -> None:
    operator = Operator()
    operator.console.tell(plugged(tag=""))
    operator.press("ctrl+s")
    assert operator.controls.reader.text == ""
    assert operator.message() == said("screen.no_serial", slot="Slot-1")
    operator.console.tell(plugged())
    operator.happens("Slot-1", started())
    operator.press("ctrl+s")
    assert operator.message() == "Slot-1 is testing."


# A line that is asked for


LABEL = Phrase("identify.number", {"rating": "a.output_v", "unit": "V"})


def asks_a_line(operator: Operator, slot: str = "Slot-1") -> None:
    device = Device(asset_tag="A-1", kind="adapter")
    operator.happens(slot, Identifying(device), Asked(Question(LABEL, ())))
    operator.wait(READ_S + 0.1)


@pytest.mark.parametrize("line", ["19,5", "y", "?", "Delta ADP-65JH"])
def test_a_line_that_is_asked_for_answers_with_enter(line: str) -> None:
    operator = Operator()
    asks_a_line(operator)
    operator.press(*line)
    assert operator.commands == []
    operator.press("enter")
    assert operator.commands == [("answer", "Slot-1", line)]
    assert operator.controls.model["Slot-1"].question is None


def test_a_scanned_code_answers_too() -> None:
    operator = Operator()
    asks_a_line(operator)
    operator.scan("model=ADP;output_v=19.5")
    assert operator.commands == [("answer", "Slot-1", "model=ADP;output_v=19.5")]


def test_a_line_goes_to_the_slot_that_is_selected_and_to_no_other() -> None:
    operator = Operator()
    asks_a_line(operator, "Slot-2")
    operator.scan("A-7")
    assert operator.commands == [("start", "Slot-1", "A-7", "laptop-adapter")]
    operator.press(F2)
    operator.scan("19.5")
    assert operator.commands[1:] == [("answer", "Slot-2", "19.5")]


def test_a_line_that_was_typed_before_its_question_answers_nothing() -> None:
    operator = Operator()
    operator.press(*"A-7")
    device = Device(asset_tag="A-1", kind="adapter")
    operator.happens("Slot-1", Identifying(device), Asked(Question(LABEL, ())))
    operator.press("enter")
    assert operator.commands == []
    assert operator.message() == said("screen.too_quick")


def test_a_line_that_is_refused_can_be_typed_again() -> None:
    operator = Operator()
    asks_a_line(operator)
    operator.console.refusal = Phrase("refused.nothing_asked", {"slot": "Slot-1"})
    operator.scan("x")
    assert operator.controls.model["Slot-1"].question is not None


def test_no_run_comes_of_an_identification_that_was_stopped() -> None:
    operator = Operator()
    asks_a_line(operator)
    slot = operator.controls.model["Slot-1"]
    assert (slot.mood, slot.running) == (Mood.ASKING, True)
    operator.happens("Slot-1", NotStarted(Phrase("identify.nothing_possible")))
    assert (slot.mood, slot.running, slot.question) == (Mood.READY, False, None)
    assert slot.why_not == Phrase("identify.nothing_possible")
    operator.scan("A-2")
    assert operator.commands == [("start", "Slot-1", "A-2", "laptop-adapter")]

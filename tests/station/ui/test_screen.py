"""The painted screen, line by line, without a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from records import Device, Phrase, Verdict
from records.verdicts import OF_A_RUN
from records.words import language
from station.console import (
    AutopilotNotice,
    BeforeNotice,
    DeliveryNotice,
    Earlier,
    PluggedDevice,
    PluggedNotice,
    SlotInfo,
    TodayNotice,
    UnsafeNotice,
)
from station.engine.events import (
    Asked,
    Choice,
    Event,
    Identifying,
    Measured,
    NotSaved,
    NotStarted,
    Question,
    Shown,
    StepFinished,
    StepStarted,
    Waiting,
)
from station.engine.prompts import DIGITS
from station.steps.keyboard.fingers import CANNOT, DONE
from station.ui.controls import Controls
from station.ui.look import CONSOLE_SIGNS, SIGNS
from station.ui.screen import ScreenPainter, grid
from tests.station.ui.fake_console import (
    MIDNIGHT,
    FakeConsole,
    asked,
    bench_ready,
    finished,
    keys_shown,
    made_safe,
    measurement,
    started,
    step,
)
from tests.station.ui.test_model import EVENTS

SMALL, LARGE = (80, 24), (120, 40)
SIZES = [SMALL, LARGE]
LOW = measurement("output_voltage", 17.9, low=18.5, high=20.5)
GOOD = measurement("output_voltage", 19.5, low=18.5, high=20.5)


says = language().text
"""A sentence of the catalogue in English, by its id."""


class Sight:
    """A controls with an operator looking at it."""

    def __init__(
        self,
        console: FakeConsole | None = None,
        size: tuple[int, int] = SMALL,
        *,
        console_font: bool = False,
    ) -> None:
        self.console = console or FakeConsole(4)
        self.size = size
        self.controls = Controls(self.console)
        self.now_s = 1000.0
        self.console.listen(lambda notice: self.controls.hear(notice, self.now_s))
        self._painter = ScreenPainter(self.controls, CONSOLE_SIGNS if console_font else SIGNS)

    def happens(self, slot: str, *events: Event) -> None:
        self.console.happen(slot, *events)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.now_s += 1.0
            self.controls.press(key, key if len(key) == 1 else None, self.now_s)

    def lines(self) -> list[str]:
        strips = self._painter.paint(*self.size, self.now_s, "12:34")
        return [strip.text for strip in strips]

    def text(self) -> str:
        return "\n".join(self.lines())

    def words(self) -> str:
        """Return everything on the screen with single spaces: for texts that may be wrapped."""
        return " ".join(self.text().split())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("slots", [1, 2, 3, 4, 5, 8])
def test_every_slot_has_a_tile_of_its_own(slots: int, size: tuple[int, int]) -> None:
    sight = Sight(FakeConsole(slots), size)
    shown = sight.text()
    for number in range(1, slots + 1):
        assert f"F{number} Slot-{number}" in shown
    assert len(sight.lines()) == size[1]


def test_four_slots_are_two_by_two_on_a_small_terminal() -> None:
    assert [(tile.width, tile.height) for tile in grid(4, 80, 18)] == [(40, 9)] * 4


@given(st.integers(1, 8), st.integers(1, 250), st.integers(1, 80))
def test_tiles_never_overlap_nor_leave_the_screen(count: int, width: int, height: int) -> None:
    seen: set[tuple[int, int]] = set()
    for tile in grid(count, width, height):
        cells = {
            (x, y)
            for x in range(tile.x, tile.x + tile.width)
            for y in range(tile.y, tile.y + tile.height)
        }
        assert not cells & seen
        assert all(x < width and y < height for x, y in cells)
        seen |= cells


@pytest.mark.parametrize("size", SIZES)
def test_a_running_slot_shows_device_step_and_values_with_limits(size: tuple[int, int]) -> None:
    sight = Sight(size=size)
    sight.happens(
        "Slot-1", started("No load", "Load points"), StepStarted(1, Phrase(text="Load points"))
    )
    sight.happens("Slot-1", Measured(GOOD), Measured(measurement("current", 2.5, "A", high=2.0)))
    shown = sight.text()
    assert "LT-00417" in shown
    assert "HP PPP009C" in shown
    assert "Step 2 of 2  Load points" in shown
    assert "1 outside limits" in shown
    row = next(row for row in sight.lines() if "output voltage" in row)
    assert "19.5 V 18.5 … 20.5 ✓" in row
    row = next(row for row in sight.lines() if "current" in row)
    assert "2.5 A ≤ 2" in row
    assert "✗" in row


def test_the_last_values_are_those_that_are_seen() -> None:
    sight = Sight()
    values = [Measured(measurement(f"value_{n}", float(n))) for n in range(40)]
    sight.happens("Slot-1", started(), StepStarted(0, Phrase(text="No load")), *values)
    assert "value 39" in sight.text()
    assert "value 3 " not in sight.text()


LARGE_WORDS = {
    "FAIL": "████████    ████    ██████  ██    ",
    "ERROR": "████ ███  ███   ██  ███",
    "ABORTED": " ██  ███   ██  ███  █████ ████ ███ ",
    "PASS": "██████      ████      ██████    ██████",
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.FAIL, Verdict.ERROR, Verdict.ABORTED])
def test_a_verdict_is_written_large(verdict: Verdict, size: tuple[int, int]) -> None:
    sight = Sight(size=size)
    sight.happens("Slot-2", started(), finished(verdict, step("Load", verdict, LOW), made_safe()))
    blocks = [row for row in sight.lines()[2:20] if row.count("█") >= 6]
    assert len(blocks) >= 5
    if size == SMALL:
        assert LARGE_WORDS[verdict.name] in sight.text()


def test_a_failure_shows_what_was_outside() -> None:
    sight = Sight()
    sight.happens("Slot-1", started(), finished(Verdict.FAIL, step("L", Verdict.FAIL, LOW)))
    assert "Output voltage 17.9 V, 18.5 V to" in sight.text()
    assert " 20.5 V allowed " in sight.text()
    assert says("next.fail") in sight.words()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("slots", [1, 4, 8])
def test_an_error_says_that_the_bench_is_at_fault(slots: int, size: tuple[int, int]) -> None:
    sight = Sight(FakeConsole(slots), size)
    broken = step("Load", Verdict.ERROR, reason="meter gave no answer")
    sight.happens("Slot-1", started(), finished(Verdict.ERROR, broken, made_safe()))
    assert says("screen.bench_fault").split()[0] in sight.words()
    assert says("screen.bench_fault").split()[-1] in sight.words()
    if slots < 8:
        assert "meter gave no answer" in sight.words()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("slots", [1, 4, 8])
@pytest.mark.parametrize("enlarged", [False, True])
def test_a_device_that_may_be_under_power_is_told_everywhere(
    slots: int, size: tuple[int, int], enlarged: bool
) -> None:
    sight = Sight(FakeConsole(slots), size)
    unsafe = made_safe(Verdict.ERROR, "supply is mute")
    sight.happens("Slot-1", started(), finished(Verdict.ERROR, step(), unsafe))
    sight.controls.enlarged = enlarged
    assert says("screen.unsafe_banner", slots="Slot-1") in sight.text()
    assert says("screen.still_powered")[:19] in "".join(sight.lines()[2:])


def test_the_danger_of_one_slot_stays_in_view_while_another_is_enlarged() -> None:
    sight = Sight()
    unsafe = made_safe(Verdict.ERROR, "supply is mute")
    sight.happens("Slot-3", started(), finished(Verdict.ERROR, step(), unsafe))
    sight.press("enter")
    assert "Slot-3: MAY STILL BE POWERED" in sight.text()
    assert "F3 Slot-3 DANGER" in sight.text()


def test_waiting_for_a_shared_instrument_is_said_once_it_takes_long() -> None:
    sight = Sight()
    sight.happens(
        "Slot-1", started(), StepStarted(0, Phrase(text="No load")), Waiting("analyser", "Slot-3")
    )
    assert "WAITING" not in sight.text()
    sight.now_s += 2.0
    assert "WAITING FOR analyser" in sight.text()
    assert "held by Slot-3" in sight.text()
    sight.press("enter")
    assert "WAITING FOR analyser" in sight.text()
    assert "held by Slot-3" in sight.text()


@pytest.mark.parametrize("size", SIZES)
def test_a_question_is_in_its_slot_and_for_the_selected_one_at_the_bottom(
    size: tuple[int, int],
) -> None:
    sight = Sight(size=size)
    sight.happens("Slot-1", started(), asked("How many pixels are bright?", DIGITS))
    sight.happens("Slot-2", started(), asked("Is the lamp lit?"))
    shown = sight.lines()
    tiles, bottom = "\n".join(shown[:-6]), " ".join("\n".join(shown[-6:]).split())
    assert "[9] 9 or more" in tiles
    assert "[y] Yes  [n] No" in tiles
    assert "F2 selects this question" in tiles
    assert "F1 selects this question" not in tiles
    assert "Slot-1 asks: How many pixels are bright?" in bottom
    assert "[0] [1] [2]" in bottom
    assert "Slot-2 asks" not in bottom
    assert "Also asking: Slot-2 (Tab)" in bottom


def test_a_long_question_keeps_its_choices_in_sight() -> None:
    sight = Sight()
    sight.happens("Slot-1", started(), asked("Look at the screen from the side. " * 20))
    assert sight.text().count("[y] Yes  [n] No") == 2
    assert "F1 Slot-1" in sight.text()
    assert "F4 Slot-4" in sight.text()


def test_a_space_bar_answer_is_named() -> None:
    sight = Sight()
    sight.happens("Slot-1", started(), asked("Ready?", (Choice(" ", "Go on"),)))
    assert "[Space] Go on" in sight.text()


def test_a_forgotten_line_in_front_of_a_question_is_explained() -> None:
    sight = Sight()
    sight.press("L")
    sight.happens("Slot-1", started(), asked())
    assert says("screen.clear_to_answer") in sight.text()


def test_the_input_line_says_where_a_tag_would_go() -> None:
    sight = Sight()
    sight.press("f2", "L", "T", "-")
    assert "Slot-2 > LT-█" in sight.text()


@pytest.mark.parametrize("size", SIZES)
def test_the_header_tells_of_station_delivery_and_time(size: tuple[int, int]) -> None:
    sight = Sight(size=size)
    sight.console.tell(DeliveryNotice(connected=True, delivered=12, waiting=3, rejected=1))
    header = sight.lines()[0]
    assert "bench-7" in header
    assert "connected" in header
    assert "delivered 12 · waiting 3 · rejected 1" in header
    assert "12:34" in header
    assert "SIMULATED" not in header


@pytest.mark.parametrize("size", SIZES)
def test_a_trouble_of_the_disk_is_told_below_the_header(size: tuple[int, int]) -> None:
    sight = Sight(size=size)
    told = "Disk full: 7"
    trouble = Phrase("outbox.disk_full", {"free_mib": 7, "least_mib": 64.0, "folder": "/var"})
    sight.console.tell(DeliveryNotice(connected=False, delivered=1, waiting=2, troubles=(trouble,)))
    assert told in sight.lines()[1]


@pytest.mark.parametrize("size", SIZES)
def test_without_a_connection_the_screen_is_calm_about_it(size: tuple[int, int]) -> None:
    sight = Sight(FakeConsole(4, connected=False, simulated=True), size)
    assert "not connected" in sight.lines()[0]
    assert "SIMULATED" in sight.lines()[0]
    assert says("screen.kept_here") in sight.lines()[1]


def test_a_verdict_on_a_simulated_rig_says_so_in_its_slot() -> None:
    sight = Sight(FakeConsole(2, simulated=True))
    sight.happens("Slot-2", started(), finished(Verdict.PASS, step(), made_safe()))
    title = next(row for row in sight.lines()[1:] if "F2 Slot-2" in row)
    assert "SIMULATED" in title


@pytest.mark.parametrize("size", SIZES)
def test_a_demonstration_says_how_to_take_over_and_then_what_to_do(size: tuple[int, int]) -> None:
    console = FakeConsole(4, simulated=True)
    console.autopilot = True
    sight = Sight(console, size)
    assert says("screen.autopilot") in sight.lines()[1]
    assert "Ctrl+T" in sight.lines()[-1]
    sight.press("ctrl+t")
    assert says("screen.taken_over") in sight.lines()[1]
    assert "Ctrl+T" not in sight.lines()[-1]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("slots", [1, 8])
@pytest.mark.parametrize("enlarged", [False, True])
@pytest.mark.parametrize("autopilot", [False, True])
def test_the_footer_always_has_room_for_stop_and_quit(
    slots: int, size: tuple[int, int], enlarged: bool, autopilot: bool
) -> None:
    console = FakeConsole(slots, simulated=True)
    console.autopilot = autopilot
    sight = Sight(console, size)
    sight.controls.enlarged = enlarged
    footer = sight.lines()[-1]
    assert "F10  STOP" in footer
    assert "Ctrl+Q  quit" in footer
    assert ("Ctrl+T  take over" in footer) == autopilot


def test_where_the_records_can_be_looked_at_is_told() -> None:
    sight = Sight(FakeConsole(2, simulated=True))
    sight.console.tell(AutopilotNotice(running=True, page="http://127.0.0.1:8123/"))
    assert "Records: http://127.0.0.1:8123/" in sight.text()


def test_a_result_that_cannot_be_saved_is_told_in_its_slot() -> None:
    sight = Sight()
    sight.happens("Slot-1", started(), NotSaved(Phrase(text="no space left on device")))
    assert says("screen.not_saved").partition(".")[0] in sight.text()
    sight.press("enter")
    assert "no space left on device" in sight.words()


@pytest.mark.parametrize("size", SIZES)
def test_an_enlarged_slot_lists_every_step_and_measurement(size: tuple[int, int]) -> None:
    sight = Sight(size=size)
    sight.happens(
        "Slot-1",
        started("No load", "Load", "Overload"),
        finished(
            Verdict.FAIL,
            bench_ready(),
            step("No load", Verdict.PASS, GOOD, clause="IEC 62368-1"),
            step("Load", Verdict.FAIL, LOW, reason="sagged"),
            step("Overload", Verdict.NOT_TESTED, reason="the run ended before this test"),
            made_safe(),
        ),
    )
    sight.press("enter")
    shown = sight.words()
    assert "output voltage 19.5 V 18.5 … 20.5 ✓" in shown
    assert "output voltage 17.9 V 18.5 … 20.5 ✗" in shown
    assert "No load pass IEC 62368-1" in shown
    assert "sagged" in shown
    assert "Overload not tested" in shown
    assert "Make safe pass" in shown
    assert "F2 Slot-2 ready" in shown


def test_the_list_follows_the_run_until_somebody_scrolls() -> None:
    sight = Sight()
    sight.press("enter")
    sight.happens("Slot-1", started("Soak"), StepStarted(0, Phrase(text="Soak")))
    for number in range(60):
        sight.happens("Slot-1", Measured(measurement(f"value_{number}", 1.0)))
    assert "value 59" in sight.text()
    sight.press("home")
    assert "value 1 " in listed(sight)
    sight.happens("Slot-1", Measured(measurement("value_60", 1.0)))
    assert "value 60" not in listed(sight)
    sight.press("pagedown")
    assert "value 12" in listed(sight)
    sight.press("end")
    assert "value 60" in listed(sight)


def listed(sight: Sight) -> str:
    """Return the list below the head of the enlarged slot."""
    return "\n".join(sight.lines()[7:])


def test_a_list_of_live_values_shows_the_newest() -> None:
    sight = Sight()
    sight.press("enter")
    sight.happens("Slot-1", started("Soak"), StepStarted(0, Phrase(text="Soak")), Measured(GOOD))
    before = sight.lines()
    sight.happens("Slot-1", Measured(measurement("output_voltage", 18.25, low=18.5, high=20.5)))
    after = sight.lines()
    assert "18.25 V" in "\n".join(after)
    assert before != after
    sight.happens("Slot-1", StepFinished(step("Soak", Verdict.FAIL, LOW)))
    assert "17.9 V" in sight.text()
    assert "18.25 V" not in sight.text()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("slots", [1, 4])
def test_a_keyboard_under_test_is_drawn(slots: int, size: tuple[int, int]) -> None:
    sight = Sight(FakeConsole(slots), size)
    keyboard = Device(asset_tag="KB-1", kind="keyboard", maker="Cherry", model="G80")
    sight.happens(
        "Slot-1", started("Every key", device=keyboard), StepStarted(0, Phrase(text="Every key"))
    )
    sight.happens("Slot-1", keys_shown("ansi-104", (0x14,), (0x14, 0x1A)))
    assert "2 of 104 keys seen" in sight.text()
    assert any({"I", "O", "P"} <= set(row) for row in sight.lines()[2:14])
    sight.press("enter")
    assert "2 of 104 keys seen" in sight.text()


def test_a_picture_that_nobody_drew_leaves_its_room_to_the_values() -> None:
    sight = Sight()
    sight.happens("Slot-1", started(), StepStarted(0, Phrase(text="No load")), Measured(LOW))
    before = sight.text()
    assert "17.9 V" in before
    sight.happens("Slot-1", Shown("no_such_picture", {"level": 7}))
    assert sight.text() == before


def test_a_message_is_in_its_slot_and_at_the_bottom() -> None:
    sight = Sight()
    sight.console.refusal = Phrase(text="LT-1 is being tested in Slot-2 already")
    sight.press("L", "enter")
    tile, bottom = sight.lines()[2:11], sight.lines()[-4:]
    assert "LT-1 is being tested in Slot-2" in "\n".join(tile)
    assert "LT-1 is being tested in Slot-2 already" in "\n".join(bottom)


def test_the_wish_to_quit_names_what_runs() -> None:
    sight = Sight(FakeConsole(8))
    for number in range(1, 9):
        sight.happens(f"Slot-{number}", started())
    sight.press("ctrl+q")
    names = ", ".join(f"Slot-{number}" for number in range(1, 9))
    assert says("screen.quit_running", slots=names) in sight.words()


@pytest.mark.parametrize("tag", ["[red]", "[/]", "[link=x]y[/link]", "{0}", "%s", "$tag", "\\"])
@pytest.mark.parametrize("enlarged", [False, True])
def test_markup_in_a_tag_is_shown_as_it_is(tag: str, enlarged: bool) -> None:
    sight = Sight()
    sight.controls.enlarged = enlarged
    device = Device(asset_tag=tag, kind=tag, maker=tag, model=tag)
    sight.happens("Slot-1", started(tag, device=device, plan=tag), StepStarted(0, Phrase(text=tag)))
    sight.happens("Slot-1", Measured(measurement(tag, tag, tag)), asked(tag))
    assert f"F1 Slot-1  {tag}" in sight.text()
    assert f"Slot-1 asks: {tag}" in sight.text()
    broken = step(tag, Verdict.ERROR, reason=tag)
    sight.happens("Slot-1", finished(Verdict.ERROR, broken, device=device))
    assert tag in sight.text()


def test_control_characters_of_a_device_do_not_reach_the_terminal() -> None:
    sight = Sight()
    device = Device(asset_tag="LT\x1b[2J", kind="adapter", maker="A\r\nB", model="\x07")
    sight.happens("Slot-1", started("a\tb", device=device), StepStarted(0, Phrase(text="a\tb")))
    assert all(row.isprintable() for row in sight.lines())


def test_the_linux_console_is_sent_nothing_that_its_font_lacks() -> None:
    """Signs of our own; they are in Debian's Lat15 console fonts. What plans say is theirs."""
    known = {chr(code) for code in (*range(0x20, 0x7F), *range(0xA0, 0x100))} | set("█▒░…≤≥")
    sight = Sight(FakeConsole(8), SMALL, console_font=True)
    runs = [Verdict.PASS, Verdict.FAIL, Verdict.ERROR, Verdict.ABORTED]
    for place, verdict in enumerate(runs, start=1):
        steps = (step("Load", verdict, LOW, GOOD), made_safe())
        sight.happens(f"Slot-{place}", started(), finished(verdict, *steps))
    sight.happens(
        "Slot-5", started(), StepStarted(0, Phrase(text="No load")), Measured(LOW), Measured(GOOD)
    )
    sight.happens("Slot-6", started(), asked())
    sight.happens("Slot-7", started(), keys_shown("ansi-104", (4,), (4,), (5,)))
    for size in SIZES:
        sight.size = size
        for keys in ((), ("enter",), ("escape",)):
            sight.press(*keys)
            assert set(sight.text()) - known - {"\n"} <= set("←→↑↓")


def test_signs_and_words_say_what_colours_say() -> None:
    sight = Sight(console_font=True)
    sight.happens(
        "Slot-1", started(), StepStarted(0, Phrase(text="No load")), Measured(LOW), Measured(GOOD)
    )
    sight.happens("Slot-1", Measured(measurement("idle", 0.099, "W", high=0.1, expanded=0.02)))
    sight.press("enter")
    rows = sight.lines()
    assert any(row.rstrip().endswith("ok") for row in rows if "19.5 V" in row)
    assert any(row.rstrip().endswith("~") for row in rows if "0.099 W" in row)


@given(
    st.lists(st.tuples(st.sampled_from([1, 2, 3]), st.sampled_from(EVENTS)), max_size=12),
    st.integers(1, 8),
    st.tuples(st.integers(1, 140), st.integers(1, 50)),
    st.booleans(),
    st.booleans(),
)
def test_whatever_happens_every_line_of_any_screen_is_full_and_harmless(
    happenings: list[tuple[int, Event]],
    slots: int,
    size: tuple[int, int],
    enlarged: bool,
    console_font: bool,
) -> None:
    sight = Sight(FakeConsole(slots, simulated=True), size, console_font=console_font)
    sight.controls.enlarged = enlarged
    for slot, event in happenings:
        sight.happens(f"Slot-{slot}", event)
        sight.now_s += 0.7
        rows = sight.lines()
        assert len(rows) <= size[1]
        assert all(cell_len(row) == size[0] for row in rows)
        assert all(row.isprintable() for row in rows)


# What is plugged in

CHERRY = PluggedDevice("046a:0011", "Cherry", "G80-3000", "KB-77")


def offer(device: PluggedDevice = CHERRY, reason: Phrase | None = None) -> PluggedNotice:
    return PluggedNotice("Slot-1", device, offered=True, suggested_tag="KB-77", reason=reason)


@pytest.mark.parametrize("size", SIZES)
def test_a_slot_shows_what_is_plugged_in_and_what_to_do(size: tuple[int, int]) -> None:
    sight = Sight(size=size)
    sight.console.tell(offer())
    assert "Plugged in: Cherry G80-3000" in sight.text()
    assert "serial number KB-77" in sight.text()
    assert says("screen.scan_its_label") in sight.text()
    assert "Ctrl+S  serial number" in sight.lines()[-1]
    sight.press("f2")
    assert "F1 selects this slot" in sight.text()
    assert "Ctrl+S" not in sight.lines()[-1]
    sight.press("enter")
    assert "F1 Slot-1 plugged in" in sight.text() or "F1 plugged in" in sight.text()
    sight.console.tell(PluggedNotice("Slot-1"))
    sight.press("enter")
    assert "lugged in" not in sight.text()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("slots", [1, 4, 8])
def test_why_nothing_began_by_itself_can_be_read(slots: int, size: tuple[int, int]) -> None:
    sight = Sight(FakeConsole(slots), size)
    sight.console.tell(offer(reason=Phrase(text="the disk is full")))
    if slots == 8 and size == SMALL:
        assert "Not started: the disk" in sight.words()
        sight.press("enter")
    assert "Not started: the disk is full" in sight.words()


@pytest.mark.parametrize("size", SIZES)
def test_the_next_device_is_announced_below_the_last_ones_verdict(size: tuple[int, int]) -> None:
    sight = Sight(size=size)
    sight.happens("Slot-1", started(), finished(Verdict.PASS))
    sight.console.tell(offer())
    assert "Plugged in: Cherry G80-3000" in sight.text()
    assert says("screen.scan_its_label") in sight.text()
    sight.happens("Slot-1", started())
    assert "Plugged in" not in sight.text()
    sight.happens("Slot-1", finished(Verdict.PASS))
    assert "Plugged in" not in sight.text()  # it is still there, and has been tested


@pytest.mark.parametrize("size", SIZES)
def test_whoever_is_asked_sees_that_the_device_is_gone(size: tuple[int, int]) -> None:
    sight = Sight(size=size)
    sight.console.tell(offer())
    sight.happens("Slot-1", started(), StepStarted(0, Phrase(text="Lamps")), asked())
    sight.console.tell(PluggedNotice("Slot-1"))
    assert says("screen.pulled") in sight.text()
    assert "Is the lamp lit?" in sight.text()
    sight.console.tell(offer())
    assert "Unplugged" not in sight.text()


@given(
    st.builds(
        PluggedDevice, usb_id=st.just("046a:0011"), maker=st.text(max_size=90),
        product=st.text(max_size=90), serial_number=st.text(max_size=90),
    ),
    st.sampled_from(SIZES),
)  # fmt: skip
def test_whatever_a_device_says_of_itself_no_line_is_too_long(
    device: PluggedDevice, size: tuple[int, int]
) -> None:
    sight = Sight(size=size)
    sight.console.tell(offer(device))
    for row in sight.lines():
        assert cell_len(row) == size[0]
        assert row.isprintable()


def test_a_device_without_a_name_is_known_by_its_numbers() -> None:
    sight = Sight()
    sight.console.tell(offer(PluggedDevice("046a:0011")))
    assert "Plugged in: 046a:0011" in sight.text()


# Before and after


def before(*earlier: Earlier, expected_s: float | None = None) -> BeforeNotice:
    return BeforeNotice("Slot-1", "LT-00417", earlier, expected_s)


def test_a_unit_that_was_tested_before_is_announced_with_its_last_verdicts() -> None:
    sight = Sight()
    sight.happens("Slot-1", started())
    sight.console.tell(before(Earlier("fail", MIDNIGHT), Earlier("marginal", MIDNIGHT)))
    shown = "LT-00417 was tested before: FAIL 2026-11-22, MARGINAL 2026-11-22"
    assert shown in sight.words()
    sight.now_s += 20.0
    sight.controls.tick(sight.now_s)
    assert shown not in sight.words()


def test_a_unit_that_is_new_is_not_announced() -> None:
    sight = Sight()
    sight.happens("Slot-1", started())
    sight.console.tell(before())
    assert "tested before" not in sight.words()


def test_the_time_left_is_what_such_tests_took_before() -> None:
    sight = Sight()
    sight.happens("Slot-1", started(), StepStarted(0, Phrase(text="No load")))
    assert "left" not in sight.text()
    sight.console.tell(before(expected_s=95.0))
    sight.now_s += 20.0
    assert "about 1:15 left" in sight.text()
    sight.now_s += 100.0
    assert "left" not in sight.text(), "it takes longer than it did before"


@pytest.mark.parametrize("size", SIZES)
def test_the_counts_of_today_stand_in_the_header_where_there_is_room(size: tuple[int, int]) -> None:
    sight = Sight(size=size)
    sight.console.tell(TodayNotice(tested=12, passed=9, failed=2, errors=1))
    shown = "today 12 · passed 9 · failed 2 · error 1" in sight.lines()[0]
    assert shown is (size == LARGE)
    assert "delivered 0" in sight.lines()[0]


def test_enter_opens_the_list_at_the_step_that_failed() -> None:
    sight = Sight()
    good = [step(f"Good {number}", Verdict.PASS, *[GOOD] * 1) for number in range(30)]
    bad = step("The bad one", Verdict.FAIL, LOW)
    sight.happens("Slot-1", started(), finished(Verdict.FAIL, *good, bad, *good, made_safe()))
    sight.press("enter")
    assert "The bad one" in sight.text()
    titles = [row for row in sight.lines() if "Good" in row or "bad one" in row]
    assert "The bad one" in titles[0]


def test_header_and_list_number_the_steps_alike() -> None:
    sight = Sight()
    sight.happens(
        "Slot-1",
        started("No load", "Load"),
        StepFinished(bench_ready()),
        StepStarted(0, Phrase(text="No load")),
        StepFinished(step("No load")),
        StepStarted(1, Phrase(text="Load")),
    )
    sight.press("enter")
    assert "Step 2 of 2  Load" in sight.text()
    row = next(row for row in sight.lines() if " 2 " in row and "running" in row)
    assert "Load" in row


def test_a_key_that_is_no_answer_is_told_which_are() -> None:
    sight = Sight()
    sight.happens("Slot-1", started(), asked("Which?", (DONE, CANNOT)))
    sight.now_s += 5.0
    sight.controls.press("n", "n", sight.now_s)
    for _ in range(20):
        sight.now_s += 0.02
        sight.controls.poll(sight.now_s)
    assert "n is no answer here: d or c" in sight.words()
    assert sight.console.commands == []


def test_under_danger_nothing_invites_to_scan() -> None:
    sight = Sight()
    sight.console.tell(offer())
    sight.console.tell(UnsafeNotice("Slot-1", {"load": "no answer"}))
    rows = [row[:40] for row in sight.lines()[2:11]] + sight.lines()[-4:]
    assert not [row for row in rows if "can" in row.lower() and "scan" in row.lower()]
    assert "Ctrl+S" not in sight.text()
    assert "Slot-1: switch off at the mains first." in sight.text()


@pytest.mark.parametrize("size", SIZES)
def test_without_colours_everything_is_told_by_shape(size: tuple[int, int]) -> None:
    console = FakeConsole(4)
    controls = Controls(console)
    console.listen(lambda notice: controls.hear(notice, 1.0))
    for place, verdict in enumerate(OF_A_RUN, start=1):
        console.happen(f"Slot-{min(place, 4)}", started(), finished(verdict, made_safe()))
    strips = ScreenPainter(controls, SIGNS, colours=False).paint(*size, 2.0, "12:34")
    styles = [segment.style for strip in strips for segment in strip]
    assert all(one is not None and one.color is None and one.bgcolor is None for one in styles)
    selected = next(strip for strip in strips if "F1 Slot-1" in strip.text)
    reversed_ = [one.text for one in selected if one.style is not None and one.style.reverse]
    assert any("F1 Slot-1" in part for part in reversed_)
    assert not any("F2 Slot-2" in part for part in reversed_)


# Before a run


def sight_of(*unproved: Phrase, size: tuple[int, int] = SMALL) -> Sight:
    slot = SlotInfo("Slot-1", "laptop-adapter", ("a", "b"), unproved=(unproved, ()))
    return Sight(FakeConsole((slot,)), size)


@pytest.mark.parametrize("size", SIZES)
def test_what_cannot_be_proved_here_is_said_before_the_run(size: tuple[int, int]) -> None:
    titles = (Phrase(text="Load points"), Phrase("title.display.luminance"))
    sight = sight_of(*titles, size=size)
    told = says("screen.cannot_pass", tests=f"Load points, {says(titles[1])}")
    assert told in sight.words()
    sight.press("f9")
    assert "Cannot pass" not in sight.text()
    assert "Cannot pass" not in sight_of(size=size).text()


@pytest.mark.parametrize("size", SIZES)
def test_why_no_run_came_of_a_scan_is_said_until_the_next(size: tuple[int, int]) -> None:
    sight = Sight(FakeConsole(1), size)
    device = Device(asset_tag="A-1", kind="laptop-adapter")
    sight.happens("Slot-1", Identifying(device), NotStarted(Phrase("identify.nothing_possible")))
    assert says("identify.nothing_possible") in sight.words()
    sight.happens("Slot-1", started())
    assert says("identify.nothing_possible") not in sight.words()


@pytest.mark.parametrize("size", [*SIZES, (40, 12)])
def test_a_question_for_a_line_says_how_it_is_answered(size: tuple[int, int]) -> None:
    sight = Sight(FakeConsole(1), size)
    device = Device(asset_tag="A-1", kind="laptop-adapter")
    values = {"rating": "output_v", "unit": "V"}
    sight.happens(
        "Slot-1", Identifying(device), Asked(Question(Phrase("identify.number", dict(values)), ()))
    )
    assert "A-1" in sight.text()
    assert "Type output v in V, as the label has it." in sight.words()
    assert says("screen.type_line").partition(". ")[0] in sight.words()
    sight.press("1", "9")
    assert "> 19" in sight.text()

"""The program itself: keys are pressed, and the screen is looked at. Both sizes, 1 to 8 slots."""

import threading
from collections.abc import Callable

import pytest
from textual.events import Key, Paste
from textual.pilot import Pilot

from records import Phrase, Verdict
from station.console import PluggedDevice, PluggedNotice
from station.engine.events import Measured, StepStarted
from station.ui.app import StationApp
from tests.station.ui.fake_console import (
    FakeConsole,
    asked,
    finished,
    made_safe,
    measurement,
    started,
    step,
)

SIZES = [(80, 24), (120, 40)]
GOOD = measurement("output_voltage", 19.5, low=18.5, high=20.5)


def seen(app: StationApp) -> str:
    """Return the text that the terminal would show."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


async def until(pilot: Pilot[None], true: Callable[[], bool], what: str = "") -> None:
    for _ in range(500):
        if true():
            return
        await pilot.pause(0.01)
    raise AssertionError(f"{what}\n{seen_by(pilot)}")


def seen_by(pilot: Pilot[None]) -> str:
    app = pilot.app
    assert isinstance(app, StationApp)
    return seen(app)


async def shows(pilot: Pilot[None], words: str) -> None:
    await until(pilot, lambda: words in seen_by(pilot), f"{words!r} is not on screen")


def long_asked(app: StationApp) -> None:
    """Let the questions have been on the screen for long enough to be read."""
    app.refresh_screen()
    for slot in app.controls.model.slots:
        if slot.question is not None:
            slot.question = slot.question._replace(since_s=0.0)


def burst(app: StationApp, *keys: str) -> None:
    """Press keys at the speed of a scanner."""
    for key in keys:
        app.post_message(Key(key, key if len(key) == 1 else None))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("slots", [1, 4, 8])
async def test_the_first_screen_has_every_slot_the_counts_and_the_keys(
    slots: int, size: tuple[int, int]
) -> None:
    app = StationApp(FakeConsole(slots))
    async with app.run_test(size=size):
        shown = seen(app)
    assert f"F{slots} Slot-{slots}" in shown
    assert "delivered 0 · waiting 0 · rejected 0" in shown
    assert "F10  STOP" in shown
    assert len(shown.splitlines()) == size[1]


@pytest.mark.parametrize("size", SIZES)
async def test_a_run_is_followed_from_its_scan_to_its_verdict(size: tuple[int, int]) -> None:
    console = FakeConsole(4)
    app = StationApp(console)
    async with app.run_test(size=size) as pilot:
        await pilot.press("f3")
        burst(app, *"LT-00417", "enter")
        await until(pilot, lambda: bool(console.commands))
        assert console.commands == [("start", "Slot-3", "LT-00417", "laptop-adapter")]
        console.happen("Slot-3", started(), StepStarted(0, Phrase(text="No load")), Measured(GOOD))
        await shows(pilot, "19.5 V 18.5 … 20.5")
        console.happen("Slot-3", finished(Verdict.PASS, step("No load", Verdict.PASS, GOOD)))
        await shows(pilot, "Laptop adapter")
        assert any(row.count("█") > 12 for row in seen(app).splitlines())


@pytest.mark.parametrize("size", SIZES)
async def test_what_is_plugged_in_is_seen_and_started_under_its_number(
    size: tuple[int, int],
) -> None:
    console = FakeConsole(4)
    app = StationApp(console)
    async with app.run_test(size=size) as pilot:
        keyboard = PluggedDevice("046a:0011", "Cherry", "G80-3000", "KB-77")
        console.tell(PluggedNotice("Slot-3", keyboard, offered=True, suggested_tag="KB-77"))
        await shows(pilot, "Plugged in: Cherry G80-3000")
        await pilot.press("f3", "ctrl+s")
        await shows(pilot, "Slot-3 > KB-77")
        await pilot.press("enter")
        await until(pilot, lambda: bool(console.commands))
        assert console.commands == [("start", "Slot-3", "KB-77", "laptop-adapter")]


async def test_a_key_answers_the_question_that_is_on_the_screen() -> None:
    console = FakeConsole(4)
    app = StationApp(console)
    async with app.run_test(size=(80, 24)) as pilot:
        console.happen("Slot-1", started(), asked("Is the lamp lit?"))
        await shows(pilot, "Slot-1 asks: Is the lamp lit?")
        long_asked(app)
        await pilot.press("y")
        await until(pilot, lambda: bool(console.commands))
        assert console.commands == [("answer", "Slot-1", "y")]
        await until(pilot, lambda: "Is the lamp lit?" not in seen(app))


async def test_a_scan_into_an_open_question_answers_nothing() -> None:
    console = FakeConsole(4)
    app = StationApp(console)
    async with app.run_test(size=(80, 24)) as pilot:
        console.happen("Slot-1", started(), asked())
        await shows(pilot, "Slot-1 asks")
        long_asked(app)
        burst(app, *"yn1y", "enter")
        await shows(pilot, "yn1y not started: Slot-1 is busy.")
        await until(pilot, lambda: not app.controls.reader.waiting)
        assert console.commands == []


async def test_an_answer_typed_before_another_slot_was_selected_stays_with_its_slot() -> None:
    console = FakeConsole(4)
    app = StationApp(console)
    async with app.run_test(size=(80, 24)) as pilot:
        for slot in ("Slot-1", "Slot-2"):
            console.happen(slot, started(), asked())
        await shows(pilot, "Also asking: Slot-2")
        long_asked(app)
        burst(app, "y", "f2")
        await until(pilot, lambda: bool(console.commands))
        assert console.commands == [("answer", "Slot-1", "y")]
        assert app.controls.selected.name == "Slot-2"


async def test_pasted_text_answers_nothing_and_is_seen() -> None:
    console = FakeConsole(4)
    app = StationApp(console)
    async with app.run_test(size=(80, 24)) as pilot:
        console.happen("Slot-1", started(), asked())
        await shows(pilot, "Slot-1 asks")
        long_asked(app)
        app.post_message(Paste("y"))
        await shows(pilot, "Slot-1 > y█")
        assert not app.controls.reader.waiting
        assert console.commands == []


async def test_f10_stops_without_asking() -> None:
    console = FakeConsole(4)
    app = StationApp(console)
    async with app.run_test(size=(80, 24)) as pilot:
        console.happen("Slot-1", started())
        await shows(pilot, "Step 1 of 2")
        await pilot.press("f10")
        assert console.commands == [("stop", "Slot-1")]
        await shows(pilot, "stopping …")


async def test_a_refused_command_is_a_message_on_the_screen() -> None:
    console = FakeConsole(4)
    console.refusal = Phrase(text="[bold]LT-1[/] is no tag of ours")
    app = StationApp(console)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(*"LT-1", "enter")
        await shows(pilot, "[bold]LT-1[/] is no tag of ours")


async def test_the_slot_is_enlarged_and_shrunk_with_enter() -> None:
    console = FakeConsole(4)
    app = StationApp(console)
    async with app.run_test(size=(120, 40)) as pilot:
        console.happen("Slot-1", started(), finished(Verdict.PASS, step("No load"), made_safe()))
        await pilot.press("enter")
        await shows(pilot, "Make safe")
        await pilot.press("escape")
        await until(pilot, lambda: "Make safe" not in seen(app))


async def test_ctrl_q_leaves_an_idle_station_and_asks_while_something_runs() -> None:
    console = FakeConsole(4)
    app = StationApp(console)
    async with app.run_test(size=(80, 24)) as pilot:
        console.happen("Slot-2", started())
        await shows(pilot, "Step 1 of 2")
        await pilot.press("ctrl+q")
        await shows(pilot, "Still testing: Slot-2.")
        assert app.is_running
        await pilot.press("escape")
        console.happen("Slot-2", finished(Verdict.ABORTED, made_safe()))
        await until(pilot, lambda: not app.controls.model.running)
        await pilot.press("ctrl+q")
    assert app.return_code == 0
    assert console.commands == []


async def test_notices_from_many_threads_arrive_in_order() -> None:
    console = FakeConsole(8)
    app = StationApp(console)

    def run(slot: str) -> None:
        console.happen(slot, started("Soak"), StepStarted(0, Phrase(text="Soak")))
        for count in range(200):
            console.happen(slot, Measured(measurement("count", count)))

    async with app.run_test(size=(120, 40)) as pilot:
        threads = [threading.Thread(target=run, args=(slot.name,)) for slot in console.slots]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        await until(pilot, lambda: seen(app).count("199") == 8)


async def test_the_screen_follows_the_size_of_its_terminal() -> None:
    app = StationApp(FakeConsole(4))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: len(seen(app).splitlines()) == 24)
        await shows(pilot, "F10  STOP")
        assert "F4 Slot-4" in seen(app)


@pytest.mark.parametrize("size", [(1, 1), (20, 5), (300, 100)])
async def test_no_size_of_terminal_breaks_the_screen(size: tuple[int, int]) -> None:
    console = FakeConsole(8)
    app = StationApp(console)
    async with app.run_test(size=size) as pilot:
        console.happen("Slot-1", started(), asked())
        await pilot.press("enter", "f2", "x")
        assert len(seen(app).splitlines()) == size[1]

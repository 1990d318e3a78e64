"""Moments on the screen, one for each mood, for tests and for pictures."""

from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

from msgspec.structs import replace
from textual.strip import Strip

from records import Device, Phrase, Proof, StepRecord, Value, Verdict
from records.words import Language
from station.console import (
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
    Measured,
    NotSaved,
    Question,
    RunFinished,
    StepFinished,
    StepStarted,
    Waiting,
)
from station.engine.prompts import DIGITS, NO, YES
from station.steps.keyboard.fingers import CANNOT, DONE
from station.ui.controls import Controls
from station.ui.look import SIGNS
from station.ui.screen import ScreenPainter
from tests.station.ui.fake_console import (
    MIDNIGHT,
    FakeConsole,
    adapter,
    bench_ready,
    finished,
    keys_shown,
    made_safe,
    measurement,
    started,
    step,
)

SLOT = "adapter-1"
SLOTS = tuple(
    SlotInfo(name, kind, plans, tuple(Phrase(f"plan.{plan}") for plan in plans))
    for name, kind, plans in (
        (SLOT, "laptop-adapter", ("laptop-adapter-65w", "laptop-adapter-90w")),
        ("adapter-2", "laptop-adapter", ("laptop-adapter-65w",)),
        ("display-1", "lcd-monitor", ("lcd-monitor",)),
        ("keyboard-1", "usb-keyboard", ("usb-keyboard",)),
    )
)
TITLES = ("title.adapter.mains", "title.adapter.load_points", "title.adapter.overload")
KEYBOARD = Device(asset_tag="KB-1", kind="usb-keyboard", maker="Cherry", model="G80")
MONITOR = Device(asset_tag="MO-7", kind="lcd-monitor", maker="DELL", model="U2412M")


class Scene(NamedTuple):
    """A moment: what has been told, and which keys were pressed `after_s`."""

    name: str
    tell: Callable[[FakeConsole], None]
    keys: tuple[str, ...] = ()
    slots: tuple[SlotInfo, ...] = SLOTS
    simulated: bool = False
    after_s: float = 3.0


def paint(
    scene: Scene, words: Language, width: int, height: int, *, colours: bool = True
) -> list[Strip]:
    """Return the lines of a scene on a screen of that size, at a quarter past two."""
    console = FakeConsole(scene.slots, simulated=scene.simulated)
    controls = Controls(console, words)
    now_s = 1000.0
    console.listen(lambda notice: controls.hear(notice, now_s))
    painter = ScreenPainter(controls, SIGNS, colours=colours)
    scene.tell(console)
    now_s += scene.after_s
    for key in scene.keys:
        now_s += 1.0 if len(key) > 1 else 0.2
        controls.press(key, key if len(key) == 1 else None, now_s)
    for _ in range(10):  # until a key that stood alone is known to
        now_s += 0.03
        controls.poll(now_s)
    return painter.paint(width, height, now_s, "14:15")


def begun(device: Device | None = None, slot: str = SLOT) -> Callable[[FakeConsole], None]:
    def tell(console: FakeConsole) -> None:
        event = started(device=device or adapter())
        titles = tuple(Phrase(title) for title in TITLES)
        console.happen(slot, replace(event, titles=titles, plan=Phrase("plan.laptop-adapter-65w")))

    return tell


def ends(
    verdict: Verdict, *steps: StepRecord, marginal: bool = False, device: Device | None = None
) -> Callable[[FakeConsole], None]:
    def tell(console: FakeConsole) -> None:
        begun(device)(console)
        event = finished(verdict, bench_ready(), *steps, made_safe(), marginal=marginal)
        titled = tuple(
            replace(one, title=Phrase(f"title.{one.step}")) for one in event.record.steps
        )
        record = replace(event.record, steps=titled, device=device or adapter())
        console.happen(SLOT, RunFinished(record))

    return tell


def asks(question: Question, device: Device = KEYBOARD) -> Callable[[FakeConsole], None]:
    def tell(console: FakeConsole) -> None:
        begun(device)(console)
        console.happen(SLOT, StepStarted(0, Phrase(TITLES[0])), Asked(question))

    return tell


def question(about: str, *choices: Choice, **values: float | str) -> Question:
    return Question(Phrase(about, dict(values)), choices or (YES, NO))


def running(console: FakeConsole) -> None:
    begun()(console)
    good = measurement("mains_voltage", 230.4)
    low = measurement("deviation_50", -6.2, "%", low=-5.0, high=5.0)
    near = measurement("average_efficiency", 85.4, "%", low=85.0, expanded=1.0)
    first = replace(step("", Verdict.PASS, good), title=Phrase(TITLES[0]))
    console.happen(SLOT, StepStarted(0, Phrase(TITLES[0])), StepFinished(first))
    console.happen(SLOT, StepStarted(1, Phrase(TITLES[1])), Measured(low), Measured(near))


def waiting(console: FakeConsole) -> None:
    begun(MONITOR)(console)
    console.happen(SLOT, StepStarted(0, Phrase("title.display.colour")))
    console.happen(SLOT, Waiting("colour-probe", "display-1"))


def typing(console: FakeConsole) -> None:
    begun(KEYBOARD)(console)
    console.happen(SLOT, StepStarted(0, Phrase("title.keyboard.every_key_by_hand")))
    console.happen(SLOT, keys_shown("iso-105", (4,), (4, 5, 6), (44,)))


def plugged(console: FakeConsole) -> None:
    cherry = PluggedDevice("046a:0011", "Cherry", "G80", "KB-77")
    console.tell(PluggedNotice("keyboard-1", cherry, offered=True, suggested_tag="KB-77"))


def busy(console: FakeConsole) -> None:
    running(console)
    begun(MONITOR, "display-1")(console)


def tested_before(console: FakeConsole) -> None:
    begun()(console)
    earlier = (Earlier("fail", MIDNIGHT), Earlier("error", MIDNIGHT - timedelta(days=3)))
    console.tell(BeforeNotice(SLOT, "LT-00417", earlier, expected_s=95.0))
    console.happen(SLOT, StepStarted(0, Phrase(TITLES[0])))


def day(console: FakeConsole) -> None:
    """Tell the counts of a day's work, which stand in the header where there is room."""
    console.tell(DeliveryNotice(connected=True, delivered=1417, waiting=3))
    console.tell(TodayNotice(tested=23, passed=17, failed=5, errors=1))
    ends(Verdict.PASS, step(name="adapter.mains"))(console)


def disk_full(console: FakeConsole) -> None:
    values: dict[str, Value] = {
        "free_mib": 41,
        "least_mib": 64.0,
        "folder": "/var/lib/pace-station",
    }
    trouble = Phrase("outbox.disk_full", values)
    console.tell(DeliveryNotice(connected=False, delivered=1417, waiting=212, troubles=(trouble,)))
    console.refusal = Phrase("refused.disk_full", {"tag": "LT-00418"})


def asks_at_keyboard(console: FakeConsole) -> None:
    begun(KEYBOARD, "keyboard-1")(console)
    asked = question("keyboard.press", DONE, CANNOT, keys="E", within_s=5.0, answer=DONE.label)
    console.happen("keyboard-1", StepStarted(0, Phrase("title.keyboard.every_key")), Asked(asked))


def unsaved(console: FakeConsole) -> None:
    running(console)
    console.happen(
        SLOT,
        NotSaved(
            Phrase(
                "outbox.no_room",
                {"place": "/var/lib/pace-station"},
            )
        ),
    )


NEAR = measurement("average_efficiency", 85.4, "%", low=85.0, expanded=1.0)
LOW = measurement("contrast", 285.0, "", low=400.0)
SILENT = (
    measurement("missing_keys", 1, "", high=0),
    measurement("missing", "Space", ""),
    measurement("taps_made", 2, ""),
    measurement("taps_heard", 0, ""),
)
LOOSE = Phrase("adapter.lead_loose", {"load_v": 19.5, "low_v": 0.02, "high_v": 19.48})
LACKS = Phrase("untested.lacks_role", {"roles": "load, mains_meter"}, "adapter.overload needs load")
UNPROVED = replace(
    step(name="adapter.overload", verdict=Verdict.NOT_TESTED),
    required=Proof.FULL,
    reason=LACKS,
)

SCENES = (
    Scene("ready", lambda console: None),
    Scene("running", running),
    Scene("waiting", waiting),
    Scene("keys", typing),
    Scene("plugged", plugged, ("f4",)),
    Scene("busy", busy, (*"LT-00418", "enter")),
    Scene("typed", busy, tuple("LT-00418")),
    Scene("tested before", tested_before),
    Scene("day", day),
    Scene("no answer", asks_at_keyboard, ("n",), (SLOTS[3], SLOTS[2])),
    Scene("disk full", disk_full, (*"LT-00418", "enter")),
    Scene("question", asks(question("keyboard.plugged"))),
    Scene("count", asks(question("display.dark_pixels.white", *DIGITS), MONITOR)),
    Scene(
        "press",
        asks(question("keyboard.press", DONE, CANNOT, keys="E", within_s=5.0, answer=DONE.label)),
    ),
    Scene("pass", ends(Verdict.PASS, step(name="adapter.mains"))),
    Scene("marginal", ends(Verdict.PASS, step("", Verdict.PASS, NEAR), marginal=True)),
    Scene(
        "fail",
        ends(Verdict.FAIL, step("", Verdict.FAIL, LOW, name="display.contrast"), device=MONITOR),
    ),
    Scene(
        "silent key",
        ends(
            Verdict.FAIL,
            step("", Verdict.FAIL, *SILENT, name="keyboard.every_key"),
            device=KEYBOARD,
        ),
    ),
    Scene("error", ends(Verdict.ERROR, replace(step("", Verdict.ERROR), reason=LOOSE))),
    Scene(
        "aborted",
        ends(Verdict.ABORTED, replace(step("", Verdict.ABORTED), reason=Phrase("run.shut_down"))),
    ),
    Scene("incomplete", ends(Verdict.INCOMPLETE, step(name="adapter.mains"), UNPROVED)),
    Scene(
        "incomplete list",
        ends(Verdict.INCOMPLETE, step(name="adapter.mains"), UNPROVED),
        ("enter",),
    ),
    Scene("danger", lambda console: console.tell(UnsafeNotice(SLOT, {"load": "no answer"}))),
    Scene("unsaved", unsaved),
    Scene("quit", running, ("ctrl+q",)),
    Scene(
        "list", ends(Verdict.FAIL, step("", Verdict.FAIL, LOW, name="display.contrast")), ("enter",)
    ),
)

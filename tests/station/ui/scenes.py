"""Moments on the screen, one for each mood, for tests and for pictures."""

from collections.abc import Callable
from typing import NamedTuple

from msgspec.structs import replace

from records import Device, Phrase, Proof, StepRecord, Verdict
from station.console import PluggedDevice, PluggedNotice, SlotInfo, UnsafeNotice
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
from tests.station.ui.fake_console import (
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
    near = measurement("average_efficiency", 85.4, "%", low=85.0, guard=1.0)
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
    console.tell(PluggedNotice(SLOT, cherry, offered=True, suggested_tag="KB-77"))


def unsaved(console: FakeConsole) -> None:
    running(console)
    console.happen(
        SLOT,
        NotSaved(
            Phrase(
                "outbox.no_room",
                {"place": "/var/lib/pace-station/outbox.db"},
            )
        ),
    )


NEAR = measurement("average_efficiency", 85.4, "%", low=85.0, guard=1.0)
LOW = measurement("contrast", 285.0, "", low=400.0)
SILENT = (
    measurement("missing_keys", 1, "", high=0),
    measurement("missing", "Space", ""),
    measurement("taps_made", 2, ""),
    measurement("taps_heard", 0, ""),
)
LOOSE = Phrase("adapter.lead_loose", {"load_v": 19.5, "low_v": 0.02, "high_v": 19.48})
UNPROVED = replace(step(name="adapter.overload", verdict=Verdict.NOT_TESTED), required=Proof.FULL)

SCENES = (
    Scene("ready", lambda console: None),
    Scene("running", running),
    Scene("waiting", waiting),
    Scene("keys", typing),
    Scene("plugged", plugged),
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
    Scene("danger", lambda console: console.tell(UnsafeNotice(SLOT, {"load": "no answer"}))),
    Scene("unsaved", unsaved),
    Scene("quit", running, ("ctrl+q",)),
    Scene(
        "list", ends(Verdict.FAIL, step("", Verdict.FAIL, LOW, name="display.contrast")), ("enter",)
    ),
)

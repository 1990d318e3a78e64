"""The moments that the tutorial tells of: the demonstration, and the operator who takes it over."""

from collections.abc import Iterator
from functools import partial

from msgspec.structs import replace

from records import Device, Phrase, StepRecord, Verdict
from records.words import language
from station.console import AutopilotNotice, DeliveryNotice, SlotInfo
from station.engine.events import (
    Asked,
    Measured,
    Question,
    RunFinished,
    StepFinished,
    StepStarted,
)
from station.engine.prompts import NO, YES
from tests.pictures.picture import Picture
from tests.pictures.svg import svg
from tests.station.ui.fake_console import (
    FakeConsole,
    bench_ready,
    finished,
    made_safe,
    measurement,
    started,
    step,
)
from tests.station.ui.scenes import Scene, paint

SIZE = (80, 24)
PAGE = "http://127.0.0.1:47549/"
SLOTS = tuple(
    SlotInfo(name, kind, plans, tuple(Phrase(f"plan.{plan}") for plan in plans))
    for name, kind, plans in (
        ("adapter-1", "laptop-adapter", ("laptop-adapter-65w",)),
        ("display-1", "lcd-monitor", ("lcd-monitor",)),
        ("display-2", "lcd-monitor", ("lcd-monitor",)),
        ("keyboard-1", "usb-keyboard", ("usb-keyboard", "usb-keyboard-by-hand")),
    )
)
STEPS = {
    "adapter-1": ("mains", "no_load", "no_load_power", "load_points", "hot", "overload"),
    "display-1": (
        *("edid", "brightness_sweep", "luminance", "uniformity", "contrast", "colour"),
        *("backlight", "standby_power", "pixel_faults"),
    ),
    "keyboard-1": ("enumeration", "stuck_keys", "every_key", "chatter", "ghosting", "leds"),
}
STEPS["display-2"] = STEPS["display-1"]
KIND = {"adapter": "laptop-adapter", "display": "lcd-monitor", "keyboard": "usb-keyboard"}
CONTRAST = measurement("contrast", 212.0, "", low=400.0)
PROBE = Question(Phrase("display.probe_here"), (YES, NO))
UNPLUGGED = Phrase("keyboard.not_plugged", text="USB port 1-3.4: nothing is plugged in")


def pictures() -> Iterator[Picture]:
    """Yield the tutorial's pictures, of a terminal of 80 × 24 cells, in English."""
    for scene in SCENES:
        yield Picture(f"tutorial-{scene.name}.svg", partial(draw, scene))


def draw(scene: Scene) -> bytes:
    """Return a moment of the tutorial as SVG."""
    return svg(paint(scene, language(), *SIZE), f"The demonstration: {scene.name}")


def title(slot: str, name: str) -> Phrase:
    return Phrase(f"title.{slot.partition('-')[0]}.{name}")


def begin(console: FakeConsole, slot: str, tag: str, *, at: int = 0) -> None:
    """Let a run begin and come to the step of that number."""
    kind = slot.partition("-")[0]
    (info,) = [one for one in SLOTS if one.name == slot]
    titles = tuple(title(slot, name) for name in STEPS[slot])
    device = Device(asset_tag=tag, kind=KIND[kind])
    event = started(tag=tag, device=device)
    console.happen(slot, replace(event, titles=titles, plan=info.titles[0]))
    for number, name in enumerate(STEPS[slot][:at]):
        done = replace(step(name=f"{kind}.{name}"), title=title(slot, name))
        console.happen(slot, StepStarted(number, titles[number]), StepFinished(done))
    console.happen(slot, StepStarted(at, titles[at]))


def end(console: FakeConsole, slot: str, tag: str, verdict: Verdict, *steps: StepRecord) -> None:
    device = Device(asset_tag=tag, kind=KIND[slot.partition("-")[0]])
    event = finished(verdict, bench_ready(), *steps, made_safe(), device=device)
    (info,) = [one for one in SLOTS if one.name == slot]
    console.happen(slot, replace(started(tag=tag, device=device), plan=info.titles[0], titles=()))
    titled = tuple(replace(one, title=Phrase(f"title.{one.step}")) for one in event.record.steps)
    console.happen(slot, RunFinished(replace(event.record, steps=titled)))


def demonstration(console: FakeConsole, *, taken_over: bool = False) -> None:
    console.station = "demo"
    console.tell(AutopilotNotice(running=True, page=PAGE))
    if taken_over:
        console.tell(AutopilotNotice(running=False, page=PAGE))
    console.tell(DeliveryNotice(connected=True, delivered=2, waiting=0))


def start(console: FakeConsole) -> None:
    demonstration(console)
    begin(console, "adapter-1", "A-915710", at=4)
    for name, value in (("efficiency_75", 90.74), ("efficiency_100", 90.73)):
        console.happen("adapter-1", Measured(measurement(name, value, "%")))
    warm = measurement("hot_deviation", 0.4667, "%", low=-5.0, high=5.0)
    average = measurement("average_efficiency", 90.65, "%", low=85.0)
    console.happen("adapter-1", Measured(average), Measured(warm))
    failed = step("", Verdict.FAIL, CONTRAST, name="display.contrast")
    end(console, "display-1", "D-320962", Verdict.FAIL, failed)
    begin(console, "display-2", "D-629429", at=3)
    for name, value, unit, low in (
        ("luminance", 289.2, "cd/m²", 150.0),
        ("uniformity", 88.01, "%", 75.0),
    ):
        console.happen("display-2", Measured(measurement(name, value, unit, low=low)))
    begin(console, "keyboard-1", "K-265365", at=4)
    console.happen("keyboard-1", Measured(measurement("chatter", 0, "", high=1)))
    console.happen("keyboard-1", Measured(measurement("taps_lost", 0, "", high=0)))


def error(console: FakeConsole) -> None:
    start(console)
    silent = step("", Verdict.ERROR, name="keyboard.enumeration")
    fault = replace(silent, reason=UNPLUGGED)
    end(console, "keyboard-1", "K-345968", Verdict.ERROR, fault)


def question(console: FakeConsole) -> None:
    demonstration(console, taken_over=True)
    end(console, "adapter-1", "A-885930", Verdict.PASS, step(name="adapter.mains"))
    begin(console, "display-1", "D-544954", at=5)
    console.happen("display-1", Asked(PROBE))
    begin(console, "keyboard-1", "K-300071", at=2)


def busy(console: FakeConsole) -> None:
    question(console)
    end(console, "display-2", "D-629429", Verdict.PASS, step(name="display.edid"))


def failed(console: FakeConsole) -> None:
    start(console)
    good = measurement("luminance", 289.2, "cd/m²", low=150.0)
    steps = (
        step("", Verdict.PASS, measurement("edid_errors", 0, "", high=0), name="display.edid"),
        step("", Verdict.PASS, good, name="display.luminance"),
        step("", Verdict.FAIL, CONTRAST, name="display.contrast", clause="A2"),
    )
    end(console, "display-1", "D-320962", Verdict.FAIL, *steps)


SCENES = (
    Scene("start", start, (), SLOTS, simulated=True),
    Scene("error", error, ("f4",), SLOTS, simulated=True),
    Scene("question", question, ("f2",), SLOTS, simulated=True),
    Scene("busy", busy, ("f2", *"MON-1", "enter"), SLOTS, simulated=True),
    Scene("list", failed, ("f2", "enter"), SLOTS, simulated=True),
)

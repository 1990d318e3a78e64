"""A console without a station: records commands, and tells what it is told to tell.

`python tests/station/ui/fake_console.py [slots]` plays a busy line to be looked at.
"""

import itertools
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

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
)
from records.rules import decide, rule
from records.run import not_safe
from station.console import (
    AutopilotNotice,
    CommandRefused,
    DeliveryNotice,
    Notice,
    SlotInfo,
    SlotNotice,
)
from station.engine.events import (
    Answered,
    Asked,
    Choice,
    Drawn,
    Event,
    Measured,
    Question,
    RunFinished,
    RunStarted,
    Shown,
    StepFinished,
    StepStarted,
    Waiting,
)
from station.engine.prompts import DIGITS, NO, YES

MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)
YES_NO = (YES, NO)


class FakeConsole:
    """`commands` holds what was called, `refusal` is what the next command is refused with."""

    def __init__(
        self,
        slots: int | tuple[SlotInfo, ...] = 4,
        *,
        simulated: bool = False,
        connected: bool = True,
    ) -> None:
        if isinstance(slots, int):
            plans = ("laptop-adapter", "laptop-adapter-quick")
            slots = tuple(SlotInfo(f"Slot-{n + 1}", "adapter", plans) for n in range(slots))
        self.station = "bench-7"
        self.simulated = simulated
        self.slots = slots
        self.commands: list[tuple[str, ...]] = []
        self.refusal: Phrase | None = None
        self.autopilot = False
        self._connected = connected
        self._listeners: list[Callable[[Notice], None]] = []

    def listen(self, listener: Callable[[Notice], None]) -> None:
        self._listeners.append(listener)
        listener(DeliveryNotice(connected=self._connected, delivered=0, waiting=0))
        if self.autopilot:
            listener(AutopilotNotice(running=True))

    def start(self, slot: str, asset_tag: str, plan: str = "") -> None:
        self._take("start", slot, asset_tag, plan)

    def stop(self, slot: str) -> None:
        self._take("stop", slot)

    def answer(self, slot: str, key: str) -> None:
        self._take("answer", slot, key)

    def take_over(self) -> None:
        self._take("take_over")
        self.tell(AutopilotNotice(running=False))

    def tell(self, notice: Notice) -> None:
        for listener in self._listeners:
            listener(notice)

    def happen(self, slot: str, *events: Event) -> None:
        for event in events:
            self.tell(SlotNotice(slot, event))

    def _take(self, *command: str) -> None:
        if self.refusal is not None:
            refused = self.refusal
            raise CommandRefused(refused.id, text=refused.text, **refused.values)
        self.commands.append(command)


def adapter(tag: str = "LT-00417", maker: str = "HP", model: str = "PPP009C") -> Device:
    return Device(asset_tag=tag, kind="adapter", maker=maker, model=model)


def started(
    *titles: str, tag: str = "LT-00417", plan: str = "Laptop adapter", device: Device | None = None
) -> RunStarted:
    return RunStarted(
        "0199-1",
        1,
        device or adapter(tag),
        Phrase(text=plan),
        tuple(Phrase(text=title) for title in titles or ("No load", "Load")),
    )


def asked(text: str = "Is the lamp lit?", choices: tuple[Choice, ...] = YES_NO) -> Asked:
    return Asked(Question(Phrase(text=text), choices))


def keys_shown(
    layout: str,
    down: tuple[int, ...] = (),
    seen: tuple[int, ...] = (),
    suspicious: tuple[int, ...] = (),
) -> Shown:
    """Return the live drawing of a keyboard."""
    data: dict[str, Drawn] = {
        "layout": layout,
        "down": down,
        "seen": seen,
        "suspicious": suspicious,
    }
    return Shown("keyboard", data)


def measurement(
    name: str,
    value: Value,
    unit: str = "V",
    *,
    low: float | None = None,
    high: float | None = None,
    expanded: float | None = None,
) -> Measurement:
    if low is None and high is None:
        return Measurement(name=name, value=value, unit=unit)
    limit = Limit(basis=Basis.PROPOSAL, unit=unit, min=low, max=high)
    verdict, marginal, _ = decide(limit, value, expanded, rule("simple"))
    return Measurement(
        name=name, value=value, unit=unit, limit=limit, verdict=verdict, marginal=marginal
    )


def step(
    title: str = "No load",
    verdict: Verdict = Verdict.PASS,
    *measurements: Measurement,
    reason: str = "",
    name: str = "adapter.no_load",
    clause: str = "",
    duration_s: float = 1.25,
) -> StepRecord:
    return StepRecord(
        test=name,
        step=name,
        title=Phrase(text=title),
        verdict=verdict,
        started_at=MIDNIGHT,
        duration_s=duration_s,
        measurements=measurements,
        reason=Phrase(text=reason) if reason else None,
        clause=clause,
    )


def bench_ready(verdict: Verdict = Verdict.PASS, reason: str = "") -> StepRecord:
    return step("Bench ready", verdict, name="bench.open", reason=reason)


def made_safe(verdict: Verdict = Verdict.PASS, reason: str = "") -> StepRecord:
    return step("Make safe", verdict, name="bench.make_safe", reason=reason)


def finished(
    verdict: Verdict,
    *steps: StepRecord,
    marginal: bool = False,
    device: Device | None = None,
    slot: str = "Slot-1",
) -> RunFinished:
    return RunFinished(
        RunRecord(
            record_id="0199-1",
            sequence=1,
            station="bench-7",
            slot=slot,
            operator="",
            device=device or adapter(),
            plan="laptop-adapter",
            plan_sha256="",
            instruments=(),
            software="0.1.0",
            clock_synchronised=True,
            simulated=False,
            started_at=MIDNIGHT,
            duration_s=12.0,
            steps=steps,
            verdict=verdict,
            marginal=marginal,
            not_safe=not_safe(steps),
        )
    )


# What follows plays; nothing of it is used by tests.

LAMPS, PIXELS = "Lock lamps", "Pixel faults"

ADAPTER = (
    ("No-load voltage", (("output_voltage", 19.52, "V", 18.5, 20.5),)),
    (
        "Load points",
        (
            ("voltage_25_percent", 19.41, "V", 18.5, 20.5),
            ("voltage_50_percent", 19.33, "V", 18.5, 20.5),
            ("voltage_75_percent", 19.21, "V", 18.5, 20.5),
            ("voltage_100_percent", 19.08, "V", 18.5, 20.5),
        ),
    ),
    ("Regulation", (("regulation", 0.0225, "", None, 0.05),)),
    (
        "Efficiency",
        (("efficiency", 0.884, "", 0.87, None), ("idle_power", 0.092, "W", None, 0.1)),
    ),
    ("Hot re-measure", (("voltage_hot", 19.02, "V", 18.5, 20.5), ("rise", 31.5, "K", None, 45.0))),
    ("Overload and recovery", (("recovered", True, "", None, None),)),
)
ZONES = tuple((f"luminance_zone_{n}", 236.0 + 3 * n, "cd/m²", 200.0, 300.0) for n in range(1, 10))
MONITOR = (
    ("EDID", (("edid_checksum", True, "", None, None), ("year", 2016, "", None, None))),
    ("Nine-zone uniformity", ZONES),
    ("Contrast", (("contrast", 812.0, "", 500.0, None),)),
    (PIXELS, ()),
    ("Standby power", (("standby_power", 0.31, "W", None, 0.5),)),
)
KEYBOARD = (
    ("Enumeration", (("enumerated", True, "", None, None),)),
    ("Every key", ()),
    (LAMPS, ()),
)


class Player:
    """One thread a slot, playing one device after the other, each ending in its own way."""

    def __init__(self, console: FakeConsole) -> None:
        self._console = console
        self._answers: dict[str, threading.Event] = {}
        self._meter = threading.Lock()
        self._delivered = itertools.count(1)

    def play(self) -> None:
        self._console.autopilot = True
        for number, info in enumerate(self._console.slots):
            self._answers[info.name] = threading.Event()
            thread = threading.Thread(target=self._slot, args=(number, info.name), daemon=True)
            thread.start()

    def _slot(self, number: int, slot: str) -> None:
        endings = itertools.islice(itertools.cycle(ENDINGS), number, None)
        scripts = itertools.islice(itertools.cycle((ADAPTER, MONITOR, KEYBOARD)), number, None)
        chance = random.Random(number)
        for count, (ending, script) in enumerate(zip(endings, scripts, strict=False)):
            time.sleep(chance.uniform(0.5, 2.0))
            device = DEVICES[id(script)](417 + 10 * number + count)
            titles = [title for title, _ in script]
            self._tell(slot, started(*titles, device=device, plan=PLANS[id(script)]))
            records = [bench_ready()]
            for place, (title, values) in enumerate(script):
                self._tell(slot, StepStarted(place, Phrase(text=title)))
                for event in self._happenings(slot, title, chance):
                    self._tell(slot, event)
                taken = list(self._measure(slot, values, ending, chance))
                verdict = Verdict.worst([m.verdict for m in taken if m.verdict])
                reason = ""
                if ending is Verdict.ERROR and place == 2:
                    verdict, reason = (
                        Verdict.ERROR,
                        "load it8500 on /dev/ttyUSB1: no answer to 'MEAS?'",
                    )
                records.append(
                    step(title, verdict, *taken, reason=reason, clause="IEC 62368-1 B.2")
                )
                self._tell(slot, StepFinished(records[-1]))
                if ending is Verdict.ABORTED and place == 1:
                    records.append(step("Stop", Verdict.ABORTED, reason="stopped by the operator"))
                    break
                if reason:
                    break
            unsafe = ending is Verdict.ERROR and number == 2 and count % 2
            safe = made_safe(
                *(
                    (Verdict.ERROR, "the device may still be powered: supply is mute")
                    if unsafe
                    else ()
                )
            )
            records.append(safe)
            self._tell(slot, StepFinished(safe))
            verdict = Verdict.worst(record.verdict for record in records)
            marginal = any(m.marginal for record in records for m in record.measurements)
            self._tell(
                slot,
                finished(
                    verdict,
                    *records,
                    marginal=marginal and verdict is Verdict.PASS,
                    device=device,
                    slot=slot,
                ),
            )
            delivered = next(self._delivered)
            self._console.tell(
                DeliveryNotice(connected=delivered % 7 > 2, delivered=delivered, waiting=number)
            )
            time.sleep(chance.uniform(5.0, 9.0))

    def _happenings(self, slot: str, title: str, chance: random.Random) -> Iterator[Event]:
        if title in ("Efficiency", "Contrast"):
            holder = next(s.name for s in self._console.slots if s.name != slot)
            yield Waiting("analyser", holder)
            time.sleep(chance.uniform(1.0, 4.0))
        if title == "Every key":
            usages = [*range(0x04, 0x53), *range(0xE0, 0xE8)]
            for count in range(len(usages)):
                strange = (0x2C,) if count > 40 else ()
                yield keys_shown("iso-105", (usages[count],), tuple(usages[:count]), strange)
                time.sleep(0.08)
        if title in (LAMPS, PIXELS):
            choices = YES_NO if title == LAMPS else DIGITS
            self._answers[slot].clear()
            yield asked(QUESTIONS[title], choices)
            while not self._answers[slot].wait(0.1):
                if ("answer", slot) in {command[:2] for command in self._console.commands}:
                    break
            self._console.commands.clear()
            yield Answered("y")

    def _measure(
        self,
        slot: str,
        values: tuple[tuple[str, Value, str, float | None, float | None], ...],
        ending: Verdict | None,
        chance: random.Random,
    ) -> Iterator[Measurement]:
        for name, value, unit, low, high in values:
            shown = value
            for _ in range(8):
                if isinstance(value, float):
                    shown = value * chance.uniform(0.998, 1.002)
                    if ending is Verdict.FAIL and "100" in name:
                        shown = value * 0.93
                expanded = 0.02 if name == "idle_power" and ending is None else None
                taken = measurement(name, shown, unit, low=low, high=high, expanded=expanded)
                self._tell(slot, Measured(taken))
                time.sleep(0.1)
            yield taken

    def _tell(self, slot: str, event: Event) -> None:
        self._console.happen(slot, event)


ENDINGS = (Verdict.PASS, Verdict.FAIL, Verdict.ERROR, None, Verdict.ABORTED)
QUESTIONS = {
    LAMPS: "Is the Caps Lock lamp lit, and no other?",
    PIXELS: "How many bright pixels do you see on the black screen? Look at all four corners, too.",
}
PLANS = {
    id(ADAPTER): "Laptop adapter",
    id(MONITOR): "LCD monitor",
    id(KEYBOARD): "USB keyboard",
}
DEVICES: dict[int, Callable[[int], Device]] = {
    id(ADAPTER): lambda n: adapter(f"LT-{n:05}", "HP", "PPP009C 65 W"),
    id(MONITOR): lambda n: Device(
        asset_tag=f"MO-{n:05}", kind="monitor", maker="DELL", model="U2412M"
    ),
    id(KEYBOARD): lambda n: Device(
        asset_tag=f"KB-{n:05}", kind="keyboard", maker="Cherry", model="G80-3000"
    ),
}


def main() -> None:
    from station.ui.app import run_ui

    console = FakeConsole(int(sys.argv[1]) if len(sys.argv) > 1 else 4, simulated=True)
    Player(console).play()
    run_ui(console)


if __name__ == "__main__":
    main()

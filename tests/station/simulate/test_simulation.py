"""Every simulated device gets the verdict, and at the step, that its defect calls for."""

import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random

import msgspec
import pytest

from drivers.sim.devices.keyboard import SimulatedKeyboard
from records import RunRecord, Verdict, decode_run, encode
from station.compose import DEMO_RIG
from station.console import AutopilotNotice, CommandRefused, Notice, SlotNotice
from station.delivery.broker import BrokerAddress
from station.delivery.outbox import Outbox
from station.engine.clock import Clock
from station.engine.events import Asked, Question, RunFinished
from station.rig.config import StationConfig, load
from station.service import StationService
from station.simulate.operator import SimulatedLine, judge
from station.simulate.population import CASES, ISO, Case, draw
from station.simulate.rig import SimulatedRig
from tests.host_agent.rig import eventually
from tests.station.benches import make_draft

SEEDS = (1, 2)
SLOT = {"laptop-adapter": "adapter-1", "lcd-monitor": "display-1", "usb-keyboard": "keyboard-1"}


class Rig:
    """The demonstration's station. What comes next is `case`, or whatever the population has."""

    def __init__(self, config: StationConfig, path: Path, seed: int = 1) -> None:
        self.rig = SimulatedRig(config)
        self.outbox = Outbox(path)
        self.service = StationService(
            config,
            self.rig.hardware,
            self.outbox,
            new_clock=lambda slot: Clock(self.rig.worlds[slot].time),
            simulated=True,
        )
        self.case: Case | None = None
        self.line = SimulatedLine(self.service, self.rig, seed=seed, draw=self._draw)
        self.told: list[Notice] = []
        self.service.listen(self.told.append)
        self.service.listen(self.line.hear)
        self.service.fly(self.line.take_over, page="http://127.0.0.1:1/")
        self.service.open()
        self.line.begin(0)

    def _draw(self, kind: str, chance: Random) -> Case:
        return self.case or draw(kind, chance)

    def test(self, slot: str, case: Case, plan: str = "") -> RunRecord:
        self.case = case
        done = len(self.line.finished)
        self.start(slot, case.name, plan)
        assert self.line.wait_for(done + 1, 60)
        return self.line.finished[-1][1]

    def start(self, slot: str, tag: str, plan: str = "") -> None:
        def started() -> bool:
            """Start; False while the slot's thread is still ending, after its verdict was told."""
            try:
                self.service.start(slot, tag, plan)
            except CommandRefused as refusal:
                if refusal.phrase.id not in ("refused.busy", "refused.in_test"):
                    raise
                return False
            return True

        eventually(started)


@pytest.fixture(scope="session")
def demo() -> StationConfig:
    broker = BrokerAddress(host="127.0.0.1", port=1)
    return msgspec.structs.replace(load(DEMO_RIG), broker=broker)


@pytest.fixture(scope="module")
def rig(demo: StationConfig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Yield one line for many devices, one after the other: the bench mends between them."""
    rig = Rig(demo, tmp_path_factory.mktemp("simulation") / "outbox.db")
    yield rig
    rig.service.close()


def worst_steps(record: RunRecord) -> list[str]:
    return [one.step for one in record.steps if one.verdict is record.verdict]


ALL = [
    pytest.param(kind, case, id=f"{kind}: {case.name}")
    for kind, cases in CASES.items()
    for case in cases
]


@pytest.mark.parametrize(("kind", "case"), ALL)
def test_every_case_alone_gets_the_verdict_it_calls_for(rig: Rig, kind: str, case: Case) -> None:
    """After it the device has no power, and the bench is as good as before for the next case."""
    world = rig.rig.worlds[SLOT[kind]]
    for _ in SEEDS:  # each time another device with the same defect
        record = rig.test(SLOT[kind], case)
        assert record.verdict is case.verdict, record.steps
        assert record.marginal is case.marginal, record.steps
        if case.step:
            assert case.step in worst_steps(record)
        last = record.steps[-1]
        assert (last.step, last.verdict) == ("bench.make_safe", Verdict.PASS)
        assert decode_run(encode(record)) == record
        left_on = world.circuit.current_a if kind == "laptop-adapter" else world.circuit.voltage_v
        assert left_on == 0.0


@pytest.mark.parametrize("seed", SEEDS)
def test_four_slots_at_once_judge_every_device_rightly(
    demo: StationConfig, tmp_path: Path, seed: int
) -> None:
    rig = Rig(demo, tmp_path / "outbox.db", seed=seed)
    rig.line.begin(40)
    assert rig.line.wait_for(40, 100)
    assert judge(rig.line.finished) == []
    records = [record for _, record in rig.line.finished]
    assert sorted(one.sequence for one in records) == list(range(1, 41))
    assert len({one.slot for one in records}) == 4
    assert rig.outbox.counts().waiting == 40
    rig.service.close()


def test_the_same_seed_brings_the_same_devices(demo: StationConfig, tmp_path: Path) -> None:
    stories = []
    for attempt in range(2):
        rig = Rig(demo, tmp_path / f"{attempt}.db", seed=5)
        rig.line.begin(8)
        assert rig.line.wait_for(8, 60)
        stories.append(
            sorted(
                (record.slot, record.device.asset_tag, case.name, record.verdict)
                for case, record in rig.line.finished
            )
        )
        rig.service.close()
    assert stories[0] == stories[1]


# The keyboard by hand

BY_HAND = {
    "good keyboard": (Verdict.PASS, ""),
    "dead key": (Verdict.FAIL, "keyboard.every_key_by_hand"),
    "stuck key": (Verdict.FAIL, "keyboard.stuck_keys"),
    "dead lamp": (Verdict.FAIL, "keyboard.leds_by_eye"),
    "does not enumerate": (Verdict.FAIL, "keyboard.enumeration"),
    "not plugged in": (Verdict.ERROR, "keyboard.enumeration"),
    "unplugged in the middle": (Verdict.ERROR, "keyboard.every_key_by_hand"),
    # the fingers are not used
    "broken finger of the actuator": (Verdict.PASS, ""),
    # this plan has no such step
    "stopped by the operator": (Verdict.PASS, ""),
    # what a hand cannot find, because it is not known which key it meant, or how often it pressed
    "swapped keys": (Verdict.PASS, ""),
    "chattering key": (Verdict.PASS, ""),
    "ghosting matrix": (Verdict.PASS, ""),
}


@pytest.mark.parametrize("case", CASES["usb-keyboard"], ids=lambda case: case.name)
def test_every_keyboard_by_hand_gets_the_verdict_that_a_hand_can_find(rig: Rig, case: Case) -> None:
    verdict, step = BY_HAND[case.name]
    record = rig.test("keyboard-1", case, "usb-keyboard-by-hand")
    assert record.plan == "usb-keyboard-by-hand"
    assert record.verdict is verdict, record.steps
    if step:
        assert step in worst_steps(record)


# Taking over


def test_whoever_takes_over_starts_answers_and_stops_alone(
    demo: StationConfig, tmp_path: Path
) -> None:
    rig = Rig(demo, tmp_path / "outbox.db")
    assert AutopilotNotice(running=True, page="http://127.0.0.1:1/") in rig.told
    rig.service.take_over()
    assert AutopilotNotice(running=False, page="http://127.0.0.1:1/") in rig.told
    assert rig.line.running is False

    questions: list[Question] = []
    answered = threading.Event()

    def person(notice: Notice) -> None:
        if isinstance(notice, SlotNotice) and isinstance(notice.event, Asked):
            questions.append(notice.event.question)
            key = "n" if notice.event.question.about == "display.picture_faults" else "y"
            choices = [choice.key for choice in notice.event.question.choices]
            rig.service.answer(notice.slot, key if key in choices else choices[0])
            answered.set()

    rig.service.listen(person)
    record = rig.test("display-1", CASES["lcd-monitor"][0])
    assert record.verdict is Verdict.PASS
    assert questions[0].about == "display.probe_here"
    assert len(questions) >= 7
    tags = [one.device.asset_tag for _, one in rig.line.finished]
    assert tags == [CASES["lcd-monitor"][0].name]
    rig.service.close()


def test_a_question_that_nobody_answers_waits_and_can_be_stopped(
    demo: StationConfig, tmp_path: Path
) -> None:
    rig = Rig(demo, tmp_path / "outbox.db")
    rig.service.take_over()
    rig.case = CASES["lcd-monitor"][0]
    rig.start("display-1", "A-1")
    eventually(
        lambda: any(
            isinstance(one, SlotNotice) and isinstance(one.event, Asked) for one in list(rig.told)
        )
    )
    assert rig.line.finished == []
    rig.service.stop("display-1")
    assert rig.line.wait_for(1, 30)
    assert rig.line.finished[0][1].verdict is Verdict.ABORTED
    rig.service.close()


def test_a_device_that_was_stopped_by_the_population_is_not_stopped_by_hand(
    demo: StationConfig, tmp_path: Path
) -> None:
    """`stop_at` is what the simulated operator does, and that one has gone."""
    rig = Rig(demo, tmp_path / "outbox.db")
    rig.service.take_over()
    stopped = next(case for case in CASES["laptop-adapter"] if case.stop_at)
    assert rig.test("adapter-1", stopped).verdict is Verdict.PASS
    rig.service.close()


def test_taking_over_a_real_station_does_nothing(demo: StationConfig, tmp_path: Path) -> None:
    rig = SimulatedRig(demo)
    service = StationService(demo, rig.hardware, Outbox(tmp_path / "outbox.db"))
    service.take_over()
    service.close()


# The shared probe


def test_two_displays_never_hold_the_probe_at_once(demo: StationConfig, tmp_path: Path) -> None:
    rig = Rig(demo, tmp_path / "outbox.db")
    good = CASES["lcd-monitor"][0]
    rig.case = good
    inside: list[str] = []
    both: list[tuple[str, ...]] = []

    def watch(notice: Notice) -> None:
        if not isinstance(notice, SlotNotice):
            return
        event = notice.event
        if isinstance(event, Asked) and event.question.about == "display.probe_here":
            inside.append(notice.slot)
            both.append(tuple(inside))
        title = getattr(getattr(event, "record", None), "step", "")
        if title == "display.colour":
            inside.remove(notice.slot)

    rig.service.listen(watch)
    for number in range(5):
        for slot in ("display-1", "display-2"):
            rig.start(slot, f"{slot}-{number}")
        assert rig.line.wait_for(2 * number + 2, 60)
    assert {record.verdict for _, record in rig.line.finished} == {Verdict.PASS}
    assert max(len(one) for one in both) == 1
    assert len(both) == 10
    rig.service.close()


# The population and its judge


def test_every_case_of_the_population_has_a_place_in_its_plan(demo: StationConfig) -> None:
    for kind, cases in CASES.items():
        plan = demo.slots[SLOT[kind]].plans[0]
        steps: set[str] = {planned.use for planned in plan.steps}
        for case in cases:
            assert case.step in steps | {""}, case.name
            assert case.stop_at in steps | {""}, case.name
            assert bool(case.step) == (case.verdict is not Verdict.PASS), case.name
        assert len({case.name for case in cases}) == len(cases)


def test_a_kind_that_nobody_simulates_is_told_with_those_there_are() -> None:
    with pytest.raises(LookupError, match="no simulated toaster; there are laptop-adapter, lcd"):
        draw("toaster", Random(1))


def test_every_case_turns_up_sooner_or_later() -> None:
    chance = Random(1)
    for kind, cases in CASES.items():
        assert {draw(kind, chance).name for _ in range(2000)} == {case.name for case in cases}


@pytest.mark.parametrize(
    ("case", "verdict", "marginal", "complaints"),
    [
        (Case("good", lambda world, chance: None), Verdict.PASS, False, 0),
        (Case("good", lambda world, chance: None), Verdict.FAIL, False, 1),
        (Case("good", lambda world, chance: None), Verdict.PASS, True, 1),
        (Case("near", lambda world, chance: None, marginal=True), Verdict.PASS, False, 1),
        (Case("bad", lambda world, chance: None, Verdict.FAIL, "a.b"), Verdict.FAIL, False, 1),
    ],
)
def test_the_judge_of_the_population_finds_wrong_verdicts(
    case: Case, verdict: Verdict, marginal: bool, complaints: int
) -> None:
    wrong = judge([(case, make_draft(verdict=verdict, marginal=marginal))])
    assert len(wrong) == complaints
    assert all(case.name in one for one in wrong)


def test_a_world_is_as_before_after_unplugging(demo: StationConfig) -> None:
    world = SimulatedRig(demo).worlds["keyboard-1"]
    sinks = list(world.circuit.sinks)
    for _ in range(3):
        world.plug_keyboard(SimulatedKeyboard(world.time, keys=ISO))
        world.broken_fingers = {4}
        world.dead_sensors = True
        world.loosen_lead()
        world.mains.voltage_v = 0.0
        world.unplug()
        world.unplug()
        assert world.circuit.sinks == sinks
        assert (world.keyboard, world.dead_sensors, world.broken_fingers) == (None, False, set())
        assert {meter.voltage_gain for meter in world.meters} == {1.0}
        assert world.mains.voltage_v == 230.0


def test_a_run_that_finished_is_paired_with_its_own_case(rig: Rig) -> None:
    dead = next(case for case in CASES["laptop-adapter"] if case.name == "dead adapter")
    record = rig.test("adapter-1", dead)
    assert rig.line.finished[-1] == (dead, record)
    assert any(isinstance(one, SlotNotice) and one.event == RunFinished(record) for one in rig.told)

"""Every shipped scenario gets a verdict that follows from its truth, on the demonstration's rig."""

import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random

import msgspec
import pytest

from drivers.sim.devices.keyboard import SimulatedKeyboard
from drivers.sim.lead import Fault
from drivers.sim.onset import Onset
from records import RunRecord, Verdict, decode_run, encode
from station.compose import DEMO_RIG
from station.console import AutopilotNotice, CommandRefused, Notice, SlotNotice
from station.delivery.broker import BrokerAddress
from station.delivery.outbox import Outbox
from station.engine.clock import Clock
from station.engine.events import Asked, Measured, Question, RunFinished
from station.rig.config import StationConfig, load
from station.service import StationService
from station.simulate.evaluate import BAD, GOOD
from station.simulate.operator import Finished, SimulatedLine, judge
from station.simulate.population import Population
from station.simulate.rig import SimulatedRig
from station.simulate.scenarios.files import Scenario
from tests.host_agent.rig import eventually
from tests.station.benches import make_draft
from tests.station.worlds import ISO, cases

SEEDS = (1, 2)
SLOT = {"laptop-adapter": "adapter-1", "lcd-monitor": "display-1", "usb-keyboard": "keyboard-1"}
P, F, E, A = Verdict.PASS, Verdict.FAIL, Verdict.ERROR, Verdict.ABORTED
CALLED_FOR: dict[str, dict[str, tuple[set[Verdict], str]]] = {
    "laptop-adapter": {
        "good adapter": ({P}, ""),
        "weak regulation, just good enough": ({P}, ""),
        "dead adapter": ({F}, "no_load"),
        "cord breaks its contact one second in ten": ({F, E}, ""),
        "off for a minute in the soak": ({F}, "hot"),
        "bursts to 30 V, half a second in five": ({F}, ""),
        "hunts by half a volt": ({F}, "no_load"),
        "cord that broke for good in the test": ({F}, ""),
        "sagging adapter": ({F}, "load_points"),
        "voltage too high": ({F}, "no_load"),
        "weak adapter": ({F}, "load_points"),
        "wasteful adapter": ({F}, "load_points"),
        "tired when warm": ({F}, "hot"),
        "no overload protection": ({F}, "overload"),
        "stays off after an overload": ({F}, "overload"),
        "nothing plugged in": ({E}, "no_load"),
        "brown-out of the mains": ({E}, "mains"),
        "loose lead on the bench": ({E}, "no_load"),
        "mains that dips one second in thirty": ({E}, ""),
        "voltage too high, on a meter that reads 3 % low": ({E}, "no_load"),
        "good, on an ammeter that reads 3 % low": ({E}, "load_points"),
        "wasteful adapter, mains meter freezes": ({E}, "load_points"),
        "stopped by the operator": ({A}, "hot"),
    },
    "lcd-monitor": {
        "good monitor": ({P}, ""),
        "slow to answer": ({P}, ""),
        "ignores the first write": ({P}, ""),
        "just bright enough": ({P}, ""),
        "takes no commands": ({P}, ""),
        "answers zeros for its brightness": ({P}, ""),
        "says 255 of 100": ({P}, ""),
        "has no power mode, and says for 15 s that there is no signal": ({P}, ""),
        "its button alone wakes it": ({P}, ""),
        "cold tubes": ({P}, ""),
        "damaged identity": ({F}, "edid"),
        "aged backlight": ({F}, "luminance"),
        "dead backlight": ({F}, "brightness"),
        "backlight that fades": ({F, E}, ""),
        "picture out one second in ten": ({F, E}, ""),
        "dies after a while": ({F}, ""),
        "brightness is stuck": ({F}, "brightness"),
        "brightness steps back": ({F}, "brightness"),
        "dark corner": ({F}, "uniformity"),
        "low contrast": ({F}, "contrast"),
        "yellowed": ({F}, "colour"),
        "hungry when asleep": ({F}, "standby_power"),
        "two bright pixels": ({P}, ""),
        "many dark pixels": ({F}, "pixel_faults"),
        "burnt-in picture": ({F}, "pixel_faults"),
        "dirty sensor in the middle": ({E}, "luminance"),
        "light sensors freeze": ({E}, "luminance"),
        "a lamp in the room": ({P, E}, ""),
        "power meter freezes": ({E}, "standby_power"),
        "sensors see nothing": ({E}, "brightness"),
        "video cable is not in": ({E}, "edid"),
        "stopped by the operator": ({A}, "contrast"),
    },
    "usb-keyboard": {
        "good keyboard": ({P}, ""),
        "dead key": ({F}, "every_key"),
        "key that misses one tap in ten": ({P, F, E}, ""),
        "key that releases late": ({P, F, E}, ""),
        "swapped keys": ({F}, "every_key"),
        "stuck key": ({F}, "stuck_keys"),
        "chattering key": ({F}, "every_key"),
        "ghosting matrix": ({F}, "ghosting"),
        "dead lamp": ({F}, "leds"),
        "does not enumerate": ({F}, "enumeration"),
        "not plugged in": ({E}, "enumeration"),
        "unplugged in the middle": ({E}, ""),
        "port that is mute": ({E}, "enumeration"),
        "meter with an error of its zero": ({E}, "power"),
        "meter whose zero moves": ({E}, "enumeration"),
        "finger that holds its key from the worn keys' taps on": ({E}, "chatter"),
        "cable that loses reports": ({P, E}, ""),
        "broken finger of the actuator": ({E}, "every_key"),
        "book on the keys": ({E}, "stuck_keys"),
        "stopped by the operator": ({A}, "every_key"),
    },
}
"""The verdicts that a person says are right, and the test at which they show: not the evaluator."""
EVERY = {"good": set[str](), "faulty": {"pass", "error", "fail"}}
"""Verdicts that the evaluator may allow besides: a fault of the bench need not show."""
MARGINAL = {"weak regulation, just good enough", "just bright enough"}


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
        self._population = Population()
        self.case: Scenario | None = None
        self.line = SimulatedLine(self.service, self.rig, seed=seed, draw=self._draw)
        self.told: list[Notice] = []
        self.service.listen(self.told.append)
        self.service.listen(self.line.hear)
        self.service.fly(self.line.take_over, page="http://127.0.0.1:1/")
        self.service.open()
        self.line.begin(0)

    def _draw(self, kind: str, chance: Random) -> Scenario:
        return self.case or self._population.draw(kind, chance)

    def test(self, slot: str, case: Scenario, plan: str = "") -> RunRecord:
        self.case = case
        done = len(self.line.finished)
        self.start(slot, case.name, plan)
        assert self.line.wait_for(done + 1, 60)
        return self.line.finished[-1].record

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


def worst_tests(record: RunRecord) -> list[str]:
    return [one.test for one in record.steps if one.verdict is record.verdict]


ALL = [
    pytest.param(kind, name, *called, id=f"{kind}: {name}")
    for kind, wanted in CALLED_FOR.items()
    for name, called in wanted.items()
]


def test_a_person_has_said_what_is_right_for_each_shipped_scenario() -> None:
    for kind, wanted in CALLED_FOR.items():
        assert wanted.keys() == cases(kind).keys()


@pytest.mark.parametrize(("kind", "name", "verdicts", "test"), ALL)
def test_every_scenario_alone_gets_the_verdict_it_calls_for(
    rig: Rig, kind: str, name: str, verdicts: set[Verdict], test: str
) -> None:
    """After it the device has no power, and the bench is as good as before for the next one."""
    world = rig.rig.worlds[SLOT[kind]]
    for _ in SEEDS:  # each time another device with the same defect
        record = rig.test(SLOT[kind], cases(kind)[name])
        assert record.verdict in verdicts, record.steps
        assert record.marginal is (name in MARGINAL), record.steps
        if test:
            assert test in worst_tests(record)
        outlook = rig.line.finished[-1].outlook
        assert record.verdict.value in outlook.expected
        if outlook.device in (GOOD, BAD):  # one that is bad at times may be found, or not
            right = {"incomplete", *map(str, verdicts), *EVERY[outlook.bench]}
            assert set(outlook.expected) <= right
        last = record.steps[-1]
        assert last.step == "bench.make_safe"
        assert last.verdict is Verdict.PASS
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
    records = [one.record for one in rig.line.finished]
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
                (
                    one.record.slot,
                    one.record.device.asset_tag,
                    one.staged.scenario.name,
                    str(one.staged.parameters),
                    one.record.verdict,
                )
                for one in rig.line.finished
            )
        )
        rig.service.close()
    assert stories[0] == stories[1]


# The keyboard by hand

BY_HAND: dict[str, tuple[set[Verdict], str]] = {
    "good keyboard": ({P}, ""),
    "dead key": ({F}, "every_key"),
    "key that misses one tap in ten": ({P}, ""),
    "key that releases late": ({P}, ""),
    "stuck key": ({F}, "stuck_keys"),
    "dead lamp": ({F}, "leds"),
    "does not enumerate": ({F}, "enumeration"),
    "not plugged in": ({E}, "enumeration"),
    "unplugged in the middle": ({P, E}, ""),
    "book on the keys": ({E}, "stuck_keys"),
    "port that is mute": ({E}, "enumeration"),
    "meter with an error of its zero": ({E}, "power"),
    "meter whose zero moves": ({E}, "enumeration"),
    "cable that loses reports": ({P, E}, ""),
    # the fingers are not used
    "finger that holds its key from the worn keys' taps on": ({P}, ""),
    "broken finger of the actuator": ({P}, ""),
    "stopped by the operator": ({A}, "every_key"),
    # what a hand cannot find, because it is not known which key it meant, or how often it pressed
    "swapped keys": ({P}, ""),
    "chattering key": ({P}, ""),
    "ghosting matrix": ({P}, ""),
}


@pytest.mark.parametrize("name", CALLED_FOR["usb-keyboard"])
def test_every_keyboard_by_hand_gets_the_verdict_that_a_hand_can_find(rig: Rig, name: str) -> None:
    verdicts, test = BY_HAND[name]
    record = rig.test("keyboard-1", cases("usb-keyboard")[name], "usb-keyboard-by-hand")
    assert record.plan == "usb-keyboard-by-hand"
    assert record.verdict in verdicts, record.steps
    assert record.verdict.value in rig.line.finished[-1].outlook.expected
    if test:
        assert test in worst_tests(record)


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
    record = rig.test("display-1", cases("lcd-monitor")["good monitor"])
    assert record.verdict is Verdict.PASS
    assert questions[0].about == "display.probe_here"
    assert len(questions) >= 7
    tags = [one.record.device.asset_tag for one in rig.line.finished]
    assert tags == ["good monitor"]
    rig.service.close()


def test_a_question_that_nobody_answers_waits_and_can_be_stopped(
    demo: StationConfig, tmp_path: Path
) -> None:
    rig = Rig(demo, tmp_path / "outbox.db")
    rig.service.take_over()
    rig.case = cases("lcd-monitor")["good monitor"]
    rig.start("display-1", "A-1")
    eventually(
        lambda: any(
            isinstance(one, SlotNotice) and isinstance(one.event, Asked) for one in list(rig.told)
        )
    )
    assert rig.line.finished == []
    rig.service.stop("display-1")
    assert rig.line.wait_for(1, 30)
    assert rig.line.finished[0].record.verdict is Verdict.ABORTED
    rig.service.close()


def test_a_device_that_was_stopped_by_the_population_is_not_stopped_by_hand(
    demo: StationConfig, tmp_path: Path
) -> None:
    """`stops_at` is what the simulated operator does, and that one has gone."""
    rig = Rig(demo, tmp_path / "outbox.db")
    rig.service.take_over()
    stopped = cases("laptop-adapter")["stopped by the operator"]
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
    good = cases("lcd-monitor")["good monitor"]
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
        if isinstance(event, Measured) and event.measurement.name == "blue_deviation":
            inside.remove(notice.slot)  # the last measurement, before the probe is let go

    rig.service.listen(watch)
    for number in range(5):
        for slot in ("display-1", "display-2"):
            rig.start(slot, f"{slot}-{number}")
        assert rig.line.wait_for(2 * number + 2, 60)
    assert {one.record.verdict for one in rig.line.finished} == {Verdict.PASS}
    assert max(len(one) for one in both) == 1
    assert len(both) == 10
    rig.service.close()


# The population and its judge


def test_a_kind_without_a_world_is_told_with_those_there_are() -> None:
    with pytest.raises(
        LookupError, match=r"toaster has no world, .* worlds of laptop-adapter, lcd"
    ):
        Population().draw("toaster", Random(1))


def test_every_case_turns_up_sooner_or_later() -> None:
    chance, population = Random(1), Population()
    for kind in CALLED_FOR:
        drawn = {population.draw(kind, chance).name for _ in range(4000)}
        assert drawn == cases(kind).keys()


@pytest.mark.parametrize(
    ("name", "verdict", "complaints"),
    [
        ("good adapter", Verdict.PASS, 0),
        ("good adapter", Verdict.FAIL, 1),
        ("good adapter", Verdict.ERROR, 1),
        ("dead adapter", Verdict.PASS, 1),
        ("dead adapter", Verdict.FAIL, 0),
        ("loose lead on the bench", Verdict.FAIL, 1),
        ("loose lead on the bench", Verdict.ERROR, 0),
    ],
)
def test_the_judge_of_the_population_finds_wrong_verdicts(
    rig: Rig, name: str, verdict: Verdict, complaints: int
) -> None:
    rig.test("adapter-1", cases("laptop-adapter")[name])
    true = rig.line.finished[-1]
    wrong = judge([Finished(true.staged, true.outlook, make_draft(verdict=verdict))])
    assert len(wrong) == complaints
    assert all(name in one for one in wrong)


def test_a_world_is_as_before_after_unplugging(demo: StationConfig) -> None:
    world = SimulatedRig(demo).worlds["keyboard-1"]
    sinks, source = list(world.circuit.sinks), world.circuit.source
    for _ in range(3):
        world.plug(SimulatedKeyboard(world.time, keys=ISO))
        world.add(Fault("finger", Onset(), keys={4}, does="nothing"))
        world.mains.voltage_v = 0.0
        world.unplug()
        world.unplug()
        assert world.circuit.sinks == sinks
        assert world.circuit.source is source
        assert world.device is None
        assert world.usb.device_at(world.usb_port) is None
        assert not any(lead.faults for lead in world.leads.values())
        assert world.mains.voltage_v == 230.0


def test_a_run_that_finished_is_paired_with_its_own_case(rig: Rig) -> None:
    record = rig.test("adapter-1", cases("laptop-adapter")["dead adapter"])
    last = rig.line.finished[-1]
    assert (last.staged.scenario.name, last.record) == ("dead adapter", record)
    assert any(isinstance(one, SlotNotice) and one.event == RunFinished(record) for one in rig.told)

"""A device whose label is not known is identified first, tested then, and remembered."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from drivers.buses import Hardware
from drivers.capabilities import Monitor
from drivers.errors import NoReply
from drivers.sim.devices.edid_memory import build_edid
from drivers.sim.world import SimulatedTime
from records import Phrase, RunRecord, Verdict
from station.compose import DEMO_RIG
from station.console import Notice, PluggedDevice, SlotNotice
from station.delivery.broker import BrokerAddress
from station.delivery.outbox import Outbox, OutboxError
from station.engine.clock import Clock
from station.engine.events import Asked, Event, Identifying, NotStarted, RunFinished, RunStarted
from station.engine.labels.asking import Seen
from station.rig.config import StationConfig, load
from station.rig.slots import SlotConfig
from station.rig.tables import InstrumentTable
from station.service import StationService
from station.service.identifying import FILE, Labels, said_by_display, said_by_usb
from station.simulate.label import line_for
from station.simulate.operator import SimulatedLine, judge
from station.simulate.rig import SimulatedRig
from station.simulate.scenarios.stage import stage
from tests.host_agent.rig import eventually
from tests.station.worlds import a, scenario

_DEMO = DEMO_RIG.read_text()
_ADAPTERS = _DEMO[_DEMO.index("[slots.adapter-1]") : _DEMO.index("[slots.display-1]")]
RIG = 'station = "pi-1"\noperator = "Ada"\n' + _ADAPTERS.replace("slots.adapter-1", "slots.left")
_MAINS = RIG[RIG.index("[slots.left.roles.mains_meter]") : RIG.index("[slots.left.roles.meter]")]
NO_MAINS = RIG.replace(_MAINS, "")
LABEL = stage(scenario("laptop-adapter"), SimulatedTime(), Random(1)).label
YES = {"identify.remembered": "y", "identify.changed": "y", "identify.cannot_pass": "y"}


class Bench:
    """A station with one slot, and an operator who reads a label."""

    def __init__(self, folder: Path, text: str = RIG) -> None:
        (path := folder / "station.toml").write_text(text)
        nobody = BrokerAddress(host="127.0.0.1", port=1)
        self.config = msgspec.structs.replace(load(path), broker=nobody)
        self.rig = SimulatedRig(self.config)
        a("laptop-adapter")(self.rig.worlds["left"], Random(1))
        self.outbox = Outbox(folder / "outbox.db")
        self.file = folder / FILE
        self.label = dict(LABEL)
        self.says = dict(YES)
        self.stop_at = ""
        self.away = False
        self.events: list[Event] = []
        self.service = self._service()

    def _service(self) -> StationService:
        service = StationService(
            self.config,
            self.rig.hardware,
            self.outbox,
            new_clock=lambda slot: Clock(self.rig.worlds[slot].time),
            simulated=True,
            labels=Labels(self.file),
        )
        service.listen(self.hear)
        return service

    def hear(self, notice: Notice) -> None:
        if not isinstance(notice, SlotNotice):
            return
        self.events.append(notice.event)
        if isinstance(notice.event, Asked) and not self.away:
            question = notice.event.question
            if question.about == self.stop_at:
                self.service.stop("left")
            elif question.choices:
                self.service.answer("left", self.says.get(question.about, "y"))
            else:
                self.service.answer("left", line_for(question, self.label))

    def test(self, tag: str = "A-1") -> list[Event]:
        """Scan a tag; return the events up to the end of the run, or of the identification."""
        self.events.clear()
        eventually(lambda: not self.service._slots["left"].busy)
        self.service.start("left", tag)
        eventually(lambda: any(isinstance(one, RunFinished | NotStarted) for one in self.events))
        return list(self.events)

    def run(self, tag: str = "A-1") -> RunRecord:
        last = self.test(tag)[-1]
        assert isinstance(last, RunFinished)
        return last.record

    def asked(self) -> list[str]:
        return [one.question.about for one in self.events if isinstance(one, Asked)]

    def close(self) -> None:
        self.service.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def test_a_label_is_asked_for_and_the_plan_follows_from_it(bench: Bench) -> None:
    events = bench.test()
    kinds = [type(one) for one in events if isinstance(one, Identifying | RunStarted)]
    assert kinds == [Identifying, RunStarted]
    record = bench.run("A-2")
    assert (record.plan, record.verdict) == ("laptop-adapter", Verdict.PASS)
    device = record.device
    assert (device.asset_tag, device.model) == ("A-2", LABEL["model"])
    assert device.nameplate == {"output_v": 19.5, "output_a": 3.33, "efficiency_mark": "VI"}
    tests = {one.test: one.verdict for one in record.steps}
    assert tests["load_points"] is Verdict.PASS
    started = next(one for one in bench.events if isinstance(one, RunStarted))
    assert started.plan.text == "Laptop adapter 19.5 V 3.33 A (65 W)"


def test_a_model_is_asked_for_once_and_shown_at_each_run(bench: Bench) -> None:
    bench.test()
    assert bench.asked()[:5] == [
        "identify.model",
        "identify.number",
        "identify.number",
        "identify.product",
        "identify.choice",
    ]
    bench.run("A-2")
    assert [one for one in bench.asked() if one.startswith("identify.")] == [
        "identify.model",
        "identify.remembered",
    ]


def test_a_label_is_remembered_over_a_restart(bench: Bench, tmp_path: Path) -> None:
    bench.run()
    assert Labels(bench.file).memory.models[0].told_by == "Ada"
    bench.close()
    bench.outbox = Outbox(tmp_path / "outbox.db")
    bench.service = bench._service()
    bench.run("A-2")
    assert "identify.remembered" in bench.asked()


def test_the_record_holds_what_was_asked_and_answered_for_the_label(bench: Bench) -> None:
    record = bench.run()
    first = record.steps[0]
    assert first.step == "bench.open"
    said = {str(one.question.values.get("rating", "")): one.answer for one in first.asked}
    assert said["output_v"] == "19.5"
    assert said["output_w"] == "65"
    assert all(not step.asked for step in record.steps[1:3])


def test_only_what_a_label_of_the_file_lacks_is_asked_for(tmp_path: Path) -> None:
    label = '[labels.adapter-65w]\nequipment = "laptop-adapter"\n'
    label += "nameplate = { output_v = 19.5, output_a = 3.33 }\n"
    bench = Bench(tmp_path, RIG + label)
    try:
        record = bench.run()
        assert [one for one in bench.asked() if "identify" in one] == ["identify.choice"]
        assert (record.plan, record.device.model) == ("adapter-65w", "")
        assert record.device.nameplate["efficiency_mark"] == "VI"
        bench.run("A-2")
        assert [one for one in bench.asked() if "identify" in one] == ["identify.remembered"]
    finally:
        bench.close()


def test_who_stops_while_the_label_is_asked_for_leaves_no_record(bench: Bench) -> None:
    bench.stop_at = "identify.product"
    assert bench.test()[-1] == NotStarted()
    assert bench.outbox.counts().waiting == 0
    assert bench.service._states["left"].asset_tag == ""
    bench.stop_at = ""
    assert bench.run("A-2").sequence == 1


def test_what_cannot_pass_is_told_before_and_only_tested_when_wanted(tmp_path: Path) -> None:
    bench = Bench(tmp_path, NO_MAINS)
    try:
        assert [one.text for one in bench.service.slots[0].unproved[0]] == [
            "Voltage and efficiency at 25, 50, 75, 100 %"
        ]
        bench.says["identify.cannot_pass"] = "n"
        assert bench.test()[-1] == NotStarted()
        bench.says["identify.cannot_pass"] = "y"
        assert bench.run("A-2").verdict is Verdict.INCOMPLETE
    finally:
        bench.close()


def test_a_label_that_says_nothing_can_leave_nothing_to_test(tmp_path: Path) -> None:
    bench = Bench(tmp_path, NO_MAINS)
    bench.label = {}
    try:
        assert bench.test()[-1] == NotStarted(Phrase("identify.nothing_possible"))
    finally:
        bench.close()


def test_a_disk_that_takes_no_record_is_told_after_the_questions(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object) -> RunRecord:
        raise OutboxError("outbox.no_room", place="/data")

    monkeypatch.setattr(bench.outbox, "begin", full)
    last = bench.test()[-1]
    assert isinstance(last, NotStarted)
    assert last.reason is not None
    assert last.reason.id == "refused.cannot_keep"


def test_a_screen_that_comes_later_sees_the_open_question(bench: Bench) -> None:
    bench.away = True
    bench.service.start("left", "A-1")
    eventually(bench.asked)
    late: list[Notice] = []
    bench.service.listen(late.append)
    assert [type(one.event) for one in late if isinstance(one, SlotNotice)] == [Identifying, Asked]
    bench.service.stop("left")
    eventually(lambda: any(_event(one, NotStarted) for one in late))


def _event(notice: Notice, kind: type[Event]) -> bool:
    return isinstance(notice, SlotNotice) and isinstance(notice.event, kind)


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff\x00", b'{"file":"pace.nameplates/9"}'])
def test_a_damaged_file_of_labels_is_set_aside_and_harms_nothing(
    tmp_path: Path, content: bytes
) -> None:
    (path := tmp_path / FILE).write_bytes(content)
    assert Labels(path).memory.models == ()
    assert not path.exists()
    (aside,) = tmp_path.iterdir()
    assert aside.read_bytes() == content


def test_a_file_that_cannot_be_written_costs_only_the_memory(bench: Bench, tmp_path: Path) -> None:
    bench.file.with_suffix(".half").mkdir()
    assert bench.run().verdict is Verdict.PASS
    assert not bench.file.exists()
    bench.run("A-2")
    assert "identify.remembered" in bench.asked()


# What the device says of itself


def test_usb_descriptors_name_the_model(bench: Bench) -> None:
    said = said_by_usb(PluggedDevice("046a:0011", "Cherry ", " G80-3000"))
    assert said == Seen("Cherry", "G80-3000")
    assert said_by_usb(PluggedDevice("046a:0011", "Cherry")) is None
    assert said_by_usb(None) is None
    bench.service.plugged("left", PluggedDevice("0bda:1", "Delta", "ADP-65JH"), just_now=False)
    record = bench.run()
    assert "identify.model" not in bench.asked()
    assert (record.device.maker, record.device.model) == ("Delta", "ADP-65JH")


class Shown:
    """A display whose EDID is `data`; an exception is raised."""

    def __init__(self, data: bytes | Exception) -> None:
        self.data = data

    def read_edid(self) -> bytes:
        if isinstance(self.data, Exception):
            raise self.data
        return self.data


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (build_edid(manufacturer="DEL", name="U2412M"), Seen("DEL", "U2412M")),
        (b"\0" * 128, None),
        (b"", None),
        (NoReply("mute"), None),
    ],
)
def test_an_edid_names_the_model(data: bytes | Exception, said: Seen | None) -> None:
    class Table:
        kind = Monitor

        def open(self, hardware: object, closing: ExitStack) -> Any:
            return Shown(data)

    roles: dict[str, Any] = {"monitor": Table()}
    slot = SlotConfig("left", "k", (), roles, {})
    hardware: Any = Hardware
    assert said_by_display(slot, hardware) == said


def test_the_rig_of_these_tests_has_no_display(bench: Bench) -> None:
    config: StationConfig = bench.config
    tables: list[InstrumentTable] = list(config.slots["left"].roles.values())
    assert not any(issubclass(one.kind, Monitor) for one in tables)


# The demonstration without labels


def test_a_simulated_line_reads_the_labels_of_what_comes_along(tmp_path: Path) -> None:
    text = re.sub(r"\[labels\..*?\n\n", "", DEMO_RIG.read_text(), flags=re.S)
    (path := tmp_path / "station.toml").write_text(text)
    nobody = BrokerAddress(host="127.0.0.1", port=1)
    config = msgspec.structs.replace(load(path), broker=nobody)
    assert {one for slot in config.slots.values() for one in slot.asks} == {
        "laptop-adapter",
        "usb-keyboard",
    }
    rig = SimulatedRig(config)
    service = StationService(
        config,
        rig.hardware,
        Outbox(tmp_path / "outbox.db"),
        new_clock=lambda slot: Clock(rig.worlds[slot].time),
        simulated=True,
        labels=Labels(tmp_path / FILE),
    )
    line = SimulatedLine(service, rig, seed=3)
    service.listen(line.hear)
    try:
        line.begin(8)
        assert line.wait_for(8, 120)
    finally:
        line.take_over()
        service.close()
    assert judge(line.finished) == []
    records = [one.record for one in line.finished]
    named = {one.device.kind: one.device.nameplate for one in records}
    assert named["laptop-adapter"]["output_v"] == 19.5
    assert named["usb-keyboard"] == {"layout": "iso-105"}
    known = {one.equipment for one in Labels(tmp_path / FILE).memory.models}
    assert "laptop-adapter" in known

"""A kind, its world, a profile and a language come from a folder outside, without a line of Python.

Each is one file: equipment of known steps with its words, a world, a profile, and a catalogue.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue

import msgspec
import pytest
from litestar.testing import TestClient

from drivers.sim.world import Resistor
from host_agent.progress import Progress
from host_agent.store import Store
from host_agent.web import create_app
from host_agent.web.live import Live
from records import RunRecord, Verdict
from station.cli import main
from station.console import Notice, SlotNotice
from station.delivery.broker import BrokerAddress
from station.delivery.outbox import Outbox
from station.engine.clock import Clock
from station.engine.events import Asked, RunFinished
from station.engine.library import SHIPPED
from station.rig.config import StationConfig, load
from station.service import StationService
from station.simulate.label import line_for
from station.simulate.rig import SimulatedRig
from station.ui.controls import Controls
from station.ui.look import SIGNS
from station.ui.screen import ScreenPainter
from tests.host_agent.store.evidence.signing import tell
from tests.host_agent.web.pages import page

EQUIPMENT = """
id = "usb-lamp"
[nameplate]
draw_a = { unit = "A", min = 0.05, max = 2.0 }
[[test]]
id = "power"
use = ["power.powers_up"]
settings = { voltage_v = 5.0, current_limit_a = "@draw_a" }
[words.en]
title = "USB lamp"
power = "The lamp takes power"
draw_a = "Current"
[words.fr]
title = "Lampe USB"
power = "La lampe prend du courant"
draw_a = "Courant"
[words.eo]
title = "USB-lampo"
power = "La lampo prenas kurenton"
draw_a = "Kurento"
"""
PROFILE = """
id = "lamp-shop"
title = "the lamp shop, 2026"
decision_rule = "simple"
[require.usb-lamp]
power = "full"
[clause.usb-lamp]
power = "L1"
[[limit]]
test = "usb-lamp.power"
of = ["supply_current"]
by = "draw_a"
rows = [{ to = 0.5, max = 0.45 }, { to = 2.0, max = 1.8 }]
source = "lamp-shop"
"""
SOURCES = '[lamp-shop]\ntext = "what our lamps took when new"\nbasis = "proposal"\n'
LANGUAGE = """
msgid ""
msgstr ""
"Language: eo\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

msgid "language.name"
msgstr "Esperanto"

msgid "language.decimal"
msgstr ","

msgid "screen.scan_here"
msgstr "Skanu etikedon."

msgid "screen.type_line"
msgstr "Finu la linion per Enter."

msgid "identify.number"
msgstr "Tajpu {rating} en {unit}."
"""
RIG = """
station = "pi-1"
language = "eo"
word_folders = ["words"]
library_folders = ["mine"]
[slots.left]
equipment = ["usb-lamp"]
profile = "lamp-shop"
[slots.left.roles]
supply = { driver = "ka3000", port = "/dev/a" }
meter = { driver = "ina219", bus = 1, address = 0x40, shunt_ohm = 0.1, max_a = 1.0 }
"""
PARTS = sum("is_part = true" in path.read_text() for path in (SHIPPED / "equipment").glob("*.toml"))
LABEL = {"model": "L1", "draw_a": "0,5"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {
        "mine/equipment/usb-lamp.toml": EQUIPMENT,
        "mine/profiles/lamp-shop.toml": PROFILE,
        "mine/profiles/sources.toml": SOURCES,
        "words/eo.po": LANGUAGE,
        "station.toml": RIG,
    }.items():
        (path := tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def config(folder: Path) -> StationConfig:
    nobody = BrokerAddress(host="127.0.0.1", port=1)
    return msgspec.structs.replace(load(folder / "station.toml"), broker=nobody)


class Line:
    """A simulated station for that file, its screen, and an operator who reads the label."""

    def __init__(self, config: StationConfig, folder: Path, ohm: float) -> None:
        self.rig = SimulatedRig(config)
        self.rig.worlds["left"].circuit.sinks.append(Resistor(ohm))
        self.outbox = Outbox(folder / "outbox.db")
        self.service = StationService(
            config,
            self.rig.hardware,
            self.outbox,
            new_clock=lambda slot: Clock(self.rig.worlds[slot].time),
            simulated=True,
        )
        self.controls = Controls(self.service, config.words)
        self.painter = ScreenPainter(self.controls, SIGNS)
        self.finished: SimpleQueue[RunRecord] = SimpleQueue()
        self.seen: list[str] = []
        self.answers: Callable[[Asked], str] = lambda asked: (
            line_for(asked.question, LABEL) if not asked.question.choices else "y"
        )
        self.service.listen(lambda notice: self.controls.hear(notice, 1000.0))
        self.service.listen(self.hear)

    def hear(self, notice: Notice) -> None:
        if isinstance(notice, SlotNotice) and isinstance(notice.event, Asked):
            self.seen.append(self.screen())
            self.service.answer("left", self.answers(notice.event))
        elif isinstance(notice, SlotNotice) and isinstance(notice.event, RunFinished):
            self.finished.put(notice.event.record)

    def screen(self) -> str:
        strips = self.painter.paint(100, 30, 1001.0, "12:34")
        return " ".join(" ".join(strip.text for strip in strips).split())

    def run(self) -> RunRecord:
        self.service.start("left", "L-1")
        return self.finished.get(timeout=30)


@pytest.fixture
def line(config: StationConfig, folder: Path) -> Iterator[Line]:
    line = Line(config, folder, 20.0)
    yield line
    line.service.close()


def test_it_is_checked_and_explained(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert main(["plan", "check", "mine"]) == 0
    kinds = len(list((SHIPPED / "equipment").glob("*.toml"))) - PARTS + 1
    assert capsys.readouterr().out == f"{kinds} equipment, 2 profiles, 0 sites: good\n"
    assert main(["station", "check", "--config", "station.toml"]) == 0
    assert "usb-lamp asks for the label: draw_a" in capsys.readouterr().out
    lamp = ["usb-lamp", "--folder", "mine", "--profile", "lamp-shop", "--set", "draw_a=0,5"]
    assert main(["plan", "explain", *lamp]) == 0
    shown = capsys.readouterr().out
    assert "current_limit_a = 0.5   [mine/equipment/usb-lamp.toml:8, @draw_a]" in shown
    assert "supply_current ≤ 0.45 A   [mine/profiles/lamp-shop.toml:9, lamp-shop]" in shown
    assert "Can end as PASS" in shown
    assert main(["plan", "list", "--folder", "mine", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert "USB-lampo" in [one["title"].get("eo") for one in listed["equipment"]]


@pytest.mark.parametrize(("ohm", "verdict"), [(20.0, Verdict.PASS), (10.5, Verdict.FAIL)])
def test_it_is_simulated_and_judged(
    config: StationConfig, folder: Path, ohm: float, verdict: Verdict
) -> None:
    line = Line(config, folder, ohm)
    try:
        record = line.run()
    finally:
        line.service.close()
    assert record.verdict is verdict
    assert (record.device.kind, record.device.nameplate) == ("usb-lamp", {"draw_a": 0.5})
    assert record.profile == "the lamp shop, 2026"
    (step,) = [one for one in record.steps if one.test == "power"]
    assert step.clause == "L1"


def test_it_is_on_the_screen_in_the_language_from_outside(line: Line) -> None:
    before = line.screen()
    assert "Skanu etikedon." in before
    assert "USB-lampo" in before
    line.run()
    assert any("Tajpu Kurento en A. " in one for one in line.seen), line.seen
    assert any("Finu la linion per Enter." in one for one in line.seen)
    line.controls.press("enter", "\r", 1002.0)
    assert "La lampo prenas kurenton" in line.screen()


def test_it_is_on_the_page_in_its_own_words(line: Line, tmp_path: Path) -> None:
    record = line.run()
    with Store(f"sqlite:///{tmp_path / 'host.db'}") as store:
        store.open()
        tell(store, "pi-1", *(one.body for one in line.outbox.waiting(100)))
        app = create_app(store, Progress(connected=True), Live(), names=[])
        with TestClient(app, base_url="http://127.0.0.1") as client:
            english = page(client, f"/runs/{record.record_id}").text
            french = page(client, f"/runs/{record.record_id}?lang=fr").text
    assert "The lamp takes power" in english
    assert "what our lamps took when new" in english
    assert "the lamp shop, 2026" in english
    assert "La lampe prend du courant" in french


# A world from outside

PRESENTER = """
id = "presenter"
[[test]]
id = "power"
use = ["power.powers_up"]
settings = { voltage_v = 5.0, current_limit_a = 0.5 }
[[test]]
id = "enumeration"
use = ["keyboard.enumeration"]
[words.en]
title = "Presenter"
power = "It takes power"
enumeration = "It answers"
"""
PRESENTED = """
[[limit]]
test = "presenter.enumeration"
of = ["enumerates"]
equals = true
source = "lamp-shop"
[require.presenter]
enumeration = "full"
"""
WORLD = """
equipment = "presenter"
[device]
twin = "keyboard"
[device.parameters]
keys = "iso-105"
[truth]
"enumeration.enumerates" = { of = "enumerates" }
[operator.answers]
"*.plugged" = "@plugged"
[[case]]
name = "good"
[[case]]
name = "dead"
parameters = { does_not_enumerate = true }
"""


def test_a_world_from_outside_is_simulated_and_each_verdict_follows_from_it(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    Path("mine/equipment/presenter.toml").write_text(PRESENTER)
    Path("mine/profiles/lamp-shop.toml").write_text(PROFILE + PRESENTED)
    Path("presenter.toml").write_text(WORLD)
    assert main(["plan", "check", "mine"]) == 0
    asked = ["--equipment", "presenter", "--profile", "lamp-shop", "--folder", "mine", "--json"]
    capsys.readouterr()
    assert main(["station", "simulate", *asked, "--runs", "1"]) == 1
    assert capsys.readouterr().err.startswith("presenter has no world, so it cannot be simulated;")
    assert main(["station", "simulate", *asked, "--world", "presenter.toml"]) == 0
    runs = [json.loads(one) for one in capsys.readouterr().out.splitlines()]
    runs = [one for one in runs if "case" in one]
    assert [(one["case"], one["verdict"], one["right"]) for one in runs] == [
        ("good", "pass", True),
        ("dead", "fail", True),
    ]

"""A kind of equipment from outside of the packages is simulated: one equipment file, one world."""

import json
from pathlib import Path

import pytest

from station.cli import main

EQUIPMENT = """
id = "numeric-keypad"

[[test]]
id = "power"
use = ["power.powers_up"]
settings = { voltage_v = 5.0, current_limit_a = 0.5, settle_s = 1.0 }
stop_on_fail = true

[[test]]
id = "enumeration"
use = ["keyboard.enumeration"]
stop_on_fail = true

[[test]]
id = "stuck_keys"
use = ["keyboard.stuck_keys"]

[words.en]
title = "Numeric keypad"
power = "Port is powered"
enumeration = "Answers as a keyboard"
stuck_keys = "No key is stuck"
"""
WORLD = """
equipment = "numeric-keypad"

[device]
twin = "keyboard"

[device.parameters]
keys = ["Keypad 0", "Keypad 1", "Keypad 5", "Keypad +"]
serial_number = { digits = "NK-####" }

[truth]
"enumeration.enumerates" = { of = "enumerates" }
"stuck_keys.stuck_keys" = { of = "stuck_keys" }

[operator.answers]
"*.plugged" = "@plugged"
"keyboard.held" = "@held"

[[case]]
name = "good keypad"

[[case]]
name = "stuck five"
parameters = { stuck_keys = ["Keypad 5"] }

[[case]]
name = "five that sticks after three seconds"
[[case.fault]]
kind = "changed"
set = { stuck_keys = ["Keypad 5"] }
from_s = 3.0

[[case]]
name = "no power at the port"
[[case.fault]]
kind = "open_lead"
at = "supply"

[[case]]
name = "cable is out"
[[case.fault]]
kind = "unplugged"
at = "keyboard"
"""
TWIN = '''
"""A lamp of one's own: takes a current, and says whether it is lit."""

from drivers.buses import Time


class SimulatedLamp:
    def __init__(self, time: Time, *, current_a: float = 0.1) -> None:
        self.current_a = current_a

    def plug(self, place):
        place.circuit.sinks.append(self)

    def current_at(self, voltage_v):
        return self.current_a if voltage_v > 3.0 else 0.0

    @property
    def seen(self):
        return {}

    def truth(self):
        return {"current_a": self.current_a}
'''
LAMP = """
id = "usb-lamp"

[[test]]
id = "power"
use = ["power.powers_up"]
settings = { voltage_v = 5.0, current_limit_a = 0.5, settle_s = 1.0 }

[words.en]
title = "USB lamp"
power = "Takes no more than it may"
"""
LAMP_PROFILE = """
id = "lamps"
title = "Lamps"
decision_rule = "simple"

[require.usb-lamp]
power = "full"

[[limit]]
test = "usb-lamp.power"
of = ["supply_current"]
max = 0.25
source = "usb-lamps"
"""
LAMP_WORLD = """
equipment = "usb-lamp"

[device]
twin = "lamp"

[device.parameters]
current_a = 0.2

[truth]
"power.supply_current" = { of = "current_a", edge = 0.005 }

[[case]]
name = "good lamp"

[[case]]
name = "hungry lamp"
parameters = { current_a = 0.3 }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {
        "equipment/numeric-keypad.toml": EQUIPMENT,
        "worlds/numeric-keypad.toml": WORLD,
        "equipment/usb-lamp.toml": LAMP,
        "profiles/lamps.toml": LAMP_PROFILE,
        "profiles/sources.toml": '[usb-lamps]\ntext = "our own"\nbasis = "proposal"\n',
        "worlds/usb-lamp.toml": LAMP_WORLD,
        "sim/lamp.py": TWIN,
    }.items():
        (path := tmp_path / name).parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def verdicts(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, str]:
    code = main(["station", "simulate", "--folder", str(folder), "--json", *words])
    told = capsys.readouterr()
    assert code == 0, told
    runs = [json.loads(line) for line in told.out.splitlines()]
    assert all(one["right"] for one in runs), runs
    return {one["case"]: one["verdict"] for one in runs}


def test_a_kind_of_known_steps_needs_one_equipment_file_and_one_world(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verdicts(folder, capsys, "--equipment", "numeric-keypad") == {
        "good keypad": "pass",
        "stuck five": "fail",
        "five that sticks after three seconds": "fail",
        "no power at the port": "error",
        "cable is out": "error",
    }


def test_a_kind_of_ones_own_may_have_a_twin_of_ones_own(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--equipment", "usb-lamp", "--profile", "lamps")
    assert verdicts(folder, capsys, *words) == {"good lamp": "pass", "hungry lamp": "fail"}


def test_another_profile_is_another_truth(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "profiles" / "strict.toml").write_text(
        LAMP_PROFILE.replace('"lamps"', '"strict"').replace("0.25", "0.15")
    )
    words = ("--equipment", "usb-lamp", "--profile", "strict")
    assert verdicts(folder, capsys, *words) == {"good lamp": "fail", "hungry lamp": "fail"}


def test_a_world_of_a_kind_without_one_is_based_on_the_file_that_it_names(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (file := tmp_path / "mine.toml").write_text(
        'based_on = "worlds/numeric-keypad.toml"\n[[case]]\nname = "dead"\n'
        "parameters = { does_not_enumerate = true }\n"
    )
    words = ("--equipment", "numeric-keypad", "--world", str(file))
    assert verdicts(folder, capsys, *words) == {"dead": "fail"}


def test_worlds_of_two_kinds_are_not_simulated_at_once(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    worlds = [str(folder / "worlds" / f"{kind}.toml") for kind in ("numeric-keypad", "usb-lamp")]
    command = ["station", "simulate", "--folder", str(folder)]
    assert main([*command, "--world", worlds[0], "--world", worlds[1]]) == 1
    assert "a world is of usb-lamp, and numeric-keypad is simulated" in capsys.readouterr().err

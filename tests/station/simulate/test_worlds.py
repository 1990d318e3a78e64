"""World files: what they say happens, and what they cannot mean is told by file and line."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from drivers.sim.place import Device
from station.cli import main
from station.compose import DEMO_RIG
from station.engine import library
from station.rig.config import load as load_config
from station.simulate.runs import Asked, Result, Simulation, as_data
from station.simulate.scenarios.files import Scenario, WorldError, load
from station.simulate.scenarios.stage import stage
from station.simulate.world import HandTime

ADAPTER, MONITOR, KEYBOARD = "laptop-adapter", "lcd-monitor", "usb-keyboard"


@cache
def simulation(equipment: str) -> Simulation:
    asked = Asked(equipment, "pace-key", (library.SHIPPED,))
    known = library.read((library.SHIPPED,))
    return Simulation(load_config(DEMO_RIG), known, asked, load_shipped(equipment))


@cache
def load_shipped(equipment: str) -> tuple[Scenario, ...]:
    from station.simulate.scenarios.files import world_of

    return load(world_of(equipment))


def write(folder: Path, text: str, name: str = "mine.toml") -> Path:
    (path := folder / name).write_text(text)
    return path


def run(folder: Path, equipment: str, text: str, number: int = 1) -> Result:
    (scenario,) = load(write(folder, text), equipment=equipment)
    return simulation(equipment).run(number, scenario)


def mistakes_of(folder: Path, text: str, equipment: str = ADAPTER) -> list[str]:
    path = write(folder, text)
    with pytest.raises(WorldError) as told:
        simulation(equipment).check(load(path, equipment=equipment))
    return [one.removeprefix(f"{path}:") for one in told.value.mistakes]


# What is wrong with a file


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("devise = 1", "1: there is no key `devise`; did you mean 'device'?"),
        ('[[fault]]\nkind = "gian"', "2: no kind of fault is called 'gian'; did you mean 'gain'?"),
        ("[[fault]]\nto_s = 1.0", "1: a fault has a `kind`: one of mute, hung, slow, "),
        (
            '[[fault]]\nkind = "gain"\nat = "metre"\nquantity = "voltage"\nby = 1.1',
            "3: the bench has no metre; did you mean 'meter'?",
        ),
        (
            '[[fault]]\nkind = "mute"\nat = "device"',
            "3: mute is a bench's fault; what a device does amiss is `changed`",
        ),
        (
            '[[fault]]\nkind = "gain"\nat = "meter"\nquantity = "volts"\nby = 1.1',
            "4: fault[0].quantity: 'volts' is not one of voltage, current, power, light",
        ),
        ('[[fault]]\nkind = "slow"\nat = "meter"', "1: fault[0]: the key `delay_s` is missing"),
        (
            '[[fault]]\nkind = "mute"\nat = "meter"\nevery_s = 5.0',
            "1: fault[0]: `every_s` and `for_s` go together",
        ),
        (
            '[[fault]]\nkind = "mute"\nat = "meter"\nevery_s = 5.0\nfor_s = 6.0',
            "1: `for_s` is more than 0, and no more than `every_s`",
        ),
        (
            '[[fault]]\nkind = "mute"\nat = "meter"\nfrom_s = 9.0\nto_s = 5.0',
            "1: a fault is there from 0 s or later, until later",
        ),
        (
            "[device.parameters]\nopen_voltage = 19.0",
            "2: the twin has no parameter `open_voltage`; did you mean 'open_voltage_v'?",
        ),
        (
            '[device.parameters]\nefficiency = "good"',
            "2: efficiency: 'good' is not a number",
        ),
        (
            '[device.parameters]\nopen_voltage_v = "@output_volts"',
            "2: the nameplate does not state output_volts",
        ),
        (
            "[device.parameters]\nidle_w = { uniform = [1.0, 0.0] }",
            "2: 1 is above 0",
        ),
        (
            '[[fault]]\nkind = "changed"\nset = { rated_voltage_v = 1.0 }',
            "3: `rated_voltage_v` is nothing that changes; ",
        ),
        (
            "[device.parameters]\nefficiency = 0.0",
            "2: efficiency: 0.0 is not a number from 0.01 to 1",
        ),
        (
            "[device.parameters]\nopen_voltage_v = inf",
            "2: open_voltage_v: inf is not a number from -1000 to 1000",
        ),
        (
            '[[fault]]\nkind = "changed"\nset = { efficiency = 0.0 }',
            "3: efficiency: 0.0 is not a number from 0.01 to 1",
        ),
        (
            "[device.parameters]\nopen_voltage_v = { choice = [19.0], weights = [0] }",
            "2: one of `weights` is above 0",
        ),
        (
            '[truth]\n"hot.hot_deviation" = { of = "hot_v", percent_off = 0 }',
            '2: truth."hot.hot_deviation": `percent_off` is a number other than 0, or `@` with a ',
        ),
        (
            '[truth]\n"hot.hot_deviation" = { of = "hot_v", percent_off = "@output" }',
            "1: truth 'hot.hot_deviation': no rating 'output'; did you mean 'output_",
        ),
        (
            '[truth]\n"hott.hot_deviation" = { of = "hot_v" }',
            "1: truth 'hott.hot_deviation': no test 'hott'; did you mean 'hot'?",
        ),
        ('[operator]\nstops_at = "hott"', "1: operator.stops_at: no test 'hott'; did you mean "),
        (
            "[device.parameters]\nidle_w = { normal = [1.0, 0.1], min = 3.0, max = 2.0 }",
            "2: min 3 is above max 2",
        ),
        ('[[fault]]\nkind = "mute"\nat = []', "3: fault[0].at: "),
        (
            '[operator.does]\n"*" = "pull_plug"',
            "1: operator.does: hands cannot 'pull_plug'; did you mean 'pulls_plug'?",
        ),
        ("[operator]\nthinks_s = -1.0", "1: operator.thinks_s: nobody thinks below 0 s"),
        ('[truth]\n"hot.x" = { of = "warmth" }', "1: truth 'hot.x': the twin tells no 'warmth'; "),
        ('based_on = "laptop"', "1: no world 'laptop'; did you mean 'laptop-adapter'?"),
        ('[device]\ntwin = "laptop_adaptor"', "2: no twin 'laptop_adaptor'; did you mean "),
        ('[[fault]]\nkind = "garbled"\nat = "load"\nshare = 2.0', "1: garbled: a share is from 0"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_the_nearest_word(
    tmp_path: Path, text: str, said: str
) -> None:
    (mistake,) = mistakes_of(tmp_path, text)
    assert mistake.startswith(said)


@pytest.mark.parametrize(
    ("equipment", "parameter", "said"),
    [
        (KEYBOARD, "chatter_every = 0", "2: chatter_every: 0 is not a number from 1 to 1e+06"),
        (KEYBOARD, "misses = { E = 0 }", "2: misses: 0 is not a number from 1 to 1e+06"),
        (KEYBOARD, "vendor_id = 70000", "2: vendor_id: 70000 is not a number from 0 to 65535"),
        (MONITOR, "contrast_ratio = 0", "2: contrast_ratio: 0 is not a number from 1 to 1e+09"),
        (MONITOR, "rated_voltage_v = 0", "2: rated_voltage_v: 0 is not a number from 0.1 to 1000"),
        (MONITOR, "white_xy = [0, 0]", "1: with these parameters the twin has no true figures: "),
        (MONITOR, "edid_bit_flip = 99999", "1: the twin refuses this: edid_bit_flip: 99999 is no "),
    ],
)
def test_a_device_that_cannot_exist_is_refused_with_its_place(
    tmp_path: Path, equipment: str, parameter: str, said: str
) -> None:
    told = mistakes_of(tmp_path, f"[device.parameters]\n{parameter}\n", equipment)
    assert [one[: len(said)] for one in told] == [said]


def test_a_profile_that_there_is_not_is_named_with_those_that_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = ["station", "simulate", "--equipment", ADAPTER, "--profile", "pace-keys"]
    assert main(asked) == 1
    assert capsys.readouterr().err == "no profile 'pace-keys'; did you mean 'pace-key'?\n"


def test_cases_of_weight_0_alone_cannot_come_along(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, '[[case]]\nname = "never"\nweight = 0\n')
    asked = ["station", "simulate", "--equipment", ADAPTER, "--world", str(path), "--runs", "2"]
    assert main(asked) == 1
    assert capsys.readouterr().err == "none of these cases comes along: each has weight 0\n"


def test_all_mistakes_of_all_cases_are_told_at_once(tmp_path: Path) -> None:
    text = """
[[case]]
name = "a"
parameters = { effciency = 0.9 }
[[case]]
name = "b"
[[case.fault]]
kind = "mute"
at = "lode"
[[case.fault]]
kind = "pressed"
keys = ["Any"]
"""
    assert [one.partition(":")[0] for one in mistakes_of(tmp_path, text)] == ["4", "9", "12"]


def test_a_world_that_is_based_on_itself_is_told(tmp_path: Path) -> None:
    (mistake,) = mistakes_of(tmp_path, 'based_on = "mine.toml"')
    assert mistake == "1: this world is based on itself"


def test_a_kind_without_a_world_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["station", "simulate", "--equipment", "panel"]) == 1
    assert capsys.readouterr().err.startswith("panel has no world, so it cannot be simulated; ")


# Truth


def test_a_device_that_dies_in_the_test_fails_from_then_on(tmp_path: Path) -> None:
    text = '[[fault]]\nkind = "changed"\nset = { dead = true }\nfrom_s = 175.0'
    result = run(tmp_path, ADAPTER, text)
    data = as_data(result)
    assert data["truth"]["device"] == "bad"
    assert data["expected"] == ["fail"]
    assert data["verdict"] == "fail"
    assert data["tests"]["load_points"] == "pass"
    assert {one["test"] for one in data["failed"]} <= {"hot", "overload"}


def test_a_fault_that_comes_after_the_run_says_nothing(tmp_path: Path) -> None:
    result = run(
        tmp_path, ADAPTER, '[[fault]]\nkind = "changed"\nset = { dead = true }\nfrom_s = 9999.0'
    )
    assert result.outlook.device == "good"
    assert result.outlook.expected == ("pass",)
    assert result.record.verdict.value == "pass"


def test_several_faults_follow_each_other(tmp_path: Path) -> None:
    text = """
[[fault]]
kind = "changed"
set = { open_voltage_v = 19.0 }
from_s = 1.0
[[fault]]
kind = "changed"
set = { open_voltage_v = 12.0 }
from_s = 3.0
to_s = 5.0
"""
    (scenario,) = load(write(tmp_path, text), equipment=ADAPTER)
    device, at = _over_time(scenario, ["open_voltage_v"])
    assert 19.4 < at[0.5]["open_voltage_v"] < 19.8
    assert [at[t]["open_voltage_v"] for t in (2.0, 4.0, 6.0)] == [19.0, 12.0, 19.0]
    assert device is not None


def test_a_parameter_fades_over_its_ramp(tmp_path: Path) -> None:
    text = '[[fault]]\nkind = "changed"\nset = { backlight = 0.2 }\nfrom_s = 2.0\nramp_s = 4.0'
    (scenario,) = load(write(tmp_path, text), equipment=MONITOR)
    _, at = _over_time(scenario, ["backlight"])
    shares = [at[t]["backlight"] for t in (1.0, 4.0, 6.0, 9.0)]
    assert shares == pytest.approx([1.0, 0.6, 0.2, 0.2])


def _over_time(scenario: Scenario, names: list[str]) -> tuple[Device, dict[float, dict[str, Any]]]:
    from random import Random

    from station.simulate.world import World

    world = World()
    staged = stage(scenario, world.time, Random(1))
    world.bring(staged.device, staged.happening, Random(1))
    seen = {}
    for _ in range(20):
        world.time.sleep(0.5)
        seen[world.now_s] = {name: getattr(staged.device, name) for name in names}
    return staged.device, seen


def test_a_figure_near_its_limit_may_be_found_on_either_side(tmp_path: Path) -> None:
    result = run(tmp_path, MONITOR, "[device.parameters]\npeak_luminance_cd_m2 = 150.5")
    assert result.outlook.device == "on the edge"
    assert set(result.outlook.expected) == {"pass", "fail"}


def test_a_person_who_says_otherwise_than_what_is_seen_makes_every_verdict_right(
    tmp_path: Path,
) -> None:
    text = "[device.parameters]\npicture_faults = true\n"
    text += '[operator.answers]\n"display.picture_faults" = false'
    result = run(tmp_path, MONITOR, text)
    assert result.outlook.operator == "otherwise"
    assert result.record.verdict.value == "pass"
    assert result.is_right
    assert result.is_missed


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_seed_gives_the_same_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], seed: int
) -> None:
    command = ["station", "simulate", "--equipment", KEYBOARD, "--case", "good keyboard"]
    command += ["--case", "key that misses one tap in ten", "--seed", str(seed), "--runs", "3"]
    told = []
    for _ in range(2):
        assert main([*command, "--json"]) == 0
        told.append(capsys.readouterr().out)
    assert told[0] == told[1]
    runs = [json.loads(line) for line in told[0].splitlines()]
    assert [one["run"] for one in runs] == [1, 2, 3]
    assert all(one["right"] for one in runs)


# Faults of the bench


def at(role: str, kind: str, **more: Any) -> str:
    lines = [f"{key} = {json.dumps(value)}" for key, value in more.items()]
    return "\n".join(["[[fault]]", f'kind = "{kind}"', f'at = "{role}"', *lines])


NOTICED = [
    *((ADAPTER, at(role, kind)) for role in ("meter", "load", "mains_meter") for kind in
      ("mute", "hung", "unplugged")),
    (ADAPTER, at("load", "garbled")),
    (ADAPTER, at("load", "cut_short")),
    (ADAPTER, at("load", "slow", delay_s=5.0)),
    (ADAPTER, at("meter", "gain", quantity="voltage", by=1.1)),
    (ADAPTER, at("meter", "offset", quantity="voltage", by=2.0)),
    (ADAPTER, at("meter", "gain", quantity="current", by=1.3)),
    (ADAPTER, at("load", "gain", quantity="current", by=1.3)),
    (ADAPTER, at("meter", "stuck_range", quantity="current", most=0.5)),
    (ADAPTER, at("meter", "frozen", from_s=10.0)),
    (ADAPTER, at("meter", "open_lead")),
    (ADAPTER, at("meter", "swapped")),
    (ADAPTER, at("meter", "noise", quantity="voltage", sd=2.0)),
    (ADAPTER, '[[fault]]\nkind = "mains"\nvoltage_v = 60.0'),
    (MONITOR, at("zones", "hand", passes=0.0)),
    (MONITOR, at("supply", "open_lead")),
    (MONITOR, at("monitor", "swapped", from_s=20.0)),
    (MONITOR, '[[fault]]\nkind = "exchanged"\nfrom_s = 20.0'),
    (MONITOR, at("device", "unplugged", from_s=20.0)),
    (KEYBOARD, at("actuator", "finger", keys=["E"])),
    (KEYBOARD, at("keyboard", "unplugged", from_s=15.0)),
    (KEYBOARD, '[[fault]]\nkind = "pressed"\nkeys = ["G"]'),
]  # fmt: skip


@pytest.mark.parametrize(
    ("equipment", "text"), NOTICED, ids=[f"{e}: {t.splitlines()[1:4]}" for e, t in NOTICED]
)
def test_a_fault_of_the_bench_is_noticed_and_condemns_no_good_device(
    tmp_path: Path, equipment: str, text: str
) -> None:
    result = run(tmp_path, equipment, text)
    assert result.outlook.bench == "faulty"
    assert result.outlook.device == "good"
    assert result.record.verdict.value == "error", as_data(result)["tests"]


@pytest.mark.parametrize(
    ("equipment", "text"),
    [
        (ADAPTER, at("meter", "slow", delay_s=0.01)),
        (ADAPTER, at("meter", "gain", quantity="voltage", by=1.001)),
        (ADAPTER, at("load", "noise", quantity="voltage", sd=0.001)),
        (MONITOR, at("zones", "stray_light", lux=0.05)),
        (KEYBOARD, at("light", "stray_light", lux=300.0)),
    ],
)
def test_a_small_fault_of_the_bench_need_not_disturb(
    tmp_path: Path, equipment: str, text: str
) -> None:
    result = run(tmp_path, equipment, text)
    assert result.outlook.expected == ("pass", "error", "incomplete")
    assert result.record.verdict.value == "pass", as_data(result)["tests"]


def test_a_bad_device_fails_on_a_bench_with_a_small_fault(tmp_path: Path) -> None:
    text = "[device.parameters]\nopen_voltage_v = 12.0\n"
    result = run(tmp_path, ADAPTER, text + at("meter", "slow", delay_s=0.01))
    assert result.outlook.expected == ("fail", "error", "incomplete")
    assert result.record.verdict.value == "fail"


# Time in which things happen


def test_what_is_due_happens_in_order_and_at_its_time() -> None:
    time, seen = HandTime(), list[tuple[str, float]]()
    time.at(3.0, lambda: seen.append(("b", time.monotonic())))
    time.at(1.0, lambda: seen.append(("a", time.monotonic())))
    time.then(0.5, lambda: seen.append(("hand", time.monotonic())))
    time.then(0.5, lambda: seen.append(("hand again", time.monotonic())))
    time.sleep(2.0)
    assert seen == [("hand", 0.5), ("a", 1.0), ("hand again", 1.0)]
    time.sleep(2.0)
    assert seen[-1] == ("b", 3.0)
    assert time.monotonic() == 4.0

"""A slot that names equipment offers a plan for each label, and says beforehand what is missing."""

import re
from pathlib import Path

import pytest

from records import Phrase, Proof, Verdict
from station.compose import DEMO_RIG
from station.rig import version_0_1
from station.rig.config import ConfigError, StationConfig, data_of, load
from tests.station.engine.libraries import EVERYTHING, GOLDEN, key_function_plan

ROOT = Path(__file__).parents[3]

GOOD = """
station = "pi-1"

[labels.adapter-65w]
equipment = "laptop-adapter"
nameplate = { output_v = 19.5, output_a = 3.33, efficiency_mark = "VI" }

[labels.adapter-12v]
equipment = "laptop-adapter"
nameplate = { output_v = 12.0, output_a = 1.5, efficiency_mark = "none" }

[slots.left]
equipment = ["laptop-adapter"]

[slots.left.roles.load]
driver = "it8500"
port = "usb:1-1.2"

[slots.left.roles.meter]
driver = "ina228"
bus = 2
address = 0x40
shunt_ohm = 0.005

[slots.left.roles.mains_meter]
driver = "pzem004t"
port = "usb:1-1.1"
"""
MAINS = GOOD[GOOD.index("\n[slots.left.roles.mains_meter]") :]


def read(folder: Path, text: str = GOOD, start_in: Path | None = None) -> StationConfig:
    (path := folder / "station.toml").write_text(text)
    return load(path, start_in=start_in)


def complaint(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(folder, text)
    return [one.removeprefix(f"{folder / 'station.toml'}: ") for one in caught.value.mistakes]


def test_each_label_is_a_plan_on_offer_in_the_order_of_the_file(tmp_path: Path) -> None:
    slot = read(tmp_path).slots["left"]
    assert [plan.id for plan in slot.plans] == ["adapter-65w", "adapter-12v", "laptop-adapter"]
    assert [plan.title for plan in slot.plans] == [
        "Laptop adapter 19.5 V 3.33 A (65 W)",
        "Laptop adapter 12 V 1.5 A (18 W)",
        "Laptop adapter",
    ]
    assert slot.kind == "laptop-adapter"
    assert list(slot.asks) == ["laptop-adapter"]
    first, second, _ = slot.plans
    assert first.incomplete == ()
    assert (first.equipment, first.profile, first.rule) == ("laptop-adapter", "pace-key", "simple")
    assert [one.test for one in first.untested] == []
    assert [(one.test, one.verdict) for one in second.untested] == [
        ("no_load_power", Verdict.SKIPPED)
    ]
    assert second.untested[0].reason == Phrase(
        "untested.choice",
        {"ratings": "efficiency_mark", "told": "none"},
        "efficiency_mark is none",
    )


def test_what_the_bench_cannot_is_known_when_the_file_is_read(tmp_path: Path) -> None:
    plan = read(tmp_path, GOOD.replace(MAINS, "")).slots["left"].plans[0]
    assert plan.incomplete == (
        "load_points: look is required, and it is not tested: adapter.load_points needs"
        " mains_meter, which the slot has not",
    )
    assert {one.test: one.verdict for one in plan.untested} == dict.fromkeys(
        ["mains", "no_load_power", "load_points", "hot", "overload"], Verdict.NOT_TESTED
    )
    assert {one.reason.id for one in plan.untested} == {"untested.lacks_role"}


def test_equipment_without_a_label_is_offered_and_its_label_asked_for(tmp_path: Path) -> None:
    text = GOOD[: GOOD.index("[labels")] + GOOD[GOOD.index("[slots") :]
    slot = read(tmp_path, text).slots["left"]
    (plan,) = slot.plans
    assert plan.id == "laptop-adapter"
    assert [planned.test for planned in plan.steps] == ["mains"]
    assert plan.incomplete == ()  # the values are asked for first
    assert plan.unproved == ()
    ask = slot.asks["laptop-adapter"]
    asked = ask.resolve({"output_v": 12.0, "output_a": 1.5, "efficiency_mark": "none"})
    assert (asked.id, asked.title) == ("laptop-adapter", "Laptop adapter 12 V 1.5 A (18 W)")
    assert asked.nameplate == {"output_v": 12.0, "output_a": 1.5, "efficiency_mark": "none"}
    assert len(asked.steps) == 5
    assert len(ask.resolve({}).incomplete) == 2  # nothing was told: known before the run starts
    assert ask.words["fr"]["rating.output_v"] == "Tension de sortie"


def test_what_a_label_of_the_file_lacks_is_asked_for(tmp_path: Path) -> None:
    slot = read(tmp_path, GOOD.replace(', efficiency_mark = "VI" }', " }")).slots["left"]
    first = slot.plans[0]
    assert (first.id, first.incomplete) == ("adapter-65w", ())
    assert list(slot.asks) == ["adapter-65w", "laptop-adapter"]
    ask = slot.asks["adapter-65w"]
    assert ask.told == {"output_v": 19.5, "output_a": 3.33}
    asked = ask.resolve({**ask.told, "efficiency_mark": "V"})
    assert (asked.id, asked.nameplate["efficiency_mark"]) == ("adapter-65w", "V")


def test_what_the_bench_cannot_is_known_before_the_label_is_asked_for(tmp_path: Path) -> None:
    text = GOOD[: GOOD.index("[labels")] + GOOD[GOOD.index("[slots") :]
    slot = read(tmp_path, text.replace(MAINS, "")).slots["left"]
    (plan,) = slot.plans
    assert plan.steps == ()
    assert [one.text for one in plan.unproved] == ["Voltage and efficiency at 25, 50, 75, 100 %"]
    assert "adapter.load_points needs mains_meter" in plan.incomplete[0]
    assert list(slot.asks) == ["laptop-adapter"]


def test_a_kind_whose_label_decides_nothing_on_this_bench_is_not_asked_for(tmp_path: Path) -> None:
    slot = load(DEMO_RIG).slots["display-1"]
    assert not slot.asks
    (path := tmp_path / "station.toml").write_text(
        GOOD.replace(
            'equipment = ["laptop-adapter"]', 'equipment = ["laptop-adapter", "usb-keyboard"]'
        )
    )
    with pytest.raises(ConfigError, match="nothing of usb-keyboard can be tested"):
        load(path)


def test_a_label_can_leave_roles_of_the_slot_aside(tmp_path: Path) -> None:
    text = GOOD.replace('"VI" }', '"VI" }\nwithout = ["mains_meter"]')
    first, second, _ = read(tmp_path, text).slots["left"].plans
    assert "load_points" not in {planned.test for planned in first.steps}
    assert "load_points" in {planned.test for planned in second.steps}


def test_a_site_and_a_profile_of_ones_own_are_used(tmp_path: Path) -> None:
    text = GOOD.replace(
        'station = "pi-1"',
        f'station = "pi-1"\nlibrary_folders = ["{EVERYTHING}"]\nsite = "workshop"',
    ).replace('equipment = ["laptop-adapter"]', 'equipment = ["laptop-adapter"]\n'
              'profile = "everything"')  # fmt: skip
    plan = read(tmp_path, text).slots["left"].plans[0]
    assert plan.guideline == "everything, for tests"
    assert plan.altered_by_site == 3
    assert {one.test: one.required for one in plan.steps}["hot"] is Proof.FULL


def test_a_start_takes_the_compiled_form_from_the_stations_data(tmp_path: Path) -> None:
    first = read(tmp_path, start_in=tmp_path / "data")
    (folder,) = (tmp_path / "data" / "library").iterdir()
    assert {path.name for path in folder.iterdir()} >= {"laptop-adapter", "usb-keyboard"}
    again = read(tmp_path, start_in=tmp_path / "data")
    checked = read(tmp_path)
    for one in (first, again):
        assert [plan.sha256 for plan in one.slots["left"].plans] == [
            plan.sha256 for plan in checked.slots["left"].plans
        ]


def test_the_folder_of_the_data_is_known_before_the_rest_is_read(tmp_path: Path) -> None:
    (path := tmp_path / "station.toml").write_text('data = "/somewhere"\nnonsense = 1\n')
    assert data_of(path) == Path("/somewhere")
    path.write_text("")
    assert data_of(path) == Path("/var/lib/pace-station")
    with pytest.raises(ConfigError, match="No such file"):
        data_of(tmp_path / "gone.toml")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('["laptop-adapter"]', '["laptop-adaptor"]',
         "equipment: no equipment 'laptop-adaptor'; did you mean 'laptop-adapter'?"),
        ('["laptop-adapter"]', '["laptop-adapter"]\nprofile = "pace"',
         "slots.left: no profile 'pace'; did you mean 'pace-key'?"),
        ('["laptop-adapter"]', '["laptop-adapter"]\nplans = ["lcd-monitor"]',
         "slots.left.plans: 'lcd-monitor' was a plan file of version 0.1: write equipment = "),
        ('["laptop-adapter"]', '["laptop-adapter"]\nkind = "x"', "slots.left.kind: leave it out"),
        ('equipment = ["laptop-adapter"]', 'plan = "mine"',
         "slots.left.plan: 'mine' named a plan file of version 0.1: write equipment and profile"),
        ('equipment = ["laptop-adapter"]', "equipment = []",
         "slots.left.equipment: a list of 0 is not what is tested there, such as"),
        ('["laptop-adapter"]', '["keyboard"]',
         "slots.left: keyboard is only a part of something: name what it is a part of"),
        ("output_v = 19.5", "output_v = 195.0",
         "labels.adapter-65w.nameplate.output_v: 195 V is not from 3 to 60"),
        ("output_v = 19.5", "output_x = 19.5",
         "slots.left: no rating 'output_x'; did you mean 'output_"),
        ('equipment = "laptop-adapter"', 'equipment = "lcd-monitor"',
         "labels.adapter-65w.equipment: no slot is for lcd-monitor; "),
        ('"VI" }', '"VI" }\nwithout = ["metre"]',
         "labels.adapter-65w.without: slots.left has no metre; did you mean 'meter'?"),
        ("[slots.left.roles.mains_meter]", "[slots.left.roles.mains_metre]",
         "slots.left.roles.mains_metre: no test of laptop-adapter needs it; did you mean 'mains_"),
        ("[slots.left.roles.load]", "[slots.left.roles.light]", "slots.left: it8500"),
        ('station = "pi-1"', 'station = "pi-1"\nsite = "x"', "slots.left: no site 'x'; "),
        ('station = "pi-1"', 'station = "pi-1"\nlibrary_folders = ["nowhere"]',
         "library_folders: "),
        ("[labels.adapter-65w]", "[labels.adapter-65w]\nmodel = 1",
         "labels.adapter-65w: there is no key `model`"),
    ],
)  # fmt: skip
def test_a_mistake_says_where_and_what_is_right(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in GOOD
    if "it8500" in said:  # a bench that can do one test of all is no mistake, only incomplete
        plan = read(tmp_path, GOOD.replace(old, new)).slots["left"].plans[0]
        assert [planned.test for planned in plan.steps] == ["mains"]
        return
    found = complaint(tmp_path, GOOD.replace(old, new, 1))
    assert any(one.startswith(said) for one in found), found


def test_a_bench_that_can_test_nothing_is_a_mistake(tmp_path: Path) -> None:
    text = GOOD.replace('["laptop-adapter"]', '["laptop-adapter", "usb-keyboard"]')
    (said,) = complaint(tmp_path, text)
    assert said.startswith("slots.left: nothing of usb-keyboard can be tested: power.powers_up")


def test_mistakes_of_the_library_are_those_of_the_station(tmp_path: Path) -> None:
    (tmp_path / "mine" / "profiles").mkdir(parents=True)
    (tmp_path / "mine" / "profiles" / "p.toml").write_text('id = "q"\ntitle = "P"\n')
    text = GOOD.replace('station = "pi-1"', 'station = "pi-1"\nlibrary_folders = ["mine"]')
    found = complaint(tmp_path, text)
    assert any("p.toml:1: id is 'q', and the file's name says 'p'" in one for one in found)


# Version 0.1


OLD = ROOT / "tests" / "data" / "version_0_1"


@pytest.mark.parametrize("name", ["demo", "installed", "simulated", "workshop"])
def test_a_configuration_of_version_0_1_is_told_what_to_write_instead(name: str) -> None:
    path = OLD / "configuration" / f"{name}.toml"
    with pytest.raises(ConfigError) as caught:
        load(path)
    text = path.read_text()
    about = [one for one in caught.value.mistakes if "plan file" in one]
    named = {plan for found in re.findall(r"^plans = \[(.*)\]", text, re.M)
             for plan in re.findall(r'"(.*?)"', found)}  # fmt: skip
    for plan in named:
        assert any(repr(plan) in one and "write equipment" in one for one in about), plan
    assert any("plan_folders" in one for one in about) is ("plan_folders" in text)


@pytest.mark.parametrize("plan", sorted(path.stem for path in (OLD / "plans").glob("*.toml")))
def test_what_is_told_for_a_shipped_plan_of_version_0_1_is_the_same_plan(
    tmp_path: Path, plan: str
) -> None:
    """The equipment and the label in the message, written as it says, resolve to that plan."""
    (said,) = version_0_1.in_slot({"plans": [plan]})
    demo = DEMO_RIG.read_text()
    unlabelled = re.sub(r"\[labels\..*?\n\n", "", demo, flags=re.S)
    (equipment,) = re.findall(r'write equipment = \["(.*?)"\]', said)
    others = re.findall(r"(?:nameplate|without) = [{[].*?[}\]]", said)
    label = [f'equipment = "{equipment}"', *others]
    (path := tmp_path / "station.toml").write_text(
        unlabelled + f"\n[labels.{plan}]\n" + "\n".join(label) + "\n"
    )
    offered = {one.id: one for slot in load(path).slots.values() for one in slot.plans}
    assert offered[plan].sha256 == key_function_plan(plan).sha256


# The demonstration


def test_the_demonstration_offers_what_the_plans_of_version_0_1_did() -> None:
    slots = load(DEMO_RIG).slots
    offered = {plan.id: plan for slot in slots.values() for plan in slot.plans}
    asked = {plan_id for slot in slots.values() for plan_id in slot.asks}
    assert asked == {"laptop-adapter", "usb-keyboard-asked"}
    assert offered.keys() - asked == {path.stem for path in GOLDEN}
    for key in offered.keys() - asked:
        assert offered[key].sha256 == key_function_plan(key).sha256
        assert offered[key].incomplete == ()

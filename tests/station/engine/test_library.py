"""Files that are read have no mistake left; one that is there says where, and what is right.

The shipped files are held to account here, too: where their figures come from, and that each tells.
"""

import shutil
import tomllib
from pathlib import Path
from types import UnionType
from typing import Annotated, Union, get_args, get_origin

import msgspec
import pytest

from records import Basis
from station.engine import library
from station.engine.library import SHIPPED, LibraryError, load, read
from station.engine.library.files import Files
from station.engine.library.tables import (
    Entry,
    Equipment,
    FromCurve,
    Limit,
    Profile,
    Rating,
    Row,
)
from tests.station.engine.libraries import EVERYTHING, everything, shipped

FOLDERS = ("equipment", "profiles", "sites")


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Return a copy of the shipped files and of those with every feature, in one folder."""
    for origin in (SHIPPED, EVERYTHING):
        for name in FOLDERS:
            for path in (origin / name).glob("*.toml"):
                (folder := tmp_path / name).mkdir(exist_ok=True)
                with (folder / path.name).open("a") as file:
                    file.write(path.read_text())
    return tmp_path


def mistakes(folder: Path) -> list[str]:
    """Return what is said of the files of a folder, without the folder's name."""
    with pytest.raises(LibraryError) as caught:
        read((folder,))
    return [one.replace(f"{folder}/", "") for one in caught.value.mistakes]


def edit(folder: Path, file: str, old: str, new: str) -> int:
    """Replace the first `old`. Return its line."""
    path = folder / file
    text = path.read_text()
    assert old in text, old
    path.write_text(text.replace(old, new, 1))
    return text[: text.index(old)].count("\n") + 1


ADAPTER = "equipment/laptop-adapter.toml"
LAPTOP = "equipment/laptop.toml"
KEYBOARD = "equipment/keyboard.toml"
KEY = "profiles/pace-key.toml"
ALL = "profiles/everything.toml"
SITE = "sites/workshop.toml"
SOURCES = "profiles/sources.toml"

# file, what is there, what its author wrote, what is said after file and line
MISTAKES = [
    (ADAPTER, 'id = "laptop-adapter"', 'id = "adapter"',
     "id is 'adapter', and the file's name says 'laptop-adapter'"),
    (ADAPTER, "@output_a", "@output_x", "no rating 'output_x'; did you mean 'output_"),
    (ADAPTER, "rated_current_a", "rated_curent_a",
     "no method of load_points has the setting 'rated_curent_a'; did you mean 'rated_current_a'?"),
    (ADAPTER, '"adapter.mains"', '"adapter.main"', "no step 'adapter.main'; did you mean 'mains'?"),
    (ADAPTER, "stop_on_fail", "stop_on_fial",
     "test[1]: there is no key `stop_on_fial`; did you mean 'stop_on_fail'?"),
    (ADAPTER, '"@output_v"', "0", "adapter.no_load: settings.rated_voltage_v: 0 is not a number"),
    (ADAPTER, '"@output_v"', '"@efficiency_mark"',
     "adapter.no_load: settings.rated_voltage_v: 'none' is not a number above 0"),
    (ADAPTER, '"@output_v"', '"@each"', "`@each` needs `for_each`"),
    (ADAPTER, "min = 3.0", "min = -3.0",
     "adapter.no_load: settings.rated_voltage_v: -3.0 is not a number above 0"),
    (ADAPTER, "min = 3.0", "min = 70.0", "nameplate.output_v: `min` is below `max`"),
    (ADAPTER, 'unit = "V", ', "", "nameplate.output_v: a number has a `unit`, and nothing"),
    (ADAPTER, ", min = 3.0, max = 60.0", "", "nameplate.output_v: a rating has either"),
    (ADAPTER, '"output_a"]', '"output_i"]', "no number 'output_i' to multiply; did you mean"),
    (ADAPTER, "[nameplate]", '[nameplate]\ncolour = { choice = ["a"] }',
     "nothing reads the rating 'colour'"),
    (ADAPTER, 'id = "hot"', 'id = "mains"', "there are two tests 'mains'"),
    (ADAPTER, 'id = "hot"', 'id = "Hot"', "test[4]: id: 'Hot' is no name of small letters"),
    (ADAPTER, 'mains = "Mains is good"', "", "[words.en] lacks mains"),
    (ADAPTER, 'mains = "Mains is good"', 'mains = " "', "the words for mains are empty"),
    (ADAPTER, 'mains = "Mains is good"', 'mains = "x"\nminas = "y"',
     "no test or rating 'minas'; did you mean 'mains'?"),
    (ADAPTER, 'use = ["adapter.hot"]', "", "test[4]: a test has either `use` or `part`"),
    (LAPTOP, 'part = "panel"', 'part = "panle"', "no equipment 'panle'; did you mean 'panel'?"),
    (LAPTOP, 'part = "panel"', 'part = "laptop"', "laptop is a part of laptop, which is a part"),
    (LAPTOP, 'for_each = "usb_ports"', 'for_each = "battery_fitted"',
     "battery_fitted is no list of `names`"),
    (LAPTOP, 'battery_fitted = "yes" }', 'battery_fitted = "maybe" }',
     "battery_fitted is never 'maybe'; known are no, yes"),
    (LAPTOP, 'battery_fitted = "yes" }', 'battery_fited = "yes" }',
     "no rating 'battery_fited'; did you mean 'battery_fitted'?"),
    (KEYBOARD, '"jis-109"]', '"jis-110"]',
     "keyboard.every_key: settings.layout: 'jis-110' is not one of"),
    (KEYBOARD, 'settings = { layout = "@layout" }', "",
     "keyboard.every_key: settings: the key `layout` is missing"),
    (KEY, '"regulation"', '"regulaton"',
     "no method measures 'regulaton' there; did you mean 'regulation'?"),
    (KEY, '"adapter.overload"', '"adapter.overlaod"',
     "no test uses the step 'adapter.overlaod'; did you mean 'adapter.overload'?"),
    (KEY, 'load_points = "look"', 'load_point = "look"',
     "no test 'laptop-adapter.load_point'; did you mean 'laptop-adapter.load_points'?"),
    (KEY, 'pixel_faults = "look"', 'pixel_faults = "full"',
     "no method of lcd-monitor.pixel_faults proves full: the best proves look"),
    (KEY, 'no_load = "look"', 'no_load = "hard"',
     "require.laptop-adapter.no_load: 'hard' is not one of look, partial, full"),
    (KEY, 'source = "proposal-regulation"', 'source = "proposal-regulaton"',
     "no source 'proposal-regulaton'; did you mean 'proposal-regulation'?"),
    (KEY, 'test = "lcd-monitor.power"', 'test = "lcd-monitor.powre"',
     "no test 'lcd-monitor.powre'; did you mean 'lcd-monitor.power'?"),
    (KEY, 'efficiency_mark = "VI"', 'efficiency_mark = "7"',
     "laptop-adapter.no_load_power: efficiency_mark is never '7'"),
    (KEY, 'when = { efficiency_mark = "VI" }\nby = "output_w"',
     'when = { efficiency_makr = "VI" }\nby = "output_w"',
     "laptop-adapter.no_load_power: no rating 'efficiency_makr'; did you mean 'efficiency_mark'?"),
    (KEY, 'by = "output_w"', 'by = "efficiency_mark"',
     "laptop-adapter.no_load_power has no number 'efficiency_mark'"),
    (KEY, "to = 49.0", "to = 490.0", "limit[1]: the rows rise in `to`"),
    (KEY, 'by = "output_w"', "", "limit[1]: `by` and `rows` go together"),
    (KEY, "level_6_efficiency", "level_7_efficiency",
     "no curve 'level_7_efficiency'; did you mean 'level_"),
    (KEY, "max = 5.0\nuncertainty = 0.5", "max = 5.0\nuncertainty = 5.5",
     "limit[0]: an uncertainty of 5.5 on both sides leaves nothing between -5 and 5"),
    (KEY, "min = -5.0\nmax = 5.0\nuncertainty = 0.5", "min = 6.0\nmax = 5.0",
     "limit[0]: min 6 is above max 5"),
    (KEY, "min = -5.0\nmax = 5.0\nuncertainty = 0.5", "uncertainty = 0.5",
     "limit[0]: a limit has exactly one of `min` or `max`, `equals`, `rows`, `curve`, `waived`"),
    (KEY, "min = -5.0\nmax = 5.0\nuncertainty = 0.5", "min = -5.0\nuncertainty = -0.5",
     "limit[0].uncertainty: -0.5 is not a number above 0"),
    (KEY, "min = -5.0\nmax = 5.0\nuncertainty = 0.5", "min = nan",
     "limit[0].min: nan is not a finite"),
    (KEY, 'step = "adapter.no_load"\n', "", "limit[0]: a limit has either `step` or `test`"),
    (KEY, "equals = true", "equals = true\nuncertainty = 0.1", "`uncertainty` needs bounds"),
    (KEY, 'step = "keyboard.chatter"', 'step = "keyboard.every_key"',
     "chatter of keyboard.every_key has a limit in line"),
    (KEY, 'decision_rule = "simple"', 'decision_rule = "simpel"',
     "decision_rule: 'simpel' is not one of simple, guarded, non-binary; the latter two may say r"),
    (KEY, 'decision_rule = "simple"', 'decision_rule = "simple 1"',
     "decision_rule: 'simple 1' is not one of simple, guarded, non-binary"),
    (KEY, 'decision_rule = "simple"', "", "`decision_rule` is missing, such as"),
    (ALL, 'based_on = "pace-key"', 'based_on = "pace-kye"',
     "no profile 'pace-kye'; did you mean 'pace-key'?"),
    (ALL, 'based_on = "pace-key"', 'based_on = "everything"', "everything has a parent"),
    (ALL, 'of = ["num_led"]', 'of = ["caps_led"]',
     "caps_led is in no unit by keyboard.leds_by_eye and lx by keyboard.leds: write a limit"),
    (ALL, 'of = ["regulation", "efficiency_25"]', 'of = ["regulation", "regulation"]',
     "a measurement stands in `of` twice"),
    (ALL, 'waived = "not asked for by this text"', 'waived = "x"\nsafety = true',
     "what is `safety` is not waived"),
    (ALL, 'hot = "thorough"', 'hot = "deep"', "'deep' is not one of quick, thorough"),
    (SITE, 'overload = "full"', 'overload = "full"\nno_load = "look"\nload_points = "look"', None),
    (SITE, 'title = "a workshop', 'based_on = "pace-key"\ntitle = "a workshop',
     "a site is based on no profile: the slot names it"),
    (SITE, 'title = "a workshop', 'decision_rule = "simple"\ntitle = "a workshop',
     "`decision_rule` is the profile's: a site has none"),
    (SITE, "max = 120.0", "max = 160.0", "overload_power is `safety` in profiles/everything.toml:"),
    (SITE, "min = 20.0\nmax = 120.0", "max = 120.0", "overload_power is `safety` in"),
    (SITE, "min = 20.0\nmax = 120.0", 'waived = "we do not care"', "overload_power is `safety` in"),
    (SITE, "min = 20.0\nmax = 120.0",
     'by = "output_a"\nrows = [{ to = 9.0, min = 20.0, max = 120.0 }]',
     "overload_power is `safety` in"),
    (SITE, 'overload = "full"', 'hot = "look"',
     "everything requires full of laptop-adapter.hot: a site asks for more, never for less"),
    (SOURCES, 'basis = "general"', 'basis = "standard"', "is not one of source, general, proposal"),
    (SOURCES, "[proposal-regulation]",
     '[nobody]\ntext = "x"\nbasis = "general"\n\n[proposal-regulation]',
     "no limit cites the source nobody"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "said"), MISTAKES)
def test_a_mistake_says_file_and_line_and_what_is_right(
    copied: Path, file: str, old: str, new: str, said: str | None
) -> None:
    line = edit(copied, file, old, new)
    if said is None:
        assert read((copied,)).kinds.keys() == everything.kinds.keys()
        return
    found = mistakes(copied)
    assert any(said in one for one in found), found
    wrong = [one for one in found if said in one]
    assert all(one.startswith(f"{file}:") for one in wrong), found
    if "lacks" not in said and "two tests" not in said:  # these tell of another line
        assert min(abs(int(one.split(":")[1]) - line) for one in wrong) <= 12, found


def test_the_line_is_that_of_the_very_value(copied: Path) -> None:
    line = edit(copied, KEY, '"regulation"', '"regulaton"')
    (said,) = mistakes(copied)
    assert said.startswith(f"{KEY}:{line}: no method measures 'regulaton'")


def test_all_mistakes_of_all_files_are_told_at_once(copied: Path) -> None:
    edit(copied, KEY, '"regulation"', '"regulaton"')
    edit(copied, KEY, '"proposal-recovery"', '"proposal-recover"')
    edit(copied, SITE, "max = 120.0", "max = 160.0")
    edit(copied, ALL, 'hot = "full"', 'hott = "full"')
    files = [said.partition(":")[0] for said in mistakes(copied)]
    assert files == [ALL, KEY, KEY, SITE]


def test_a_file_that_is_not_toml_does_not_hide_the_mistakes_of_others(copied: Path) -> None:
    (copied / KEY).write_text("id = \n")
    edit(copied, ADAPTER, '"adapter.mains"', '"adapter.main"')
    found = mistakes(copied)
    assert found[0].startswith(f"{KEY}: not TOML: Invalid value (at line 1")
    assert "no step 'adapter.main'" in found[1]
    assert len(found) == 2


def test_an_id_belongs_to_one_file(copied: Path) -> None:
    with pytest.raises(LibraryError, match=r"is in equipment/laptop-adapter\.toml, too"):
        read((SHIPPED, copied))


def test_a_plan_of_version_0_1_says_what_to_write_instead(copied: Path) -> None:
    (copied / "profiles/mine.toml").write_text(
        'id = "mine"\ntitle = "M"\nkind = "K"\nguideline = "G"\n[[step]]\nuse = "adapter.mains"\n'
    )
    (said,) = mistakes(copied)
    assert said.startswith("profiles/mine.toml:1: this is a plan file of version 0.1: ")
    assert "[[limit]]" in said
    assert 'profile = "NAME"' in said


# The compiled form


def test_the_compiled_form_says_the_same_and_only_what_is_wanted(tmp_path: Path) -> None:
    folders = (SHIPPED, EVERYTHING)
    first = load(["laptop-adapter", "laptop"], folders, tmp_path)
    again = load(["laptop-adapter"], folders, tmp_path)
    assert first.kinds["laptop"] == everything.kinds["laptop"]
    assert dict(again.kinds) == {"laptop-adapter": everything.kinds["laptop-adapter"]}
    assert again.sha256 == everything.sha256


def test_a_start_reads_no_file_whose_hash_is_known(
    copied: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path_factory.mktemp("kept")
    load(["laptop-adapter"], (copied,), kept)
    monkeypatch.setattr(library, "Files", None)
    assert load(["laptop-adapter"], (copied,), kept).kinds.keys() == {"laptop-adapter"}
    edit(copied, KEY, "max = 160.0", "max = 161.0")
    with pytest.raises(TypeError):
        load(["laptop-adapter"], (copied,), kept)


def test_a_file_that_was_edited_is_read_and_checked_again(copied: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    load(["laptop-adapter"], (copied,), kept)
    edit(copied, KEY, "max = 160.0", "max = 161.0")
    changed = load(["laptop-adapter"], (copied,), kept).kinds["laptop-adapter"]
    limits = [one.limit.max for one in changed.profiles["pace-key"].limits]
    assert 161.0 in limits
    assert len(list(kept.iterdir())) == 1
    edit(copied, KEY, '"regulation"', '"regulaton"')
    with pytest.raises(LibraryError, match="regulaton"):
        load(["laptop-adapter"], (copied,), kept)


@pytest.mark.parametrize("damage", [b"", b"\x93\x01", b"\xff" * 4000])
def test_a_damaged_compiled_form_is_made_again(tmp_path: Path, damage: bytes) -> None:
    load(["laptop-adapter"], (SHIPPED,), tmp_path)
    (folder,) = tmp_path.iterdir()
    (folder / "laptop-adapter").write_bytes(damage)
    again = load(["laptop-adapter"], (SHIPPED,), tmp_path)
    assert again.kinds["laptop-adapter"] == shipped.kinds["laptop-adapter"]
    assert (folder / "laptop-adapter").read_bytes() != damage


def test_a_start_needs_no_folder_that_can_be_written(tmp_path: Path) -> None:
    (blocked := tmp_path / "blocked").write_text("a file where a folder should be")
    found = load(["usb-keyboard"], (SHIPPED,), blocked)
    assert found.kinds["usb-keyboard"] == shipped.kinds["usb-keyboard"]


def test_what_else_is_in_the_folder_stays(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "a").write_text("mine")
    load(["usb-keyboard"], (SHIPPED,), tmp_path)
    load(["usb-keyboard"], (SHIPPED, EVERYTHING), tmp_path)
    assert (tmp_path / "records" / "a").read_text() == "mine"


@pytest.mark.parametrize("name", ["usb-keybord", "../usb-keyboard", ""])
def test_a_kind_that_there_is_not_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(LookupError, match="no equipment"):
        load([name], (SHIPPED,), tmp_path)


# What we ship


def test_every_figure_we_ship_says_where_it_comes_from() -> None:
    """A figure without a text at hand may be used, and may not be passed off as quoted."""
    standards = ("IEC", "ISO", "EN ", "Reg.", "TCO", "Level", "mark", "R2", "USB", "VESA")
    for key, file in Files().sources.items():
        text = file.table.text
        named = [one for one in standards if one in text]
        if file.table.basis == Basis.PROPOSAL.value:
            says_so = "general knowledge" in text or "less 3 points" in text
            assert not named or says_so, key
        if file.table.basis == Basis.SOURCE.value:
            assert named or "data sheet" in text or "manual" in text, key
            assert "as reported by" in text or "as quoted in" in text or "," in text or ":" in text


def test_every_limit_we_ship_can_fail_and_never_expires() -> None:
    for file in Files().profiles.values():
        for limit in file.table.limit:
            if limit.equals is not None:
                assert isinstance(limit.equals, bool), limit.of
            for low, high in limit.bounds:
                figures = [one for one in (low, high) if one is not None]
                assert not any(2020 <= one <= 2100 for one in figures), limit.of


def test_every_test_of_a_kind_that_we_ship_is_judged_by_a_limit() -> None:
    for kind in shipped.kinds.values():
        profile = kind.profiles["pace-key"]
        for place in kind.places:
            spoken = any(
                one.limit.step in place.entry.use or one.limit.test in place.names
                for one in profile.limits
            )
            assert spoken or place.id == "mains", f"{kind.id}.{place.id}"


def test_a_key_function_profile_requires_what_the_catalogue_names_and_no_more() -> None:
    required = {
        kind.id: sorted(kind.profiles["pace-key"].require) for kind in shipped.kinds.values()
    }
    assert required["laptop-adapter"] == ["laptop-adapter.load_points", "laptop-adapter.no_load"]
    assert required["usb-keyboard"] == ["keyboard.every_key", "usb-keyboard.enumeration"]
    assert required["lcd-monitor"] == [
        f"lcd-monitor.{test}"
        for test in ("backlight", "colour", "contrast", "luminance", "pixel_faults")
    ]
    assert required["atx-supply"] == ["atx-supply.rails", "atx-supply.start"]
    assert required["ps2-keyboard"] == ["ps2-keyboard.answers"]
    assert required["ps2-mouse"] == ["ps2-mouse.answers"]
    for kind in shipped.kinds.values():
        assert {proof for proof, _ in kind.profiles["pace-key"].require.values()} == {"look"}


def test_released_ids_never_vanish() -> None:
    """Records of years ago name these; a test that is no longer done keeps its place in history."""
    ids = {kind.id: {place.id for place in kind.places} for kind in shipped.kinds.values()}
    assert ids["laptop-adapter"] >= {
        "mains", "no_load", "no_load_power", "load_points", "hot", "overload",
    }  # fmt: skip
    assert ids["lcd-monitor"] >= {
        "power", "edid", "brightness", "luminance", "uniformity", "contrast", "colour",
        "backlight", "standby_power", "pixel_faults",
    }  # fmt: skip
    assert ids["usb-keyboard"] >= {
        "power", "enumeration", "stuck_keys", "every_key", "chatter", "ghosting", "leds",
    }  # fmt: skip


def test_every_curve_is_named_by_a_limit_that_we_ship() -> None:
    from station.engine.curves import CURVES

    limits = [limit for file in Files().profiles.values() for limit in file.table.limit]
    assert {limit.curve.name for limit in limits if limit.curve} == set(CURVES)


def test_copies_of_the_shipped_files_are_what_is_tested_here(copied: Path) -> None:
    names = {path.name for path in (SHIPPED / "equipment").glob("*.toml")}
    assert names <= {path.name for path in (copied / "equipment").iterdir()}
    shutil.rmtree(copied / "equipment")
    assert any("no test" in said for said in mistakes(copied))


def _keys(raw: object, kind: object, seen: dict[str, set[str]]) -> None:
    """Collect the keys that a file uses of each table, after the types that read it."""
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, UnionType):
        kind = get_args(kind)[0]
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        assert isinstance(raw, dict)
        types = {field.name: field.type for field in msgspec.structs.fields(kind)}
        seen.setdefault(kind.__name__, set()).update(raw)
        for key, value in raw.items():
            _keys(value, types[key], seen)
    elif isinstance(raw, list):
        for one in raw:
            _keys(one, get_args(kind)[0], seen)
    elif isinstance(raw, dict) and get_args(kind):
        for one in raw.values():
            _keys(one, get_args(kind)[1], seen)


def test_the_files_of_these_tests_use_every_key_that_there_is() -> None:
    """No test would try a key of the files that no file of these tests has."""
    used: dict[str, set[str]] = {}
    for sort, kind in (("equipment", Equipment), ("profiles", Profile), ("sites", Profile)):
        for path in (EVERYTHING / sort).glob("*.toml"):
            if path.name != "sources.toml":
                _keys(tomllib.loads(path.read_text()), kind, used)
    every = (Equipment, Entry, Rating, Profile, Limit, Row, FromCurve)
    for one in every:
        assert used.get(one.__name__, set()) == set(one.__struct_fields__), one.__name__

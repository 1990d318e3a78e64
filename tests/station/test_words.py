"""Every text that people read is declared where it is used, and said in every language."""

import ast
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import NamedTuple

import pytest

from records import Verdict
from records.words import SHIPPED, Phrase, language, languages, po, text
from records.words.language import NAMED, SENTENCES
from station.engine.resolved import Reason
from station.engine.step import Step, find, step_modules

ROOT = Path(__file__).parents[2]
OLD_PLANS = ROOT / "tests" / "data" / "version_0_1" / "plans"
EQUIPMENT = {
    path.stem: tomllib.loads(path.read_text("utf-8"))
    for path in (ROOT / "station" / "equipment").glob("*.toml")
}
ENGLISH, FRENCH = (po.read(SHIPPED / f"{code}.po").sentences for code in ("en", "fr"))

SAYS = {
    "BenchFault": (0,),
    "NotApplicable": (0,),
    "CommandRefused": (0,),
    "CannotKeep": (0,),
    "OutboxError": (0,),
    "KeyUnusable": (0,),
    "Phrase": (0,),
    "Doubt": (0, 1),
    "confirm": (0,),
    "count": (0,),
    "must_be_the_same": (2,),
    "must_stay_silent": (1,),
    "press_by_hand": (2,),
    "_tell": (1,),
}
"""The calls that take an id, and at which of their arguments."""

OWN = ("roles", "text")  # arguments of these calls that fill no place of a sentence
FAMILIES = (
    "adapter",
    "display",
    "keyboard",
    "power",
    "usb",
    "bench",
    "run",
    "refused",
    "screen",
    "untested",
    "outbox",
    "identify",
)
NAMES_OF_FAMILIES = ("title", "measured", "unit", "role", "kind", "plan", "key", "fail", "rating")


class Use(NamedTuple):
    """One place in the sources that says a phrase. `values` is None where they are not written."""

    id: str
    values: set[str] | None
    where: str


def sources() -> list[Path]:
    folders = ("station", "records")
    return [path for name in folders for path in sorted((ROOT / name).rglob("*.py"))]


def uses() -> Iterator[Use]:
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func).rpartition(".")[2]
            for place in SAYS.get(called, ()):
                given = node.args[place] if len(node.args) > place else None
                for one in ast.walk(given) if given is not None else ():
                    if isinstance(one, ast.Constant) and is_id(one.value):
                        where = f"{path.relative_to(ROOT)}:{node.lineno}"
                        yield Use(str(one.value), values_of(node, called), where)


def values_of(node: ast.Call, called: str) -> set[str] | None:
    if any(one.arg is None for one in node.keywords):
        return None
    names = {one.arg for one in node.keywords if one.arg and one.arg not in OWN}
    if any(one.arg == "text" for one in node.keywords):
        names.add("text")
    if called in ("Phrase", "Doubt"):
        mappings = [one for one in node.args if isinstance(one, ast.Dict)]
        if any(key is None for one in mappings for key in one.keys):
            return None
        names = {str(k.value) for m in mappings for k in m.keys if isinstance(k, ast.Constant)}
        if any(isinstance(one, ast.Name | ast.Call) for one in node.args[1:2]):
            return None
        if len(node.args) > 2 or any(one.arg == "text" for one in node.keywords):
            names.add("text")
    return names


def is_id(value: object) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"[a-z]+(\.[a-z0-9_]+)+", value))


def places(forms: tuple[str, ...]) -> set[str]:
    return {name for form in forms for _, name, _, _ in Formatter().parse(form) if name}


def steps() -> list[Step]:
    return [
        value
        for name in step_modules()
        for value in vars(__import__(f"station.steps.{name}", fromlist=["*"])).values()
        if isinstance(value, Step)
    ]


def test_every_phrase_that_is_said_is_in_the_catalogue() -> None:
    said = list(uses())
    assert len(said) > 80
    lacking = [f"{one.where}: {one.id}" for one in said if one.id not in ENGLISH]
    assert not lacking


def test_every_place_of_a_sentence_is_filled_where_it_is_said() -> None:
    checked = 0
    for one in uses():
        if one.values is None or one.id not in ENGLISH:
            continue
        checked += 1
        for forms in (ENGLISH[one.id], FRENCH[one.id]):
            assert places(forms) <= one.values, f"{one.where}: {one.id}"
    assert checked > 60


def test_every_sentence_of_the_catalogue_is_used() -> None:
    code = {
        node.value
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    unused = [
        name
        for name in ENGLISH
        if name.partition(".")[0] in FAMILIES
        and name not in code
        and not (name.startswith("screen.") and name.partition(".")[2].removeprefix("key_") in code)
        and not name.startswith("screen.key_")
    ]
    assert not unused


def test_every_step_measurement_unit_and_role_has_a_name() -> None:
    wanted = {f"title.{one.name}" for one in steps()}
    wanted |= {f"measured.{name}" for one in steps() for name in one.units}
    wanted |= {f"unit.{unit}" for one in steps() for unit in one.units.values() if unit}
    wanted |= {f"role.{role}" for one in steps() for role in one.roles if role != "clock"}
    old = [tomllib.loads(path.read_text("utf-8")) for path in OLD_PLANS.glob("*.toml")]
    assert len(old) == 6
    wanted |= {f"plan.{one['id']}" for one in old} | {f"kind.{one['kind']}" for one in old}
    wanted |= {f"kind.{name}" for name, one in EQUIPMENT.items() if not one.get("is_part")}
    wanted |= {f"plan.{one.value}" for one in Reason}
    wanted |= {"title.bench.open", "title.bench.make_safe", "title.run.conclude"}
    families = ("title", "measured", "role", "plan", "kind")
    assert wanted <= ENGLISH.keys()
    said = {name for name in ENGLISH if name.partition(".")[0] in families}
    assert said - wanted == set(), "nothing has these names any more"


def test_every_verdict_has_its_words_and_what_to_do_next() -> None:
    endings = ["pass", "marginal", "fail", "error", "aborted", "incomplete"]
    for ending in endings:
        assert {f"verdict.{ending}", f"next.{ending}"} <= ENGLISH.keys()
    assert {f"step.{one}" for one in Verdict if one is not Verdict.INCOMPLETE} <= ENGLISH.keys()


@pytest.mark.parametrize("name", sorted(name for name in ENGLISH if name.startswith("fail.")))
def test_a_sentence_of_a_failure_is_about_a_measurement_of_a_step(name: str) -> None:
    generic = ("too_low", "too_high", "outside", "not_equal")
    measured = name.partition(".")[2]
    if measured in generic:
        return
    of = [one for one in steps() if measured in one.units]
    assert of
    usual = {"count", "value", "name", "min", "max", "wanted"}
    for one in of:
        if one.name in ("keyboard.every_key_by_hand",):
            continue  # no key is tapped there: the general sentence is said
        assert places(ENGLISH[name]) <= usual | one.units.keys(), one.name


@pytest.mark.parametrize("code", sorted(set(languages()) - {"en"}))
def test_a_shipped_language_is_complete(code: str) -> None:
    said = po.read(SHIPPED / f"{code}.po")
    assert said.headers["Language"] == code
    assert ENGLISH.keys() == said.sentences.keys()


@pytest.mark.parametrize("code", sorted(set(languages()) - {"en"}))
def test_a_translation_fills_the_same_places(code: str) -> None:
    said = po.read(SHIPPED / f"{code}.po").sentences
    for name, forms in ENGLISH.items():
        assert places(said[name]) <= places(forms), name
        assert places(forms) - places(said[name]) <= {"count"}, name


@pytest.mark.parametrize("code", languages())
@pytest.mark.parametrize("kind", sorted(EQUIPMENT))
def test_shipped_equipment_brings_its_words_in_every_shipped_language(kind: str, code: str) -> None:
    said = EQUIPMENT[kind]["words"]
    assert said[code].keys() == said["en"].keys()


def test_what_holds_a_family_of_names_is_one_of_the_families() -> None:
    assert set(NAMED.values()) <= {*NAMES_OF_FAMILIES, *FAMILIES}
    assert set(SENTENCES) == {"because", "answer"}


def test_a_released_id_never_vanishes() -> None:
    released = (SHIPPED / "released.txt").read_text("utf-8").splitlines()
    assert released == sorted(set(released))
    assert len(released) > 300
    assert not set(released) - ENGLISH.keys(), "records in the world hold these ids"


@pytest.mark.skipif(shutil.which("msgfmt") is None, reason="msgfmt is not installed: gettext")
@pytest.mark.parametrize("code", sorted(set(languages()) - {"en"}))
def test_gettext_finds_no_fault_in_a_translation(code: str, tmp_path: Path) -> None:
    """By id it cannot compare formats: so in a file with English as what is translated."""
    file = tmp_path / f"{code}.po"
    said = po.read(SHIPPED / f"{code}.po")
    file.write_text(bilingual(said), encoding="utf-8")
    run = ["msgfmt", "-c", "-o", str(tmp_path / "out.mo"), str(file)]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    spoiled = file.read_text("utf-8").replace("{slot}", "{slto}", 1)
    if spoiled.count("{slto}"):
        file.write_text(spoiled, encoding="utf-8")
        done = subprocess.run(run, capture_output=True, text=True, check=False)
        assert done.returncode != 0, "or the check could not fail"


def bilingual(said: po.Catalogue) -> str:
    """Return a translation as a PO file with the id as context and English as `msgid`."""
    head = [
        "Content-Type: text/plain; charset=UTF-8",
        *(f"{k}: {v}" for k, v in said.headers.items()),
    ]
    rows = ['msgid ""', 'msgstr ""', *(quoted(f"{one}\n") for one in head), ""]
    for name, forms in said.sentences.items():
        english = ENGLISH[name]
        rows += ["#, python-brace-format", f"msgctxt {quoted(name)}", f"msgid {quoted(english[0])}"]
        if len(forms) == 1:
            rows += [f"msgstr {quoted(forms[0])}", ""]
            continue
        rows.append(f"msgid_plural {quoted(english[-1])}")
        rows += [f"msgstr[{place}] {quoted(form)}" for place, form in enumerate(forms)]
        rows.append("")
    return "\n".join(rows)


def quoted(said: str) -> str:
    escaped = said.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def test_a_phrase_of_a_record_reads_the_same_in_its_own_words() -> None:
    phrase = Phrase("adapter.lead_broken", {"meter_v": 19.5, "load_v": 2.0})
    assert phrase.words == text(phrase) == language().text(phrase)
    assert find("adapter.load_points").name == "adapter.load_points"

"""Programs and tests go by ids: no word of English decides anything.

A sentence may be reworded, and a screen speak French. A program that compares a phrase of English
would go another way then, and a test that repeats a sentence of a catalogue would break.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from records.words import po

ROOT = Path(__file__).parents[1]
CATALOGUES = (ROOT / "records" / "words" / "en.po", ROOT / "host_agent" / "web" / "words" / "en.po")
FIRMWARE = ROOT / "station" / "firmware"
PROGRAMS = ("station", "records", "host_agent", "hil_tests")
DIALOGUES = {
    "station/simulate/scenarios/device.py": "the source of a device, which is Python",
    "hil_tests/kernel/test_kernel_devices.py": "a printer says so of itself",
    "hil_tests/kernel/test_kernel_i2c.py": "the bytes of an EDID, in hexadecimal",
    "hil_tests/kernel/test_kernel_keyboard.py": "what libusb says while the kernel forgets",
}
"""Modules that compare what a device or a library says, and not what we say."""

PHRASE = re.compile(r"[A-Za-z]{2,} [A-Za-z]{2,}")
SENTENCE = re.compile(r"\w+ \w+ \w+")
TAKES_A_TEXT_APART = {
    *("startswith", "endswith", "count", "index", "find", "partition", "rpartition"),
    *("split", "search", "match", "fullmatch"),
}


def literals(node: ast.AST) -> Iterator[ast.Constant]:
    """Yield the texts that are written in an expression as a whole."""
    if isinstance(node, ast.JoinedStr):
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node
    for child in ast.iter_child_nodes(node):
        yield from literals(child)


def compared(node: ast.AST) -> Iterator[ast.Constant]:
    """Yield the texts that something is compared with, anywhere in a program."""
    for one in ast.walk(node):
        match one:
            case ast.Compare(left=left, comparators=others):
                for side in (left, *others):
                    yield from literals(side)
            case ast.Call(func=ast.Attribute(attr=name), args=given) if name in TAKES_A_TEXT_APART:
                for argument in given:
                    yield from literals(argument)
            case ast.match_case(pattern=pattern):
                yield from literals(pattern)


def conditions(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what decides which way a program goes."""
    for one in ast.walk(node):
        match one:
            case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
                yield test
            case ast.comprehension(ifs=tests):
                yield from tests
            case ast.match_case(pattern=pattern):
                yield pattern


def expected(node: ast.AST) -> Iterator[ast.Constant]:
    """Yield the texts of assertions and of `pytest.raises(match=…)`."""
    for one in ast.walk(node):
        match one:
            case ast.Assert(test=test):
                yield from literals(test)
            case ast.keyword(arg="match", value=value):
                yield from literals(value)


def modules(*folders: str) -> list[Path]:
    """Return the modules of folders; those that run on fixture boards know no catalogue."""
    found = [path for name in folders for path in (ROOT / name).rglob("*.py")]
    return sorted(path for path in found if FIRMWARE not in path.parents)


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def sentences() -> set[str]:
    """Return what the catalogues say in English, without what fills the places."""
    return {
        form
        for path in CATALOGUES
        for name, forms in po.read(path).sentences.items()
        if not name.startswith("plan.")  # a title that equipment files have, too
        for form in forms
    }


def said_in(text: str, known: set[str]) -> bool:
    """Tell whether a text is a sentence, or three words or more of one."""
    part = SENTENCE.search(text) is not None
    return text in known or (part and any(text.strip() in sentence for sentence in known))


def test_no_program_compares_a_phrase_of_english() -> None:
    assert len(modules(*PROGRAMS)) > 150
    found = [
        f"{path.relative_to(ROOT)}:{one.lineno}: {one.value!r}"
        for path in modules(*PROGRAMS)
        if str(path.relative_to(ROOT)) not in DIALOGUES
        for one in compared(parsed(path))
        if PHRASE.search(str(one.value))
    ]
    assert found == []


def test_each_dialogue_that_is_excepted_is_there() -> None:
    for name in DIALOGUES:
        assert any(PHRASE.search(str(one.value)) for one in compared(parsed(ROOT / name))), name


def test_no_test_goes_another_way_by_a_phrase_of_a_catalogue() -> None:
    known = sentences()
    found = [
        f"{path.relative_to(ROOT)}:{one.lineno}: {one.value!r}"
        for path in modules("tests")
        for condition in conditions(parsed(path))
        for one in literals(condition)
        if PHRASE.search(str(one.value)) and said_in(str(one.value), known)
    ]
    assert found == []


def test_no_test_of_the_station_repeats_a_sentence_of_a_catalogue() -> None:
    known = sentences()
    found = [
        f"{path.relative_to(ROOT)}:{one.lineno}: {one.value!r}"
        for path in modules("tests/station", "tests/line", "tests/systemd")
        for one in expected(parsed(path))
        if SENTENCE.search(str(one.value)) and said_in(str(one.value), known)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("program", "found"),
    [
        ("if 'is busy' in why: stop()", ["is busy"]),
        ("why.startswith('not in test')", ["not in test"]),
        ("if said == f'port {name} of it': pass", []),
        ("if why.id == 'refused.busy': stop()", ["refused.busy"]),
    ],
)
def test_a_comparison_is_found_where_it_stands(program: str, found: list[str]) -> None:
    assert [one.value for one in compared(ast.parse(program))] == found

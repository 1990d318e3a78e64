"""Every value that tomllib finds has a line, whatever the file looks like."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records.toml.lines import Key, read, scan
from records.toml.tables import MistakesInFile

ROOT = Path(__file__).parents[3]
OURS = [
    path
    for folder in ("drivers", "station", "tests", "hil_tests", "virtual_rig")
    for path in sorted((ROOT / folder).rglob("*.toml"))
]


def leaves(data: Any, key: Key = ()) -> set[Key]:
    found = {key} if key else set()
    items: Any = ()
    if isinstance(data, dict):
        items = data.items()
    elif isinstance(data, list):
        items = enumerate(data)
    for name, value in items:
        found |= leaves(value, (*key, name))
    return found


def with_tables_around(lines: dict[Key, int]) -> set[Key]:
    """`[a.b]` makes `a`, which has no line of its own."""
    return {key[:size] for key in lines for size in range(1, len(key) + 1)}


def test_every_value_of_every_file_of_the_project_has_a_line() -> None:
    assert len(OURS) > 20
    for path in [*OURS, ROOT / "pyproject.toml"]:
        text = path.read_text()
        assert leaves(tomllib.loads(text)) == with_tables_around(scan(text)), path


TEXT = '''\
# a remark with = and [ and "
a = """
line 3 = "x"
\\""""
'b.c' = [ # one
  1,
  { d = 2, "e]" = [3,
    4] },
]

[[f]]
g.h = '# no remark'
[[f]]
[f.g]
i = 1979-05-27T07:32:00Z
[[f.j]]
[[f.j]]
k = "[[f]]"
'''


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_lines_are_those_that_an_editor_shows(ending: str) -> None:
    lines = scan(TEXT.replace("\n", ending))
    assert lines == {
        ("a",): 2,
        ("b.c",): 5,
        ("b.c", 0): 6,
        ("b.c", 1): 7,
        ("b.c", 1, "d"): 7,
        ("b.c", 1, "e]"): 7,
        ("b.c", 1, "e]", 0): 7,
        ("b.c", 1, "e]", 1): 8,
        ("f", 0): 11,
        ("f", 0, "g", "h"): 12,
        ("f", 1): 13,
        ("f", 1, "g"): 14,
        ("f", 1, "g", "i"): 15,
        ("f", 1, "j", 0): 16,
        ("f", 1, "j", 1): 17,
        ("f", 1, "j", 1, "k"): 18,
    }


KEYS = st.text(max_size=4)
VALUES = st.recursive(
    st.booleans() | st.integers(-9, 9) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def written(value: Any) -> str:
    """Return a value as TOML with all its brackets on lines of their own where that is allowed."""
    if isinstance(value, dict):
        pairs = (f"{quoted(key)} = {written(one)}" for key, one in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[ # ]\n" + "".join(f"{written(one)},\n" for one in value) + "]"
    return quoted(value) if isinstance(value, str) else str(value).lower()


def quoted(text: str) -> str:
    return '"' + "".join(f"\\U{ord(char):08x}" if not _plain(char) else char for char in text) + '"'


def _plain(char: str) -> bool:
    return char.isprintable() and char not in '"\\'


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_any_valid_text_is_scanned_in_full(data: dict[str, Any]) -> None:
    text = "".join(f"{quoted(key)} = {written(value)} # = [\n" for key, value in data.items())
    assert tomllib.loads(text) == data
    lines = scan(text)
    assert leaves(data) == with_tables_around(lines)
    for key, line in lines.items():
        if isinstance(key[-1], str):
            assert quoted(key[-1]) in text.split("\n")[line - 1]


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    size: int = 0


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    title: str
    part: list[Inner] = []
    named: dict[str, Inner] = {}


def complaint(folder: Path, text: str | bytes) -> list[str]:
    (path := folder / "f.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(MistakesInFile) as caught:
        read(path, "f.toml").convert(Outer)
    return list(caught.value.mistakes)


def test_all_mistakes_of_a_file_are_told_at_once_each_with_its_line(tmp_path: Path) -> None:
    text = '\n[[part]]\nsize = "x"\n[[part]]\n\nsiez = 1\n[named."a.b: c"]\n\nsize = 1.5\n'
    assert complaint(tmp_path, text) == [
        "f.toml:3: part[0].size: 'x' is not a whole number",
        "f.toml:4: part[1]: there is no key `siez`; did you mean 'size'?",
        'f.toml:9: named."a.b: c".size: 1.5 is not a whole number',
        "f.toml:1: the key `title` is missing",
    ]


@pytest.mark.parametrize("text", ["a = [\n", b"\xff", "a = " + "[" * 20_000])
def test_a_file_that_is_not_toml_is_one_mistake(tmp_path: Path, text: str | bytes) -> None:
    (said,) = complaint(tmp_path, text)
    assert said.startswith("f.toml: not TOML: ")


def test_a_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(MistakesInFile, match=r"gone\.toml: No such file"):
        read(tmp_path / "gone.toml")

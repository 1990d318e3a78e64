"""Prose in the code has things for subjects: no riddle begins "What …", and nobody acts in it.

Ruff's D401 asks for a verb at the beginning of a function's docstring; this is the rest.
"""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = (
    *("records", "drivers", "station", "host_agent"),
    *("hil_tests", "virtual_rig", "benchmarks", "tests"),
)
MODULES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))

RIDDLE = re.compile(
    r"(What|Who|Whom|Whose|Which|Where|When|Why|How|Whether|Whatever|Whoever"
    r"|That|Those|One that|Nobody|Somebody|Someone)\b"
)
PERSON = re.compile(r"(?<!`)\b(nobody|somebody|someone|whoever|whomever)\b", re.IGNORECASE)


def docstrings(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of each string that stands alone: those of attributes, too."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield node.lineno, text


def comments(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of each comment."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def riddles(source: str) -> list[str]:
    """Return the docstrings that begin as a riddle, each with its line."""
    if not re.search(f"[\"']{RIDDLE.pattern}", source):
        return []  # in a hundredth of the time
    return [f"line {at}: {text[:60]}" for at, text in docstrings(source) if RIDDLE.match(text)]


def persons(source: str) -> list[str]:
    """Return the unnamed persons in docstrings and comments, each with its line."""
    if not PERSON.search(source):
        return []
    prose = (*docstrings(source), *comments(source))
    return [f"line {at}: {one[0]}" for at, text in prose for one in PERSON.finditer(text)]


def test_riddles_and_persons_are_found_where_they_stand() -> None:
    source = '"""What it is."""\nA = 1\n"""How it is."""\ndef f(): "Return `nobody`."  # somebody\n'
    assert riddles(source) == ["line 1: What it is.", "line 3: How it is."]
    assert persons(source) == ["line 4: somebody"]
    assert riddles('"""Whatsoever, Thatcher, Howitzers."""\nB = "What it is."\n') == []
    assert len(MODULES) > 300


def found(look: Callable[[str], list[str]], but: tuple[Path, ...] = ()) -> list[str]:
    """Return the findings in all modules but some, each with its module."""
    return [
        f"{path.relative_to(ROOT)}, {one}"
        for path in MODULES
        if path not in but
        for one in look(path.read_text(encoding="utf-8"))
    ]


def test_no_docstring_begins_as_a_riddle() -> None:
    assert found(riddles) == []


def test_no_unnamed_person_acts_in_prose() -> None:
    assert found(persons, but=(Path(__file__),)) == []

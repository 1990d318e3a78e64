"""The documentation against the programs: links, figures, outputs, examples."""

import json
import re
import socket
import tomllib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from drivers import find
from host_agent import cli as host_cli
from records import Receipt, RunRecord, StationState, words
from station import cli as station_cli
from station.console import SlotNotice
from tests.docs.generate import commands, fresh
from tests.docs.pages import DOCS, ROOT, Block, blocks, pages
from tests.docs.plans import all_steps
from tests.pictures import tutorial as pictures

LINK = re.compile(r"\[[^][]*\]\(([^()\s]+)\)")
FENCE = re.compile(r"^ *```.*?^ *```$", re.S | re.M)
HEADING = re.compile(r"^#+ (.+)$", re.M)
RECORD = re.compile(r"<!-- record: (\w+) -->\n```json\n(.*?)```", re.S)
CELL_CODE = re.compile(r"^\| `([^`]+)`", re.M)

every_page = pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)


@every_page
def test_what_is_made_from_the_code_is_fresh(page: Path) -> None:
    """`python -m tests.docs.generate` writes it again."""
    text = page.read_text(encoding="utf-8")
    assert fresh(text) == text


def anchors(page: Path) -> set[str]:
    """Return a page's anchors as GitHub makes them from headings."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    words = (heading.strip().lower() for heading in HEADING.findall(text))
    return {re.sub(r"[^\w\- ]", "", word).replace(" ", "-") for word in words}


def test_the_readme_names_every_script_folder_page_and_kind_of_equipment() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    scripts = [path.name for path in (ROOT / "script").iterdir() if path.is_file()]
    folders = [f"{path.parent.name}/" for path in ROOT.glob("*/*.py")]
    kinds = [path.stem for path in (ROOT / "station/equipment").glob("*.toml")]
    parts = {"keyboard", "panel"}  # of other kinds, and never tested alone
    named = [f"`{name}`" for name in (*scripts, *folders, *sorted({*kinds} - parts))]
    guides = [f"(docs/how-to/{path.name})" for path in (DOCS / "how-to").glob("*.md")]
    missing = [name for name in (*named, *guides, "(SECURITY.md)") if name not in text]
    assert len(scripts) > 5
    assert not missing


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


@every_page
def test_no_page_knows_the_machine_it_was_written_on(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"/(?:work|root|home|tmp)/\S*", text)
    assert not found
    assert not re.search(rf"\b{re.escape(socket.gethostname())}\b", text)


def parses_as_toml(text: str) -> None:
    tomllib.loads(text)


def parses_as_json(text: str) -> None:
    json.loads(text)


def parses_as_python(text: str) -> None:
    compile(text, "page", "exec")


PARSERS: dict[str, Callable[[str], None]] = {
    "toml": parses_as_toml,
    "json": parses_as_json,
    "python": parses_as_python,
}
PARSED = [block for page in pages() for block in blocks(page) if block.language in PARSERS]


@pytest.mark.parametrize("block", PARSED, ids=lambda block: f"{block.page.stem}-{block.line}")
def test_examples_are_what_they_claim_to_be(block: Block) -> None:
    PARSERS[block.language](block.text)


def records(kind: str) -> list[str]:
    found = [pair for page in pages() for pair in RECORD.findall(page.read_text("utf-8"))]
    return [text for name, text in found if name == kind]


@pytest.mark.parametrize("kind", [RunRecord, Receipt, StationState, SlotNotice])
def test_records_on_the_pages_are_records(kind: type[msgspec.Struct]) -> None:
    """Nothing is in them that the contract does not know, and nothing that it leaves out."""
    shown = records(kind.__name__)
    assert shown
    for text in shown:
        record = msgspec.json.decode(text, type=kind)
        assert json.loads(msgspec.json.encode(record)) == json.loads(text)


def test_the_screen_of_the_tutorial_says_what_the_screen_says() -> None:
    tutorial = (DOCS / "tutorial" / "first-run.md").read_text(encoding="utf-8")
    for said in ("screen.taken_over", "screen.simulated", "display.bright_pixels.black"):
        assert words.text(said) in tutorial
    for ending in ("pass", "marginal", "fail", "error", "aborted", "incomplete"):
        assert f"| {words.text(f'verdict.{ending}')} |" in tutorial
    drawn = [one.name for one in pictures.pictures()]
    assert re.findall(r"pictures/([\w.-]+)", tutorial) == drawn, "in the order of the story"


def source() -> str:
    """Return the programs' text, with literals joined as Python joins them."""
    files = [path for name in ("station", "drivers") for path in (ROOT / name).rglob("*.py")]
    files.append(words.SHIPPED / "en.po")
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    return re.sub(r'"\s*\n\s*f?"', "", text)


def test_the_reasons_that_can_be_looked_up_are_reasons_that_are_given() -> None:
    page = (DOCS / "how-to" / "find-out-why.md").read_text(encoding="utf-8")
    table = page[page.index("| the reason says") :].partition("\n\n")[0]
    said = source()
    quoted = [text for text in CELL_CODE.findall(table) if not text.startswith("held by")]
    assert len(quoted) > 8
    for text in quoted:
        for part in text.split("…"):
            assert part.strip() in said, text


@pytest.mark.parametrize("name", ["pace", "pace-host"])
def test_every_command_is_in_the_reference(name: str) -> None:
    parser = {"pace": station_cli.build_parser, "pace-host": host_cli._parser}[name]()
    reference = (DOCS / "reference" / "command-line.md").read_text(encoding="utf-8")
    missing = [one for one, _ in commands(parser) if f"$ {one} --help" not in reference]
    assert not missing


def test_every_driver_and_every_step_has_its_place() -> None:
    assert set(find.names()) <= anchors(DOCS / "reference" / "instruments.md")
    steps = {one.name.replace(".", "") for one in all_steps()}
    assert steps <= anchors(DOCS / "reference" / "plans.md")


def test_decisions_are_numbered_and_say_what_a_decision_says() -> None:
    found = sorted((DOCS / "decisions").glob("[0-9]*.md"))
    assert [int(path.name[:4]) for path in found] == list(range(1, len(found) + 1))
    index = (DOCS / "decisions" / "README.md").read_text(encoding="utf-8")
    for path in found:
        headings = HEADING.findall(path.read_text(encoding="utf-8"))
        assert headings[0].startswith(f"{int(path.name[:4])}. ")
        assert headings[1:] == ["Context", "Decision", "Consequences"]
        assert f"({path.name})" in index

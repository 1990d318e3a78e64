"""Build tools are what their lists name, to the byte."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LISTS = sorted((ROOT / "script/tools").glob("*.txt"))


@pytest.mark.parametrize("listed", LISTS, ids=lambda path: path.stem)
def test_a_list_pins_versions_and_the_hash_of_each_file(listed: Path) -> None:
    entries = re.split(r"\n(?=\S)", listed.read_text().strip())
    assert entries[0].startswith(f"{listed.stem}==")
    for entry in entries:
        assert re.match(r"[\w.-]+==[\w.]+( ; [^\\]+)? \\\n", entry), entry
        hashes = re.findall(r"--hash=sha256:([0-9a-f]{64})\b", entry)
        assert len(hashes) == entry.count("--hash=") >= 1


def test_no_script_installs_anything_whose_hash_it_does_not_know() -> None:
    installs = [
        (script.name, line.strip())
        for script in (ROOT / "script").iterdir()
        if script.is_file()
        for line in script.read_text().splitlines()
        if "pip install" in line or '/pip" install' in line
    ]
    assert {name for name, _ in installs} == {"bootstrap", "tool"}
    for name, line in installs:
        # Ours itself is what stands here, and brings nothing along.
        assert "--require-hashes" in line or "--no-deps --editable ." in line, (name, line)

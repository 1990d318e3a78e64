"""Each folder is one room and each module one idea: both can be looked through."""

import subprocess
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
MOST_MODULES = 15
MOST_LINES = 400
PACKAGES = (
    *("records", "drivers", "station", "host_agent", "hil_tests"),
    *("virtual_rig", "benchmarks", "chaos"),
)


def modules() -> list[Path]:
    """Every module that git knows, from the root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "*.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    found = [Path(name) for name in listed.stdout.split("\0") if name]
    return found or [path.relative_to(ROOT) for path in ROOT.glob("[a-z]*/**/*.py")]


def test_no_folder_holds_more_than_fifteen_modules() -> None:
    held = Counter(path.parent for path in modules() if path.name != "__init__.py")
    assert held
    assert {str(folder): n for folder, n in held.items() if n > MOST_MODULES} == {}


def test_no_module_of_the_packages_has_more_than_400_lines() -> None:
    of_packages = [path for path in modules() if path.parts[0] in PACKAGES]
    assert of_packages
    lengths = {
        str(path): len((ROOT / path).read_text(encoding="utf-8").splitlines())
        for path in of_packages
        if (ROOT / path).exists()
    }
    assert {name: n for name, n in lengths.items() if n > MOST_LINES} == {}

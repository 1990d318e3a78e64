"""`python -m virtual_rig [pytest arguments]`: a full cycle, from kernel to exit code.

Without the names of tests all of hil_tests run, in guests side by side: what they wait for (cables,
sensors, time-outs) costs no processor.
"""

import ast
import logging
import os
import resource
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

from virtual_rig.guest.session import PLUGINS
from virtual_rig.qemu import cycle, frozen, kernel, machine, packages, root_disk
from virtual_rig.qemu.frozen import Frozen
from virtual_rig.qemu.root_disk import ROOT

CACHE = ROOT / ".cache/virtual-rig"
OUT = CACHE / "out"
DIED = CACHE / "died"
"""The folder of what guests that hung or died have left; `OUT` is the next run's."""
NO_PLUGINS = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # most take seconds to load in the guest
NO_CACHE = ("-p", "no:cacheprovider")
NOTHING_SELECTED = 5  # pytest's exit code
LEFT_OUT = (
    "*/test_faults.py*",  # only on the simulated rig: would be skipped, one by one and slowly
    "*/test_make_safe.py::test_a*run_that*",  # starts Python anew, 5 s each: by name only
)
PARTS = {
    "broken": [
        *("*/test_kernel_runs.py::test_what_breaks_*", "*/test_kernel_hotplug.py*"),
        *("*/test_kernel_i2c.py*", "*/test_kernel_user.py*", "*/test_make_safe.py*"),
        "*_meter_of_light_*",
    ],
    "displays": [
        "*/test_kernel_runs.py*",
        "*/test_kernel_display.py*",
        "*/test_kernel_hub.py*",
        "*/test_off_*",
    ],
    "kernel": ["*/test_kernel_*", "*/test_repeatability.py*"],
    "suites": ["*/test_*"],
}
"""The parts that run side by side, about as long each; a test is in the first that names it.

Tests of the kernel's own buses come first in each: they plug and pull what others hold on to.
"""
LIMIT_S = float(os.environ.get("VIRTUAL_RIG_LIMIT_S", "300"))


def main(arguments: list[str]) -> int:
    logging.basicConfig(level=logging.WARNING, format="virtual rig: %(message)s")
    started_s = time.monotonic()
    sys.setswitchinterval(0.0005)  # of seconds; far ends of all guests share this process
    OUT.mkdir(parents=True, exist_ok=True)
    try:
        packages.ensure(packages.NEEDED | root_disk.NEEDED)
        guest = frozen.load(frozen.freeze(kernel.build(CACHE), CACHE, _compile), _compile)
    except (packages.Missing, kernel.CannotBuild) as error:
        print(f"virtual rig: {error}", file=sys.stderr)
        return machine.DIED
    common = [*NO_CACHE, f"--color={'yes' if sys.stdout.isatty() else 'no'}", *arguments]
    if _names_tests(arguments):
        code = cycle.run(guest, OUT / "tests", common, limit_s=LIMIT_S)
        codes = {"tests": code}
    else:
        codes = _side_by_side(guest, {name: [*common, *its] for name, its in parts().items()})
    for name, code in codes.items():
        if code == machine.HUNG:
            print(f"virtual rig: {name}: killed after {LIMIT_S:g} s", file=sys.stderr)
        if code in (machine.HUNG, machine.DIED):
            print(machine.last_words(OUT / name), file=sys.stderr)
            print(f"virtual rig: {name}: kept in {machine.keep(OUT / name, DIED)}", file=sys.stderr)
    gather([OUT / name / "junit.xml" for name in codes], OUT / "junit.xml")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    worst = worst_of(codes.values())
    print(
        f"virtual rig: exit code {worst}, {time.monotonic() - started_s:.1f} s"
        f" ({used.ru_utime + used.ru_stime:.1f} s of processor); junit.xml and logs in {OUT}",
        file=sys.stderr,
    )
    return worst


def parts() -> dict[str, list[str]]:
    """Return pytest's arguments for each part: files, or tests where a file is in several."""
    files = sorted(ROOT.glob("hil_tests/*/test_*.py"))
    tests = {str(path.relative_to(ROOT)): _tests_of(path) for path in files}
    every = [f"{file}::{test}" for file, its in tests.items() for test in its]
    left = [test for test in every if not any(fnmatch(test, pattern) for pattern in LEFT_OUT)]
    parts: dict[str, list[str]] = {}
    for part, patterns in PARTS.items():
        mine = [test for test in left if any(fnmatch(test, pattern) for pattern in patterns)]
        left = [test for test in left if test not in mine]
        whole = [
            file for file, its in tests.items() if {f"{file}::{test}" for test in its} <= {*mine}
        ]
        some = [test for test in mine if test.partition("::")[0] not in whole]
        parts[part] = sorted([*whole, *some])
    return parts


def _tests_of(file: Path) -> list[str]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    body = ast.parse(file.read_text()).body
    names = [one.name for one in body if isinstance(one, functions)]
    return [name for name in names if name.startswith("test_")]


def _side_by_side(guest: Frozen, runs: Mapping[str, Sequence[str]]) -> dict[str, int]:
    def one(name: str) -> int:
        (OUT / name).mkdir(exist_ok=True)
        said = OUT / name / "pytest.log"
        code = cycle.run(guest, OUT / name, runs[name], limit_s=LIMIT_S, output=said)
        print(said.read_text(errors="replace") if said.exists() else "", end="", flush=True)
        return code

    with ThreadPoolExecutor(len(runs)) as guests:
        return dict(zip(runs, guests.map(one, runs), strict=True))


def worst_of(codes: Iterable[int]) -> int:
    """Return the worst exit code. "No tests selected" by `-k` counts only if every part says so."""
    return max((code for code in codes if code != NOTHING_SELECTED), default=NOTHING_SELECTED)


def gather(junits: Sequence[Path], into: Path) -> None:
    """Join the junit.xml files that exist into one; a guest that hung has left none."""
    gathered = ElementTree.Element("testsuites")
    for junit in junits:
        if junit.exists():
            gathered.extend(ElementTree.parse(junit).getroot())
    ElementTree.ElementTree(gathered).write(into, encoding="utf-8", xml_declaration=True)


def _compile() -> None:
    """Write byte code for all imports of the guest, whose processor would take half a minute."""
    ours = [str(ROOT / one) for one in ("drivers", "station", "hil_tests", "virtual_rig")]
    made = CACHE / "libraries-compiled"
    lock = (ROOT / "uv.lock").read_bytes()
    if not made.exists() or made.read_bytes() != lock:
        ours.append(sysconfig.get_path("purelib"))
    run = partial(subprocess.run, check=False, cwd=ROOT, stdout=subprocess.DEVNULL)
    run([sys.executable, "-m", "compileall", "-q", "-j", "0", *ours])
    made.write_bytes(lock)
    # pytest's own byte code, with assertions rewritten
    environment = {**os.environ, **NO_PLUGINS}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    plugins = [part for name in PLUGINS for part in ("-p", name)]
    collecting = [*plugins, *NO_CACHE, "--collect-only", "-q", "hil_tests"]
    run([sys.executable, "-m", "pytest", *collecting], env=environment)


def _names_tests(arguments: Sequence[str]) -> bool:
    return any((ROOT / one.partition("::")[0]).exists() for one in arguments if one[:1] != "-")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

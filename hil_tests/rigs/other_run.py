"""Another run of pytest with this plugin, in a process of its own, and what it reported."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple
from xml.etree import ElementTree

PROJECT = Path(__file__).parents[2]
MOST_S = 60

Outcome = Literal["passed", "failed", "error", "skipped"]
OUTCOMES: dict[str, Outcome] = {"failure": "failed", "error": "error", "skipped": "skipped"}


class Case(NamedTuple):
    """One test, from JUnit's point of view."""

    outcome: Outcome
    message: str
    properties: dict[str, str]


class Ended(NamedTuple):
    """`cases` by the name of the test, with its parameters. Negative exit codes are signals."""

    exit_code: int
    output: str
    cases: dict[str, Case]


def run_pytest(
    folder: Path,
    *arguments: str,
    suite: str = "",
    typed: str = "",
    paths: Iterable[Path] = (),
    plugin: str = "hil_tests.plugin",
) -> Ended:
    """Run `suite`, which becomes a file in `folder`, or what `arguments` name.

    `typed` is input as from a keyboard, `paths` are where Python looks besides.
    Other plugins stay out, because they cost more time than the tests; `plugin` alone is loaded,
    or, when it is empty, all that are installed are.
    """
    if suite:
        (folder / "test_suite.py").write_text(suite)
        arguments = (*arguments, "test_suite.py")
    (folder / "pytest.ini").write_text("[pytest]\n")  # no project's settings but its own
    report = folder / "junit.xml"
    report.unlink(missing_ok=True)
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(map(str, (*paths, PROJECT))),
        "PYTEST_ADDOPTS": "",
    }
    command = [sys.executable, "-m", "pytest", "-c", "pytest.ini", f"--junitxml={report}"]
    command += ["-p", "no:cacheprovider"]
    if plugin:
        command += ["-p", plugin]
        environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    done = subprocess.run(
        [*command, *arguments],
        cwd=folder,
        env=environment,
        input=typed,
        capture_output=True,
        text=True,
        timeout=MOST_S,
        check=False,
    )
    cases = _read(report) if report.exists() else {}
    return Ended(done.returncode, done.stdout + done.stderr, cases)


def _read(report: Path) -> dict[str, Case]:
    cases: dict[str, Case] = {}
    for element in ElementTree.parse(report).iter("testcase"):
        outcome: Outcome = "passed"
        message = ""
        for tag, meant in OUTCOMES.items():
            if (found := element.find(tag)) is not None:
                outcome, message = meant, found.get("message", "")
        properties = {one.get("name", ""): one.get("value", "") for one in element.iter("property")}
        cases[element.get("name", "")] = Case(outcome, message, properties)
    return cases

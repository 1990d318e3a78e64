"""The parts of a cycle, which run side by side, and one junit.xml of all."""

import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from xml.etree import ElementTree

import pytest

from virtual_rig import __main__ as program
from virtual_rig.qemu.root_disk import ROOT


def collected() -> set[str]:
    """Return the tests as pytest sees them: `test_file.py::test_name`."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "hil_tests"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    tests = [line for line in done.stdout.splitlines() if "::" in line]
    return {test.partition("[")[0].removeprefix("hil_tests/") for test in tests}


def test_every_test_is_in_one_part_but_for_those_that_are_left_out_by_name() -> None:
    told = [one.removeprefix("hil_tests/") for part in program.parts().values() for one in part]
    assert len(told) == len(set(told))
    for test in collected():
        here = [one for one in told if one in (test, test.partition("::")[0])]
        left_out = any(fnmatch(test, pattern) for pattern in program.LEFT_OUT)
        assert len(here) == (0 if left_out else 1), test


def test_nothing_is_told_to_run_that_is_no_test() -> None:
    tests = collected()
    files = {test.partition("::")[0] for test in tests}
    told = {one.removeprefix("hil_tests/") for part in program.parts().values() for one in part}
    assert told <= tests | files


def test_no_part_is_empty_and_kernel_tests_come_first() -> None:
    for files in program.parts().values():
        of_kernel = ["test_kernel_" in file for file in files]
        assert of_kernel
        assert of_kernel == sorted(of_kernel, reverse=True)


def test_results_of_all_guests_are_in_one_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(f"<testsuites><testsuite name='{name}'/></testsuites>")
    program.gather(
        [tmp_path / "a", tmp_path / "of a guest that hung", tmp_path / "b"], tmp_path / "all"
    )
    suites = ElementTree.parse(tmp_path / "all").getroot()
    assert [suite.get("name") for suite in suites] == ["a", "b"]


@pytest.mark.parametrize(
    ("codes", "worst"),
    [([0, 0], 0), ([5, 0, 5], 0), ([5, 1, 0], 1), ([5, 124], 124), ([5, 5], 5), ([], 5)],
)
def test_a_part_without_selected_tests_spoils_nothing(codes: list[int], worst: int) -> None:
    assert program.worst_of(codes) == worst

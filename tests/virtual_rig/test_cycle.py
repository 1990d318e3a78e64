"""What a cycle is made of: parts that run side by side, and one junit.xml of all."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from virtual_rig import __main__ as program
from virtual_rig.root_disk import ROOT


def test_every_test_is_in_one_part() -> None:
    told = [one.removeprefix("hil_tests/") for part in program.parts().values() for one in part]
    assert len(told) == len(set(told))
    for path in ROOT.glob("hil_tests/test_*.py"):
        tests = {f"{path.name}::{test}" for test in program.TEST.findall(path.read_text())}
        here = {one for one in told if one.partition("::")[0] == path.name}
        if path.name == program.ONLY_SIMULATED:
            assert not here
        else:
            assert here in ({path.name}, tests)


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

"""The suite and the QA file of docs/how-to/run-qa-suites.md are taken from the page and run."""

from pathlib import Path

from drivers.capabilities import ROLES
from hil_tests.rigs import qa
from hil_tests.rigs.other_run import run_pytest
from tests.docs.pages import DOCS, write_files

PAGE = (DOCS / "how-to" / "run-qa-suites.md").read_text(encoding="utf-8")


def test_the_suite_of_the_page_runs_in_every_slot_that_fits(tmp_path: Path) -> None:
    write_files(PAGE, tmp_path)
    ended = run_pytest(tmp_path, "test_our_adapters.py")
    assert ended.exit_code == 0, ended.output
    assert [name for name in ended.cases if "sags" in name] == ["test_sags_little[adapter-1]"]
    assert ended.cases["test_sags_little[adapter-1]"].properties["sag"].endswith(" V")


def test_the_qa_file_of_the_page_is_one(tmp_path: Path) -> None:
    write_files(PAGE, tmp_path)
    left = qa.load(tmp_path / "station.qa.toml", ["left"]).of("left")
    assert left.golden is not None
    assert left.max_voltage_v is None


def test_the_page_names_every_fixture_and_every_key() -> None:
    words = {word.strip("`,") for word in PAGE.split()}
    assert set(ROLES) <= words
    assert set(qa.SlotQa.__struct_fields__) <= words

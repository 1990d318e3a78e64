"""`pace rig study`: guided or simulated, and the same result after a break."""

import json
from pathlib import Path

import pytest

from station.cli import main
from station.compose import DEMO_RIG

NEW = ["--slot", "adapter-1", "--role", "meter", "--quantity", "voltage_v"]
SMALL = ["--parts", "3", "--operators", "Ann,Bob", "--trials", "2"]


def study(path: Path, *more: str) -> int:
    return main(["rig", "study", str(path), "--config", str(DEMO_RIG), *more])


def test_simulated_study_prints_the_parts_of_the_variation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "study.jsonl"
    assert study(path, "--simulate", *NEW, *SMALL, "--tolerance", "1.95") == 0
    said = capsys.readouterr().out
    for words in ("repeatability (EV)", "%GRR of the total", "(ndc)", "of the tolerance 1.95"):
        assert words in said
    assert study(path, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    by_anova = found["anova"]
    assert found["quantity"] == "voltage_v"
    # the meter's noise, 1 mV, and adapters that differ by tens of millivolts
    assert 0.0004 < by_anova["repeatability"] < 0.003
    assert by_anova["part"] > 0.01
    low, high = by_anova["intervals"]["grr"]
    assert low <= by_anova["grr"] <= high
    assert found["range"]["grr_percent"] < 10


def test_a_simulated_study_that_was_cut_gives_the_same_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "study.jsonl"
    assert study(path, "--simulate", "--json", *NEW, *SMALL) == 0
    first = capsys.readouterr().out
    path.write_bytes(path.read_bytes()[:700])
    assert study(path, "--json") == 1  # the rest would be real
    assert "do not mix" in capsys.readouterr().err
    assert study(path, "--simulate", "--json") == 0
    assert capsys.readouterr().out == first


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (["--slot", "adaptor-1"], "no slot adaptor-1"),
        (["--role", "metre"], "adapter-1 has no metre"),
        (["--quantity", "voltage"], "the meter has no voltage"),
        (["--slot", "keyboard-1", "--role", "keyboard"], "it is read within a test alone"),
        (["--slot", "display-1", "--role", "zones"], "light is not simulated"),
        (["--operators", "Ann"], "no such study"),
        (["--operators", ""], "a new study needs --operators"),
        (["--parts", "1"], "no such study"),
        (["--tolerance", "0"], "no such study"),
    ],
)
def test_what_cannot_be_studied_is_refused_before_a_part_is_put_in(
    changed: list[str], why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [*NEW, *SMALL, "--simulate", *changed]
    assert study(tmp_path / "study.jsonl", *asked) == 1
    assert why in capsys.readouterr().err
    assert not (tmp_path / "study.jsonl").exists()


def test_the_operator_ends_a_guided_study_with_q_and_with_the_end_of_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_more(question: str) -> str:
        raise EOFError

    def quit_it(question: str) -> str:
        assert "part" in question
        return "q"

    for number, answer in enumerate((quit_it, no_more)):
        monkeypatch.setattr("builtins.input", answer)
        assert study(tmp_path / f"{number}.jsonl", *NEW, *SMALL) == 1
        assert "12 readings are missing" in capsys.readouterr().err

"""`pace`: every command helps, every complaint is one line, every exit code means something."""

import argparse
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.sim.devices.edid_memory import build_edid
from records.words import text
from station.cli import NOUNS, build_parser, main
from station.compose import DEMO_RIG
from station.delivery.broker import BrokerAddress
from station.delivery.outbox import Outbox
from station.engine.library import SHIPPED
from tests.host_agent.rig import eventually
from tests.station.hosts import Host, runs_waiting

PACE = [sys.executable, "-m", "station"]


def pace(
    *arguments: str, stdin: bytes = b"", code: int = 0, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        [*PACE, *arguments],
        input=stdin,
        capture_output=True,
        env=os.environ | environment,
        timeout=100,
    )
    assert done.returncode == code, done.stderr.decode()
    assert b"Traceback" not in done.stderr
    return done


def commands(parser: argparse.ArgumentParser, *words: str) -> Iterator[tuple[str, ...]]:
    yield words
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, below in action.choices.items():
                yield from commands(below, *words, word)


COMMANDS = list(commands(build_parser()))


def test_there_are_the_commands_that_were_asked_for() -> None:
    assert {
        ("station", "run"),
        ("station", "simulate"),
        ("station", "check"),
        ("plan", "list"),
        ("plan", "check"),
        ("plan", "show"),
        ("plan", "explain"),
        ("rig", "scan"),
        ("decode", "edid"),
        ("decode", "ieee1284"),
        ("decode", "mccs"),
        ("demo",),
    } <= set(COMMANDS)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_help(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert told.startswith("usage: pace")
    assert len(told.splitlines()) > 3


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_is_laid_out_alike_on_every_release_of_python(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Releases differ in the column of the explanations, and in breaking lines of the usage."""
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main([*words, "--help"])
    usage, _, explained = capsys.readouterr().out.partition("\n\n")
    for option in re.findall(r"--[a-z-]+ [A-Z]+", " ".join(usage.split())):
        assert option in usage, "an option and its value are on one line"
    columns = {
        len(found[0])
        for line in explained.splitlines()
        if (found := re.match(r" {2,}\S+(?: \S+)*? {2,}(?=\S)| {10,}(?=\S)", line))
    }
    assert columns == {24}


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_option_says_what_it_does(words: tuple[str, ...]) -> None:
    parser = build_parser()
    for word in words:
        (below,) = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
        parser = below.choices[word]
    for action in parser._actions:
        if not isinstance(action, argparse._SubParsersAction):
            assert action.help, action.option_strings or action.dest


@pytest.mark.parametrize("words", [(), ("station",), ("plan",), ("rig",), ("decode",)])
def test_half_a_command_shows_what_follows(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(list(words)) == 2
    assert "commands:" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["station", "fly"],
        ["plan", "show"],
        ["station", "simulate"],
        ["station", "simulate", "--data", "x", "--runs", "-1"],
        ["station", "simulate", "--data", "x", "--runs", "many"],
        ["station", "simulate", "--data", "x", "--runs", "1.5"],
        ["station", "simulate", "--data", "x", "--speed", "0"],
        ["station", "simulate", "--data", "x", "--speed", "-1"],
        ["station", "simulate", "--data", "x", "--speed", "nan"],
        ["station", "simulate", "--data", "x", "--mqtt-version", "4"],
        ["demo", "--headless", "--runs", "-1"],
    ],
    ids=" ".join,
)
def test_what_is_no_command_is_a_usage_error(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("pace")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom station.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit: pass\n"
        "print(*sys.modules, sep='\\n', file=sys.stderr)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"msgspec", "textual", "aiomqtt", "asyncio", "sqlite3", "serial", "usb", "pyudev"}
    heavy |= {"ssl", "socket", "smbus2", "amqtt", "sqlalchemy", "litestar", "drivers", "host_agent"}
    heavy |= {"station.rig.config", "station.engine.plan", "station.compose", "records"}
    assert not heavy & set(told.stderr.split())
    assert not {f"station.cli.{noun}" for noun in NOUNS} & set(told.stderr.split())


def test_a_command_imports_those_of_no_other_noun() -> None:
    code = (
        "import sys\nfrom station.cli import main\n"
        "try:\n    main(['plan', 'list', '--help'])\nexcept SystemExit: pass\n"
        "print(*sys.modules, sep='\\n', file=sys.stderr)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = {f"station.cli.{noun}" for noun in NOUNS} & set(told.stderr.split())
    assert imported == {"station.cli.plan"}


# Plans


def test_what_there_is_to_choose_from_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    first = [line.split()[0] for line in lines]
    equipment = [
        *("atx-supply", "laptop-adapter", "lcd-monitor"),
        *("ps2-keyboard", "ps2-mouse", "usb-keyboard"),
    ]
    assert first == ["equipment", *equipment, "profiles", "pace-key"]
    assert main(["plan", "list", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [one["id"] for one in data["equipment"]] == equipment
    assert data["equipment"][1]["asks"] == ["output_v", "output_a", "efficiency_mark"]
    assert [one["id"] for one in data["profiles"]] == ["pace-key"]
    assert data["sites"] == []


ADAPTER = ["--set", "output_v=19,5", "--set", "output_a=3.33", "--set", "efficiency_mark=VI"]


def test_a_plan_is_explained_with_the_origin_of_each_value(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["plan", "explain", "laptop-adapter", *ADAPTER]) == 0
    shown = capsys.readouterr().out
    assert "rated_voltage_v = 19.5   [equipment/laptop-adapter.toml:" in shown
    assert "settle_s = 2   [default of adapter.no_load]" in shown
    assert "average_efficiency ≥ 85 %, needs U ≤ 1   [profiles/pace-key.toml:" in shown
    assert "Can end as PASS" in shown
    assert main(["plan", "explain", "laptop-adapter", *ADAPTER, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["sha256"] in shown
    for test in data["tests"]:
        for name, limit in test["limits"].items():
            assert f"{limit['basis']}: {limit['source']}" in shown
            assert test["origins"][f"limits.{name}"]["line"] > 0


def test_what_a_bench_cannot_and_nobody_has_told_is_explained(
    capsys: pytest.CaptureFixture[str],
) -> None:
    explain = ["plan", "explain", "laptop-adapter", "--roles"]
    assert main([*explain, "load,meter"]) == 0
    shown = capsys.readouterr().out
    assert (
        "not possible here: adapter.load_points needs mains_meter, which the slot has not" in shown
    )
    assert "INCOMPLETE: no_load: look is required" in shown
    assert "Would help: efficiency_mark, one of none, III, IV, V, VI" not in shown
    assert main([*explain, "load,meter,mains_meter"]) == 0
    shown = capsys.readouterr().out
    assert "not tested, value unknown: output_v is not known" in shown
    assert "INCOMPLETE: no_load: look is required" in shown
    assert "Would help: output_v\n" in shown
    assert main(["plan", "explain", "usb-keyboard", "--roles", ""]) == 0
    assert "needs keyboard, which the slot has not" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["laptop-adaptor"], "no equipment 'laptop-adaptor'; did you mean 'laptop-adapter'?"),
        (["laptop-adapter", "--profile", "pace"], "no profile 'pace'; did you mean 'pace-key'?"),
        (["laptop-adapter", "--site", "x"], "no site 'x'; known are none"),
        (["laptop-adapter", "--set", "output_v"], "--set output_v: write NAME=VALUE"),
        (
            ["laptop-adapter", "--set", "output_v=19.5", "--set", "output_v=20"],
            "--set output_v=20: output_v is said twice",
        ),
        (["laptop-adapter", "--set", "output_v=x"], "output_v: 'x' is not a figure such as 19.5"),
        (["laptop-adapter", "--set", "output_v=99"], "output_v: 99 V is not from 3 to 60"),
        (["laptop-adapter", "--set", "v=1"], "no rating 'v'; "),
        (["laptop-adapter", "--roles", "lod"], "no test of laptop-adapter needs a role 'lod'; did"),
        (["laptop-adapter", "--folder", "/nowhere"], "/nowhere: not a folder"),
    ],
)
def test_what_cannot_be_explained_is_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "explain", *arguments]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(said)
    assert len(told.err.splitlines()) == 1


def test_the_whole_library_is_checked_with_folders_of_ones_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "check"]) == 0
    assert capsys.readouterr().out == "6 equipment, 1 profiles, 0 sites: good\n"
    (file := tmp_path / "profiles" / "mine.toml").parent.mkdir()
    file.write_text('id = "mine"\ntitle = "M"\n[[limit]]\nstep = "adapter.hott"\nof = ["x"]\n'
                    'max = 1\nsource = "none"\n')  # fmt: skip
    for arguments in (["--folder", str(tmp_path)], [str(tmp_path)], [str(file)]):
        assert main(["plan", "check", *arguments]) == 1
        assert [line.removeprefix(f"{file}:") for line in capsys.readouterr().err.splitlines()] == [
            '1: `decision_rule` is missing, such as decision_rule = "simple"',
            "7: no source 'none'; known are " + _sources(),
            "4: no test uses the step 'adapter.hott'; did you mean 'adapter.hot'?",
        ]


def _sources() -> str:
    from station.engine.library.files import Files

    return ", ".join(sorted(Files().sources))


def test_a_kind_is_shown_with_every_method(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "show", "keyboard"]) == 0
    shown = capsys.readouterr().out
    assert "layout: one of ansi-104, ansi-87, iso-105, iso-88, jis-109" in shown
    assert "keyboard.every_key proves full; needs keyboard, actuator and the operator" in shown
    assert "keyboard.every_key_by_hand proves partial; needs keyboard and the operator" in shown


def test_a_kind_is_shown_as_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "show", "usb-keyboard", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["id"] == "usb-keyboard"
    assert told["nameplate"]["layout"]["choice"][0] == "ansi-104"
    tests = {one["test"]: one for one in told["tests"]}
    assert [one["step"] for one in tests["every_key"]["methods"]] == [
        "keyboard.every_key",
        "keyboard.every_key_by_hand",
    ]
    assert tests["power"]["methods"][0]["roles"]["supply"] == "PowerSupply"


@pytest.mark.parametrize("equipment", ["nope", "nope.toml", "../lcd-monitor", ""])
def test_a_kind_that_is_not_there_is_one_line(
    equipment: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "show", equipment]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"no equipment {equipment!r}; ")
    assert len(told.err.splitlines()) == 1


def test_a_folder_of_ones_own_is_listed_and_its_mistakes_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (file := tmp_path / "profiles" / "good.toml").parent.mkdir()
    file.write_text('id = "good"\ntitle = "G"\nbased_on = "pace-key"\n')
    assert main(["plan", "list", "--folder", str(tmp_path)]) == 0
    assert "\n  good " in capsys.readouterr().out
    (bad := tmp_path / "profiles" / "bad.toml").write_text("id = 1")
    assert main(["plan", "list", "--json", "--folder", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert json.loads(told.out) == {"equipment": [], "profiles": [], "sites": []}
    assert told.err.splitlines() == [
        f"{bad}:1: id: 1 is not a name of small letters, digits, '-' and '_'",
        f"{bad}:1: the key `title` is missing",
    ]


@pytest.mark.parametrize("verb", ["list", "check", "show", "explain"])
def test_a_folder_that_is_not_there_is_told(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    kind = ["laptop-adapter"] if verb in ("show", "explain") else []
    assert main(["plan", verb, *kind, "--folder", "/nowhere"]) == 1
    assert capsys.readouterr().err == "/nowhere: not a folder\n"


OLD = Path(__file__).parents[1] / "data" / "version_0_1" / "plans"


@pytest.mark.parametrize("path", sorted(OLD.glob("*.toml")), ids=lambda path: path.stem)
def test_a_plan_file_of_version_0_1_is_told_what_to_write_instead(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "check", str(path)]) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"{path}:1: this is a plan file of version 0.1: ")
    assert "write equipment = [...]" in said
    (copy := tmp_path / path.name).write_bytes(path.read_bytes())
    for verb in ("list", "check"):  # in a folder that is taken for a library
        assert main(["plan", verb, "--folder", str(tmp_path)]) == 1
        assert capsys.readouterr().err == said.replace(str(path), str(copy)) + "\n"


def test_every_file_that_is_none_of_a_library_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (bad := tmp_path / "bad.toml").write_text("[[step]\n")
    (other := tmp_path / "other.toml").write_text("x = 1\n")
    shipped = SHIPPED / "equipment" / "lcd-monitor.toml"
    assert main(["plan", "check", str(bad), str(shipped), "missing.toml", str(other)]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert [line.split(":")[0] for line in told.err.splitlines()] == [
        str(bad),
        "missing.toml",
        str(other),
    ]
    assert main(["plan", "check", str(shipped)]) == 0


# Configuration


def test_a_good_configuration_is_told_in_words_and_as_json(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["station", "check", "--config", str(DEMO_RIG)]) == 0
    assert capsys.readouterr().out.startswith(f"{DEMO_RIG}: station demo, good\n")
    assert main(["station", "check", "--config", str(DEMO_RIG), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [slot["slot"] for slot in told["slots"]] == [
        "adapter-1",
        "display-1",
        "display-2",
        "keyboard-1",
    ]
    assert told["slots"][1]["shared"] == {"probe": "colour-probe"}


@pytest.mark.parametrize(
    "command", [["check"], ["run", "--data", "x"], ["simulate", "--data", "x"]]
)
@pytest.mark.parametrize(
    ("text", "mistakes"), [("", 2), ("[x", 1), ('station = "a"\n[slots.b]\nkind = 3\nplans = 4', 2)]
)
def test_a_bad_configuration_is_one_line_for_each_mistake_and_leaves_nothing_behind(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    text: str,
    mistakes: int,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("station.toml").write_text(text)
    assert main(["station", *command, "--config", "station.toml"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    lines = told.err.splitlines()
    assert len(lines) == mistakes
    assert all(line.startswith("station.toml: ") for line in lines)
    assert [one.name for one in tmp_path.iterdir()] == ["station.toml"]


@pytest.mark.parametrize("broker", ["x", ":1883", "host:", "host:x", "host:0", "host:99999"])
def test_a_broker_that_is_none_is_one_line(
    tmp_path: Path, broker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = str(tmp_path / "data")
    assert main(["station", "simulate", "--data", data, "--runs", "1", "--broker", broker]) == 1
    told = capsys.readouterr()
    assert told.err.startswith("--broker")
    assert len(told.err.splitlines()) == 1


@pytest.mark.parametrize("command", ["run", "simulate"])
def test_a_data_folder_that_cannot_be_is_one_line(
    tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    data = str(tmp_path / "file" / "data")
    assert main(["station", command, "--config", str(DEMO_RIG), "--data", data]) == 1
    told = capsys.readouterr()
    why = text("outbox.failed", place=data, error="Not a directory")
    assert told.err == f"{why}\n"


# Decoding

EDID = build_edid(manufacturer="DEL", name="OFFICE", year=2015, serial_text="S1").hex()
EDID_FIELDS = {
    *("version", "manufacturer", "product_code", "serial_number", "serial_text", "name", "week"),
    *("year", "model_year", "width_cm", "height_cm", "gamma", "extensions", "checksum_ok"),
    *("text", "digital", "native_width_px", "native_height_px", "native_refresh_hz", "width_mm"),
    *("height_mm", "min_vertical_hz", "max_vertical_hz", "min_horizontal_khz"),
    *("max_horizontal_khz", "max_pixel_clock_mhz", "audio", "hdr", "display_id"),
    *("errors", "remarks"),
}
DAMAGED = [
    b"",
    b"   ",
    b"xyz",
    b"0",
    b"00",
    EDID.encode()[:100],
    EDID.encode()[:-2] + b"00",
    b"ff" * 128,
    b"00" * 128,
    (EDID * 3).encode(),
    b"\xff\xfe\xfd",
    "é".encode(),
    b"MFG:ACME;MDL:X;",
    b"(prot(monitor)type(LCD)",
    b"((((((((((",
    b"vcp(10 12(",
    b"\x00\x01\x02",
    b";;;:::",
    b"a" * 100_000,
    b"(" * 50_000,
]


@pytest.mark.parametrize("what", ["edid", "ieee1284", "mccs"])
def test_damaged_input_gives_errors_and_never_a_traceback(what: str) -> None:
    """One object for each line, whatever the line is."""
    told = pace("decode", what, stdin=b"\n".join(DAMAGED) + b"\n")
    rows = [json.loads(line) for line in told.stdout.splitlines()]
    assert len(rows) == len(DAMAGED)
    assert len({frozenset(row) for row in rows}) == 1
    if what == "edid":
        assert set(rows[0]) == EDID_FIELDS
        assert all(row["errors"] for row in rows)
    assert told.stderr == b""


def test_an_edid_is_decoded_whatever_its_case_and_line_end() -> None:
    lines = [EDID, EDID.upper(), f"  {EDID}  ", " ".join(EDID[n : n + 2] for n in range(0, 256, 2))]
    told = pace("decode", "edid", stdin=("\r\n".join(lines)).encode())
    rows = [json.loads(line) for line in told.stdout.splitlines()]
    assert len(rows) == 4
    for row in rows:
        assert row == rows[0]
        assert (row["manufacturer"], row["name"], row["year"]) == ("DEL", "OFFICE", 2015)
        assert row["checksum_ok"] is True
        assert row["errors"] == []


def test_whoever_stops_reading_gets_no_traceback() -> None:
    with subprocess.Popen(
        [*PACE, "decode", "edid"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        with contextlib.suppress(BrokenPipeError):  # it may have gone before we are done
            process.stdin.write(f"{EDID}\n".encode() * 3000)
            process.stdin.close()
        assert b"Traceback" not in process.stderr.read()
        assert process.wait(30) == 1


# A station


def test_a_simulated_station_tests_delivers_and_reports(
    tmp_path: Path, lasting_mosquitto: BrokerAddress
) -> None:
    broker = f"{lasting_mosquitto.host}:{lasting_mosquitto.port}"
    data = tmp_path / "data"
    with Host((lasting_mosquitto.host, lasting_mosquitto.port), "demo") as host:
        told = pace(
            *("station", "simulate", "--data", str(data), "--runs", "8", "--seed", "3"),
            *("--broker", broker),
        )
        summary = json.loads(told.stdout)
        assert summary["runs"] == 8
        assert summary["waiting"] == 0
        assert summary["wrong_verdicts"] == 0
        assert sum(summary["verdicts"].values()) == 8
        assert set(summary["record_ids"]) == set(host.ids)
    assert b"8 devices tested" in told.stderr


def test_a_station_ends_on_a_signal_with_its_records_kept(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*PACE, "station", "simulate", "--data", str(tmp_path), "--broker", "127.0.0.1:1"],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    wal = tmp_path / "outbox.db-wal"
    eventually(lambda: wal.exists() and wal.stat().st_size > 200_000)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    outbox = Outbox(tmp_path / "outbox.db")
    assert outbox.recover() == ()
    sequences = sorted(one.sequence for one in runs_waiting(outbox))
    assert sequences == list(range(1, len(sequences) + 1))
    outbox.close()


def test_a_second_station_on_the_same_data_is_refused_in_one_line(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db")
    told = pace("station", "simulate", "--data", str(tmp_path), "--runs", "1", code=1)
    assert told.stdout == b""
    (line,) = told.stderr.decode().splitlines()
    place = str(tmp_path / "outbox.db")
    assert line == text("outbox.in_use", place=place, error="database is locked")
    outbox.close()


def test_a_station_that_cannot_start_under_systemd_waits_and_a_signal_ends_it_at_once(
    tmp_path: Path,
) -> None:
    """The service manager never gives up, and shall not start it without a break."""
    command = [*PACE, "station", "run", "--config", str(tmp_path / "none.toml")]
    waits = subprocess.Popen(
        command, stderr=subprocess.PIPE, env={**os.environ, "NOTIFY_SOCKET": "@nobody"}
    )
    assert waits.stderr is not None
    assert b"none.toml" in waits.stderr.readline()
    with pytest.raises(subprocess.TimeoutExpired):
        waits.wait(0.5)
    waits.send_signal(signal.SIGTERM)
    assert waits.wait(5) == -signal.SIGTERM
    waits.stderr.close()

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from host_agent.broker import check_loopback
from host_agent.cli import main
from host_agent.config import ListenAddress
from host_agent.messages import Run, Sorted, read_again, sort
from host_agent.mqtt import Message
from host_agent.store import Store
from host_agent.text import now_text
from records import Device, RunRecord, encode
from records.keys import read_key_set
from tests.host_agent.load import example_record
from tests.host_agent.rig import Broker, Programs
from tests.host_agent.store.evidence.signing import Card, settle, tell
from tests.host_agent.store.filling import refusal_of

HEAVY = {"sqlalchemy", "alembic", "litestar", "uvicorn", "jinja2", "msgspec", "amqtt", "asyncio"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a host's data directory: two runs and two messages in quarantine."""
    with Store(f"sqlite:///{tmp_path / 'host.db'}") as store:
        store.open()
        tag = Device(asset_tag="AT\x1b[2J-1", kind="usb-keyboard")
        keep(store, example_record("bench-1", 1), example_record("bench-1", 2, device=tag))
        later = encode(example_record("bench-1", 3)).replace(b"pace.run/2", b"pace.report/9")
        for payload in (b"\x1b[31mnot json", later):
            store.keep(sort([Message(1, b"pace/1/bench-1/run", payload, len(payload))], now_text()))
    return tmp_path


def keep(store: Store, *records: RunRecord) -> None:
    runs = [read_again(encode(record), record.station, now_text()) for record in records]
    store.keep(Sorted([run for run in runs if isinstance(run, Run)], {}, []))


def run_cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "host_agent", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom host_agent.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "loaded = {name.split('.')[0] for name in sys.modules}\n"
        "import json\nprint(json.dumps(sorted(loaded)), file=sys.stderr)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    for command in ("run", "check", "runs", "rebuild", "broker", "quarantine", "keys", "findings"):
        assert command in said.stdout.split()
    assert not set(json.loads(said.stderr)) & HEAVY


def test_runs_are_listed_and_cannot_move_the_cursor(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["runs", "--data", str(data)]) == 0
    newest, first = capsys.readouterr().out.splitlines()
    assert "AT\ufffd[2J-1  usb-keyboard" in newest
    assert "PASS, MARGINAL  AT-000001  laptop-adapter  laptop-adapter  bench-1/A" in first
    assert main(["runs", "--json", "--limit", "1", "--data", str(data)]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["sequence"] == 2


def test_the_quarantine_is_listed_shown_and_released(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["quarantine", "list", "--data", str(data)]) == 0
    later, nonsense = capsys.readouterr().out.splitlines()
    assert "pace.report/9" in later
    assert nonsense.isprintable()
    assert main(["quarantine", "list", "--json", "--limit", "1", "--data", str(data)]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == 2
    assert main(["quarantine", "show", "1", "--data", str(data)]) == 0
    shown = capsys.readouterr().out
    assert shown.endswith("\ufffd[31mnot json\n")
    assert main(["quarantine", "show", "1", "--json", "--data", str(data)]) == 0
    assert json.loads(capsys.readouterr().out)["payload_base64"] == "G1szMW1ub3QganNvbg=="
    assert main(["quarantine", "release", "2", "--data", str(data)]) == 1
    assert "still refused: schema 'pace.report/9'" in capsys.readouterr().err
    for action in ("show", "release"):
        assert main(["quarantine", action, "9", "--data", str(data)]) == 1
        assert "number 9" in capsys.readouterr().err


def test_keys_are_listed_trusted_revoked_and_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = Card()
    with Store(f"sqlite:///{tmp_path / 'host.db'}") as store:
        store.open()
        tell(store, "bench-1", card.state(), topic="state")
        settle(store)
    kid, data = card.public.kid, ("--data", str(tmp_path))
    assert main(["keys", "list", *data]) == 0
    assert f"{kid}  bench-1  offered, not confirmed" in capsys.readouterr().out
    assert main(["keys", "trust", *data, "--", kid[:20]]) == 0
    assert capsys.readouterr().out == f"{kid}  bench-1  trusted by hand\n"
    assert main(["keys", "show", *data, "--", kid[:20]]) == 0
    assert json.loads(capsys.readouterr().out)["x"] == card.public.x
    assert main(["keys", "revoke", "--from", "2026-11-29T12:00Z", *data, "--", kid]) == 0
    assert "revoked from 2026-11-29T12:00:00.000000Z" in capsys.readouterr().out
    exported = tmp_path / "keys.json"
    assert main(["keys", "export", "--to", str(exported), *data]) == 0
    (known,) = read_key_set(exported).keys
    assert (known.kid, known.revoked_at) == (kid, "2026-11-29T12:00:00.000000Z")
    assert main(["keys", "trust", *data, "--", kid]) == 1
    assert "is revoked since" in capsys.readouterr().err
    assert main(["keys", "revoke", "--from", "yesterday", *data, "--", kid]) == 1
    assert "'yesterday' is no time" in capsys.readouterr().err
    for action in ("show", "revoke"):
        assert main(["keys", action, *data, "nobody"]) == 1
        assert "no key begins with 'nobody'" in capsys.readouterr().err


def test_findings_are_listed_and_closed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = Card()
    card.sign(example_record("bench-1", 1))
    with Store(f"sqlite:///{tmp_path / 'host.db'}") as store:
        store.open()
        tell(store, "bench-1", card.state(), topic="state")
        settle(store)
    data = ("--data", str(tmp_path))
    assert main(["findings", "list", *data]) == 0
    assert "1  open    bench-1: position 1 is missing" in capsys.readouterr().out
    assert main(["findings", "close", "1", "the card is dead", *data]) == 0
    assert main(["findings", "list", "--all", *data]) == 0
    assert "(the card is dead)" in capsys.readouterr().out
    assert main(["findings", "list", "--json", *data]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == []
    assert main(["findings", "close", "7", "x", *data]) == 1
    assert "no finding has the number 7" in capsys.readouterr().err


def test_a_message_that_is_good_now_is_released(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = example_record("bench-1", 7)
    with Store(f"sqlite:///{data / 'host.db'}") as store:
        store.keep(Sorted([], {}, [refusal_of(record)]))
    assert main(["quarantine", "release", "3", "--json", "--data", str(data)]) == 0
    assert json.loads(capsys.readouterr().out) == {"record_id": record.record_id}
    assert main(["runs", "--json", "--limit", "1", "--data", str(data)]) == 0
    assert json.loads(capsys.readouterr().out)["record_id"] == record.record_id


def test_derived_tables_are_rebuilt(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rebuild", "--data", str(data)]) == 0
    assert capsys.readouterr().out == "2 runs\n"
    with Store(f"sqlite:///{data / 'host.db'}") as store:
        assert store.counts().underived == 0


def test_check_names_what_is_wrong(tmp_path: Path) -> None:
    said = run_cli("check", "--data", str(tmp_path), "--broker", "127.0.0.1:1")
    assert said.returncode == 1
    assert said.stdout == "configuration: ok\n"
    assert f"database: {tmp_path}/host.db does not exist" in said.stderr
    assert "broker: 127.0.0.1:1: " in said.stderr
    assert not (tmp_path / "host.db").exists()


def test_check_is_content_with_what_is_right(data: Path, embedded: Broker) -> None:
    said = run_cli("check", "--data", str(data), "--broker", f"{embedded[0]}:{embedded[1]}")
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.splitlines() == [
        "configuration: ok",
        f"database: ok, sqlite:///{data}/host.db",
        f"broker: ok, {embedded[0]}:{embedded[1]}",
    ]


@pytest.mark.parametrize("command", ["run", "check", "runs", "rebuild"])
def test_a_mistake_in_the_configuration_ends_before_anything_starts(
    tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "host.toml").write_text("[broker]\nport = 'x'\n")
    assert main([command, "--config", str(tmp_path / "host.toml"), "--data", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"{tmp_path}/host.toml: broker.port: 'x' is not a TCP port")
    assert os.listdir(tmp_path) == ["host.toml"]


@pytest.mark.parametrize("arguments", [["--broker", "x"], ["--listen", "127.0.0.1"]])
def test_an_address_that_is_none_is_one_clear_line(
    tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--data", str(tmp_path), *arguments]) == 1
    assert "is not address:port" in capsys.readouterr().err


def test_lists_of_a_host_that_never_ran_are_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["runs", "--data", str(tmp_path)]) == 1
    assert "`pace-host run` makes it" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["9" * 23, str(2**63), "9" * 5000])
@pytest.mark.parametrize(
    "command",
    [["runs", "--limit"], ["quarantine", "list", "--limit"]]
    + [["quarantine", action] for action in ("show", "release")],
)
def test_a_number_beyond_the_databases_is_one_line(
    data: Path, command: list[str], number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, number, "--data", str(data)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"pace-host: {number[:40]} has more than 18 digits\n"


@pytest.mark.parametrize("number", ["0", "-1", "1.5", "x", "", "\u00b2", "000"])
def test_what_is_no_number_is_a_wrong_command(
    data: Path, number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["runs", f"--limit={number}", "--data", str(data)])
    assert ended.value.code == 2
    assert f"{number!r} is not a number from 1 up" in capsys.readouterr().err


def test_the_largest_number_is_a_number(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "--limit", "9" * 18, "--data", str(data)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_a_port_that_is_taken_is_one_line_from_the_embedded_broker() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        said = run_cli("broker", "--listen", address)
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr == f"pace-host broker: {address}: Address already in use\n"


@pytest.mark.parametrize(
    "command", [["--help"], ["runs", "--json"], ["quarantine", "show", "1"], ["rebuild"]]
)
def test_a_full_disk_under_stdout_is_one_line(data: Path, command: list[str]) -> None:
    where = [] if command == ["--help"] else ["--data", str(data)]
    with Path("/dev/full").open("w") as full:
        said = subprocess.run(
            [sys.executable, "-m", "host_agent", *command, *where],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert (said.returncode, said.stderr) == (1, "pace-host: No space left on device\n")


def test_every_command_and_every_option_has_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (
        *(["run"], ["check"], ["runs"], ["rebuild"], ["broker"], ["quarantine"]),
        *(["quarantine", action] for action in ("list", "show", "release")),
    ):
        with pytest.raises(SystemExit):
            main([*command, "--help"])
        usage, description, *parts = capsys.readouterr().out.split("\n\n")
        assert usage.startswith("usage: ")
        assert description.endswith("."), command
        entries = re.findall(r"(?m)^  (?!ACTION)\S.*(?:\n {6,}.*)*", "\n".join(parts))
        assert entries, command
        for entry in entries:
            assert re.search(r"\S(  |\n) *\S", entry), entry


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.1", "localhost", "example.org"])
def test_the_embedded_broker_serves_nobody_else(
    host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    address = ListenAddress(host, 1883)
    with pytest.raises(ValueError, match="no loopback address"):
        check_loopback(address)
    assert main(["broker", "--listen", str(address)]) == 1
    assert "install mosquitto" in capsys.readouterr().err


def test_the_embedded_broker_says_where_it_is_and_ends_cleanly(
    tmp_path: Path, programs: Programs
) -> None:
    host, port = programs.embedded_broker()
    assert host == "127.0.0.1"

    async def connect() -> None:
        _, writer = await asyncio.open_connection(host, port)
        writer.close()
        await writer.wait_closed()

    asyncio.run(connect())
    (broker,) = programs.running()
    assert broker.stop() == 0
    assert broker.rest_of_stdout() == ""


def test_a_reader_that_goes_away_is_no_traceback(data: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "host_agent", "runs", "--data", str(data)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
    process.wait()


def test_many_of_the_quarantine_are_released_or_purged_at_once(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = [example_record("bench-2", number) for number in (1, 2)]
    with Store(f"sqlite:///{data / 'host.db'}") as store:
        store.keep(Sorted([], {}, [refusal_of(one) for one in good]))
    where = ("--data", str(data))
    assert main(["quarantine", "release", "--station", "bench-2", *where]) == 0
    assert capsys.readouterr().out == "".join(f"stored {one.record_id}\n" for one in good)
    assert main(["quarantine", "release", "--all", *where]) == 1
    assert "2 of 2 are still refused" in capsys.readouterr().err
    for wrong in (["release"], ["release", "1", "--all"], ["purge"]):
        assert main(["quarantine", *wrong, *where]) == 1
    assert main(["quarantine", "purge", "--days", "1", *where]) == 0
    assert main(["quarantine", "purge", "--released", *where]) == 0
    assert main(["quarantine", "purge", "--reason", "pace.report", "--json", *where]) == 0
    assert main(["quarantine", "purge", "--all", *where]) == 0
    assert capsys.readouterr().out.split("\n")[:4] == [
        "purged 0",
        "purged 2",
        '{"purged": 1}',
        "purged 1",
    ]

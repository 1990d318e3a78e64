"""`pace outbox` tells what is at the station, whole or damaged, beside a station that runs."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from records import Receipt, Rejected, Stored
from station.cli import main
from station.delivery.outbox import Outbox
from tests.station.benches import make_draft


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a delivered, a rejected, a damaged and a waiting run."""
    with closing(Outbox(tmp_path / "outbox.db")) as outbox:
        for _ in range(4):
            outbox.finish(outbox.begin(make_draft()))
        first, second, third, _ = outbox.waiting()
        outbox.receipt(
            Receipt(
                (Stored(first.record_id, first.sha256),),
                (Rejected(second.record_id, "too long", second.sha256),),
            )
        )
        update = "UPDATE message SET body = x'7b7d' WHERE id = 3"
        outbox._do(lambda db: db.execute(update).rowcount)
        assert third not in outbox.waiting()
    return tmp_path


def test_the_list_tells_of_each_record_its_state_and_its_place(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(Outbox(folder / "outbox.db")):  # it runs meanwhile
        assert main(["outbox", "list", "--json", "--data", str(folder)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["state"] for one in told["records"]] == [
        "delivered",
        "rejected",
        "damaged",
        "waiting",
    ]
    assert [one["position"] for one in told["records"]] == [1, 2, 3, 4]
    assert told["records"][1]["reason"] == "too long"
    assert told["head"]["position"] == 4
    assert main(["outbox", "list", "--data", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("damaged ")
    assert lines[-1] == "1 waiting, 1 delivered, 1 rejected, 1 damaged"


def test_an_export_is_verified_with_public_keys_alone(
    folder: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    exported = tmp_path / "exported"
    assert main(["outbox", "export", "--data", str(folder)]) == 0
    exported.write_bytes(capfdbinary.readouterr().out)
    assert len(exported.read_bytes().splitlines()) == 2 * 3
    assert main(["key", "show", "--data", str(folder)]) == 0
    (tmp_path / "jwks").write_bytes(capfdbinary.readouterr().out)
    verify = ["record", "verify", "--json", "--keys", str(tmp_path / "jwks"), str(exported)]
    assert main(verify) == 1
    (report,) = json.loads(capfdbinary.readouterr().out).values()
    assert report["verified"] == 3
    assert [(one["what"], one["position"]) for one in report["troubles"]] == [("missing", 3)]
    assert main(["outbox", "export", "--waiting", "--data", str(folder)]) == 0
    assert len(capfdbinary.readouterr().out.splitlines()) == 2 * 2


def test_a_damaged_file_is_salvaged_into_an_export(
    folder: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = folder / "outbox.db"
    path.write_bytes(bytes(100) + path.read_bytes()[100:])
    assert main(["outbox", "salvage", str(path)]) == 1
    told = capfdbinary.readouterr()
    assert len(told.out.splitlines()) == 2 * 3
    assert told.err.splitlines()[-1] == b"1 of which there is a row were not"


def test_a_file_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["list", "--data", str(tmp_path)], ["salvage", str(tmp_path / "none.db")]):
        assert main(["outbox", *words]) == 1
        assert "no such file" in capsys.readouterr().err

"""Tests of the harness on a real line: it is clean, and says what was broken on purpose."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from chaos import held, witness
from chaos.audit import Audit, audit
from chaos.kinds import KINDS
from chaos.line import STATION, running

DEVICES = 8

pytestmark = [
    pytest.mark.skipif(
        not shutil.which("mosquitto", path="/usr/sbin:/usr/bin"),
        reason="mosquitto is missing: apt-get install mosquitto",
    ),
    pytest.mark.timeout(240),
]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a line that was killed, came to rest with a clean audit, and ended."""
    folder = tmp_path_factory.mktemp("line") / "line"
    with running(folder, Random(1)) as line:
        KINDS["kill-all"].inflict(line)
        line.heal()
        line.test(DEVICES)
        line.wait_shown(DEVICES)
        assert line.settle().clean
    return folder


def audited(folder: Path) -> Audit:
    seen, _ = witness.read(folder / "seen.jsonl")
    with closing(held.Host(held.sqlite_url(folder / "host"))) as host:
        return audit(seen, host.held(STATION))


def broken(ended: Path, folder: Path, statement: str) -> Audit:
    """Return the audit of a copy of the line after an SQL statement at the host."""
    shutil.copytree(ended, folder)
    with closing(sqlite3.connect(folder / "host" / "host.db")) as db:
        assert db.execute(statement).rowcount > 0
        db.commit()
    return audited(folder)


ONE = "(SELECT id FROM runs ORDER BY id LIMIT 1 OFFSET 2)"


def test_a_killed_line_comes_to_rest_with_every_verdict_at_the_host(ended: Path) -> None:
    seen, _ = witness.read(ended / "seen.jsonl")
    assert len(seen.shown) >= DEVICES
    assert audited(ended).clean


def test_a_row_that_is_gone_is_told(ended: Path, tmp_path: Path) -> None:
    found = broken(ended, tmp_path / "copy", f"DELETE FROM runs WHERE id = {ONE}")
    assert len(found.lost) == 1
    assert found.unnamed


def test_a_flipped_bit_of_a_record_is_told(ended: Path, tmp_path: Path) -> None:
    flip = (
        "UPDATE runs SET record = CAST(replace(record, 'adapter-', 'adapteR-') AS BLOB) WHERE id = "
    )
    found = broken(ended, tmp_path / "copy", flip + ONE)
    assert len(found.altered) == 1


def test_a_record_under_a_second_id_is_told(ended: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(ended / "host" / "host.db")) as db:
        names = [name for _, name, *_ in db.execute("PRAGMA table_info(runs)") if name != "id"]
    other = [f"'{'x' * 32}'" if name == "record_id" else name for name in names]
    double = f"INSERT INTO runs ({', '.join(names)}) SELECT {', '.join(other)} FROM runs"
    found = broken(ended, tmp_path / "copy", f"{double} WHERE id = {ONE}")
    assert len(found.doubled) == 1
    assert "is there 2 times" in found.doubled[0]

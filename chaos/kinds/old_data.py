"""The data of version 0.1 at both sides, as it was when that was killed."""

import json
import shutil
import signal
import time

from chaos.line import ROOT, Line

DATA = ROOT / "tests" / "data" / "version_0_1"
"""Its README says what is in it."""


def inflict(line: Line) -> None:
    """Start this version on the files of 0.1, and kill it while it brings them up to date."""
    line.station.down(signal.SIGKILL)
    line.host.down(signal.SIGKILL)
    for folder in (line.station_data, line.host_data):
        for one in folder.iterdir():
            if one.is_file():
                one.unlink()
    for one in (DATA / "outbox-wal").iterdir():
        shutil.copy(one, line.station_data)
    shutil.copy(DATA / "host.db", line.host_data)
    line.stations = ("demo", "demo-2")
    with line.book.open("a") as book:
        for one in json.loads((DATA / "expected.json").read_text())["records"]:
            if one["station"] in line.stations:
                facts = {name: one[name] for name in ("record_id", "sequence", "sha256", "verdict")}
                book.write(json.dumps({"what": "shown", **facts}) + "\n")
    line.up()
    for service in line.chance.sample([line.station, line.host], line.chance.randint(0, 2)):
        time.sleep(line.chance.uniform(0.0, 1.0))
        service.kill()

"""One guest from where it was frozen to its exit code: far ends, machine, what both leave."""

import json
import logging
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from station.rig import config
from virtual_rig.far_ends.control import Control, ControlServer
from virtual_rig.far_ends.eye import Eye
from virtual_rig.far_ends.wiring import VHCI_BUS, FarEnds
from virtual_rig.guest.hands import Where
from virtual_rig.qemu import machine
from virtual_rig.qemu.frozen import STATION, Frozen
from virtual_rig.qemu.qmp import Qmp, QmpError
from virtual_rig.qemu.root_disk import ROOT

_log = logging.getLogger(__name__)


def run(
    frozen: Frozen,
    out: Path,
    pytest_arguments: Sequence[str],
    *,
    limit_s: float,
    output: Path | None = None,
) -> int:
    """Return pytest's exit code, or that of a guest that hung or died (see `machine`).

    junit.xml and logs are then in `out`. What pytest prints goes to stdout, or to `output`.
    """
    sockets = Path(tempfile.mkdtemp(prefix="virtual-rig-"))
    try:
        ends = FarEnds(config.load(ROOT / STATION), sockets)
        ends.plug_golden_units()
        control = ControlServer(Control(ends))
        try:
            places = machine.Places(out, sockets)
            _prepare(places, ends, control.port, pytest_arguments)
            command = machine.command_line(frozen.built, frozen.disks, places, said=output)
            with machine.Machine(command, frozen.state) as guest:
                try:
                    _connect(guest, places, ends)
                except (OSError, QmpError) as error:
                    _log.warning("%s: %s", out.name, error)
                    return machine.DIED
                return guest.wait(out, limit_s)
        finally:
            control.close()
            ends.close()
    finally:
        shutil.rmtree(sockets)


def _prepare(
    places: machine.Places, ends: FarEnds, control_port: int, pytest_arguments: Sequence[str]
) -> None:
    machine.prepare(places)
    where = Where(machine.HOST_IN_GUEST, control_port, ends.usbip.address[1])
    go = {
        "where": str(where),
        "serial": [*ends.wiring.ftdi, *ends.wiring.cdc_acm],
        "keyboards": sorted(ends.wiring.devices),
        "vhci_bus": VHCI_BUS,
        "pytest": [
            *("--rig", str(STATION), "--cables", "virtual_rig.guest.cables:VirtualCables"),
            "--junitxml=/rig/out/junit.xml",
            *("--collect-in-virtualenv", "--capture=sys"),  # each saves an emulated second
            *pytest_arguments,
        ],
    }
    (places.out / "go.json").write_text(json.dumps(go))


def _connect(guest: machine.Machine, places: machine.Places, ends: FarEnds) -> None:
    """Connect the far ends over QEMU's socket, which it makes before the guest goes on."""
    if not machine.wait_for_file(places.qmp, guest, 10.0):
        return
    qmp = Qmp.connect(places.qmp)
    ends.open_eye(Eye(qmp, places.sockets))
    machine.wait_until_loaded(qmp, 20.0)
    for port, line in ends.lines.items():
        machine.plug_usb_serial(qmp, places, port)
        line.plug()
    machine.thaw(qmp, places)

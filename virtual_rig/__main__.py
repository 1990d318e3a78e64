"""`python -m virtual_rig [pytest arguments]`: one cycle, from kernel to exit code."""

import json
import logging
import os
import resource
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from station import config, udev_rules
from virtual_rig import kernel, machine, packages
from virtual_rig.control import Control, ControlServer
from virtual_rig.eye import Eye
from virtual_rig.far_ends import VHCI_BUS, FarEnds
from virtual_rig.hands import Where
from virtual_rig.qmp import Qmp

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache/virtual-rig"
OUT = CACHE / "out"
STATION = Path("hil_tests/virtual.toml")
ONLY_SIMULATED = ("--ignore=hil_tests/test_faults.py",)  # would be skipped, one by one and slowly
NO_PLUGINS = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # most take seconds to load in the guest
PLUGINS = ("-p", "pytest_timeout", "-p", "pytest_asyncio.plugin", "-p", "no:cacheprovider")
LIMIT_S = float(os.environ.get("VIRTUAL_RIG_LIMIT_S", "300"))


def main(arguments: list[str]) -> int:
    logging.basicConfig(level=logging.WARNING, format="virtual rig: %(message)s")
    started_s = time.monotonic()
    try:
        packages.ensure()
        built = kernel.build(CACHE)
    except (packages.Missing, kernel.CannotBuild) as error:
        print(f"virtual rig: {error}", file=sys.stderr)
        return machine.DIED
    sockets = Path(tempfile.mkdtemp(prefix="virtual-rig-"))
    ends = FarEnds(config.load(ROOT / STATION), sockets)
    ends.plug_golden_units()
    control = ControlServer(Control(ends))
    try:
        places = machine.Places(OUT, sockets)
        _prepare(places, ends, control.port, arguments)
        _compile([*PLUGINS, "hil_tests"])
        command = machine.command_line(built, places, sorted(ends.lines))
        with machine.Machine(command) as guest:
            _connect(guest, places, ends)
            code = guest.wait(OUT, LIMIT_S)
    finally:
        control.close()
        ends.close()
        shutil.rmtree(sockets)
    elapsed_s = time.monotonic() - started_s
    if code == machine.HUNG:
        print(f"virtual rig: killed after {LIMIT_S:g} s", file=sys.stderr)
    if code in (machine.HUNG, machine.DIED):
        print(machine.last_words(OUT), file=sys.stderr)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"virtual rig: exit code {code}, {elapsed_s:.1f} s"
        f" ({used.ru_utime + used.ru_stime:.1f} s of processor); logs in {OUT}",
        file=sys.stderr,
    )
    return code


def _compile(pytest_arguments: list[str]) -> None:
    """Byte code for all that the guest imports: its processor would take half a minute for it."""
    ours = [str(ROOT / one) for one in ("drivers", "station", "hil_tests", "virtual_rig")]
    made = CACHE / "libraries-compiled"
    lock = (ROOT / "uv.lock").read_bytes()
    if not made.exists() or made.read_bytes() != lock:
        ours.append(sysconfig.get_path("purelib"))
    compiling = [sys.executable, "-m", "compileall", "-q", "-j", "0", *ours]
    subprocess.run(compiling, check=False, stdout=subprocess.DEVNULL)
    made.write_bytes(lock)
    collecting = [sys.executable, "-m", "pytest", "--collect-only", "-q", *pytest_arguments]
    subprocess.run(  # its own byte code, with assertions rewritten
        collecting, check=False, cwd=ROOT, env=os.environ | NO_PLUGINS, stdout=subprocess.DEVNULL
    )


def _prepare(
    places: machine.Places, ends: FarEnds, control_port: int, arguments: list[str]
) -> None:
    settings = {"ROOT": str(ROOT), "PYTHON": sys.executable}
    machine.prepare(places, settings)
    slot_rules = udev_rules.rules(udev_rules.slot_ports(ends.config))
    (places.out / Path(udev_rules.RULES_FILE).name).write_text(slot_rules)
    where = Where(machine.HOST_IN_GUEST, control_port, ends.usbip.address[1])
    fixed = [*ends.wiring.ftdi.values(), *ends.wiring.cdc_acm.values()]
    pytest_arguments = [
        *PLUGINS,
        *([] if _names_tests(arguments) else [*_kernel_tests(), "hil_tests", *ONLY_SIMULATED]),
        *("--rig", str(STATION), "--junitxml=/rig/out/junit.xml"),
        f"--color={'yes' if sys.stdout.isatty() else 'no'}",
        *arguments,
    ]
    go = {
        "where": str(where),
        "serial": [port for _, port in fixed],
        "keyboards": sorted(ends.wiring.devices),
        "vhci_bus": VHCI_BUS,
        "pytest": pytest_arguments,
    }
    (places.out / "go.json").write_text(json.dumps(go))


def _kernel_tests() -> list[str]:
    """First: the other tests share one rig, which keeps what it has opened until the end."""
    return [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("hil_tests/test_kernel_*.py"))]


def _names_tests(arguments: list[str]) -> bool:
    return any((ROOT / one.partition("::")[0]).exists() for one in arguments if one[:1] != "-")


def _connect(guest: machine.Machine, places: machine.Places, ends: FarEnds) -> None:
    """QEMU makes its sockets before the guest's first instruction."""
    if machine.wait_for_file(places.qmp, guest, 10.0):
        for line in ends.lines.values():
            line.plug()
        ends.open_eye(Eye(Qmp.connect(places.qmp), places.sockets))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

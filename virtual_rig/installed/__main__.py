"""From a checkout to an exit code."""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from virtual_rig.installed import image
from virtual_rig.installed.guest import Fault, GuestSilent
from virtual_rig.installed.image import Image
from virtual_rig.installed.record_host import HostTrouble, RecordHost
from virtual_rig.installed.scenario import Scenario
from virtual_rig.qemu import kernel, machine, packages
from virtual_rig.roots import debian

ROOT = Path(__file__).resolve().parent.parent.parent
CACHE = ROOT / ".cache/installed-rig"
OUT = CACHE / "out"
DIED = CACHE / "died"
"""The folder of what runs that did not end well have left; `OUT` is the next run's."""
LIMIT_S = float(os.environ.get("INSTALLED_RIG_LIMIT_S", "360"))


class Ended(Exception):
    """By a signal, the alarm's among them."""


def last_words(out: Path, lines: int = 60) -> str:
    """Return what the guest said last in its last boot."""
    logs = sorted(out.glob("boot-*/console.log"))
    text = logs[-1].read_bytes().decode(errors="replace") if logs else ""
    return "\n".join(text.splitlines()[-lines:])


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="script/installed-rig",
        description="The station's Debian package, installed, booted, used, killed and cut from"
        " its power in QEMU.",
    )
    parser.add_argument(
        "--plan",
        choices=["usb-keyboard"],
        default="",
        help="instead of all that: boot, and test one good keyboard by this plan",
    )
    options = parser.parse_args(arguments)
    if os.geteuid() != 0:
        print("installed rig: installing into a disk takes root", file=sys.stderr)
        return machine.DIED
    began_s = time.monotonic()
    for number in (signal.SIGALRM, signal.SIGTERM):
        signal.signal(number, _end)
    figures: dict[str, float] = {}
    try:
        image_ = make_image()
        print(f"installed rig: the disk is made, {time.monotonic() - began_s:.1f} s", flush=True)
        signal.alarm(int(LIMIT_S))
        code = play(image_, options.plan, figures)
        signal.alarm(0)
    except (packages.Missing, kernel.CannotBuild, debian.CommandFailed) as error:
        print(f"installed rig: {error}", file=sys.stderr)
        return machine.DIED
    told = "".join(f"{name} {value:.4g}, " for name, value in figures.items())
    elapsed_s = time.monotonic() - began_s
    print(f"installed rig: exit code {code}, {told}{elapsed_s:.1f} s in all; logs in {OUT}")
    return code


def make_image() -> Image:
    """Of this checkout. Raises `Missing`, `CannotBuild` and `CommandFailed`."""
    packages.ensure(packages.NEEDED | packages.FOR_A_DISK)
    built = kernel.build(ROOT / ".cache/virtual-rig")
    done = subprocess.run(
        [ROOT / "script/package", "station"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise debian.CommandFailed(f"script/package station\n{done.stdout}{done.stderr}")
    return image.build(CACHE, built, ROOT / done.stdout.split()[-1])


def play(image_: Image, plan: str, figures: dict[str, float]) -> int:
    """Play the scenario; return script/virtual-rig's exit code; say on stderr what failed."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="installed-rig-") as scratch:
        host = RecordHost(OUT / "host")
        scenario = Scenario(image_, host, OUT, Path(scratch), figures)
        try:
            scenario.play(plan)
        except Fault as fault:
            code, why = 1, f"FAULT: {fault}"
        except Ended:
            code, why = machine.HUNG, f"ended from outside, or after {LIMIT_S:g} s"
        except (GuestSilent, HostTrouble, OSError) as error:
            code, why = machine.DIED, f"{type(error).__name__}: {error}"
        else:
            return 0
        finally:
            scenario.close()
            host.stop()
        kept = machine.keep(OUT, DIED)
        why = f"{why}; kept in {kept}"
        print(last_words(OUT), host.log(), f"installed rig: {why}", sep="\n", file=sys.stderr)
        return code


def _end(number: int, frame: FrameType | None) -> None:
    raise Ended


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

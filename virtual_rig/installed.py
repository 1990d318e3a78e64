"""`python -m virtual_rig.installed`: an installed station, booted, used, killed and without power.

    this machine                                     guest: Debian on a disk, systemd as process 1
    twins      ◄── USB/IP, sockets of QEMU's ──────► pace-station.service, hardened, from the .deb
    mosquitto  ◄── MQTT ───────────────────────────► its publisher
    pace-host
    scenario   ◄── JSON lines, virtio port ────────► attendant: plugs in, runs commands

A keyboard's run begins when it is plugged in.
"""

import argparse
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, TypeVar

from drivers.key_layouts import LAYOUTS
from drivers.sim.hid_keyboard import SimulatedKeyboard
from drivers.sim.scpi_supply import BenchOutput
from station import config
from station.simulate.rig import World
from virtual_rig import debian, image, kernel, machine, packages, write_log
from virtual_rig.control import Control, ControlServer
from virtual_rig.far_ends import FarEnds
from virtual_rig.hands import Where
from virtual_rig.image import Image
from virtual_rig.record_host import Held, HostTrouble, RecordHost
from virtual_rig.write_log import Replayed

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache/installed-rig"
OUT = CACHE / "out"
LIMIT_S = float(os.environ.get("INSTALLED_RIG_LIMIT_S", "240"))
BOOTS_WITHIN_S = 90.0
RUN_WITHIN_S = 60.0
PLAN_WITHIN_S = 200.0  # every key of a keyboard, several times

STATION, SLOT, PORT = "installed", "keyboard", "3-7"
UNIT = "pace-station.service"
DEAD_KEY = 0x04  # A, by its HID usage
MOST_EXPOSED = 2.0
WATCHDOG_S = 10
WATCHDOG_DROP_IN = f"/run/systemd/system/{UNIT}.d/watchdog.conf"

Found = TypeVar("Found")


class Fault(Exception):
    """The installed station did not do what it has to."""


class Ended(Exception):
    """By a signal, the alarm's among them."""


class GuestSilent(Exception):
    """The guest does not answer, or not as it should."""


def expect(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise Fault(otherwise)


def wait_for(look: Callable[[], Found], what: str, within_s: float) -> Found:
    """What `look` finds at last; a host that is not there is asked again. Raises `Fault`."""
    give_up_s = time.monotonic() + within_s
    while True:
        if found := look():
            return found
        if time.monotonic() > give_up_s:
            raise Fault(f"waited {within_s:g} s in vain for {what}")
        time.sleep(0.1)


class FingeredKeyboard(SimulatedKeyboard):
    """Knows how often it was pressed."""

    presses = 0

    def press(self, usage: int) -> None:
        self.presses += 1
        super().press(usage)


class Bench(Control):
    """The far ends, and the hand that holds keyboards."""

    def __init__(self, ends: FarEnds) -> None:
        super().__init__(ends)
        self._ends = ends
        self._seated = False

    def plugged_ports(self) -> list[str]:
        """What is plugged in when the machine is switched on."""
        return [*self.fixed_ports(), *([PORT] if self._seated else [])]

    def seat(self, serial_number: str, dead_keys: Sequence[int] = ()) -> FingeredKeyboard:
        """To be attached by the guest."""
        keyboard = FingeredKeyboard(
            self.world.time,
            keys=LAYOUTS["iso-105"].usages,
            serial_number=serial_number,
            dead_keys=dead_keys,
        )
        self._ends.usbip.offer(PORT, keyboard)
        self._ends.seat_keyboard(SLOT, keyboard)
        self._seated = True
        return keyboard

    def unseat(self) -> None:
        self.pull(PORT)
        self._seated = False

    @property
    def world(self) -> World:
        return self._ends.world(SLOT)

    @property
    def powered(self) -> bool:
        """Whether the supply at the keyboard's port is on."""
        source = self.world.circuit.source
        if not isinstance(source, BenchOutput):
            raise TypeError(f"{source} is no supply")
        return source.on


class Disk:
    """Survives its machines. Each gets a copy to work on, and a log of what it writes and flushes:
    what the disk keeps when the power is cut is what the log says was flushed."""

    def __init__(self, original: Path, folder: Path) -> None:
        self.kept = folder / "disk"
        self._in_use = folder / "disk-in-use"
        self._log = folder / "disk-log"
        copy_disk(original, self.kept)

    def options(self) -> list[str]:
        """QEMU's. Nothing has to outlive the host, so nobody waits for its disk."""
        copy_disk(self.kept, self._in_use)
        self._log.write_bytes(b"")
        unhurried = "driver=file,cache.no-flush=on"
        return [
            *("-blockdev", f"{unhurried},node-name=in-use,filename={self._in_use}"),
            *("-blockdev", f"{unhurried},node-name=log,filename={self._log}"),
            *("-blockdev", "driver=blklogwrites,node-name=disk,file=in-use,log=log"),
            *("-device", "virtio-blk-pci,drive=disk"),
        ]

    def lose_power(self) -> Replayed:
        return write_log.replay(self._log, self.kept)


def copy_disk(disk: Path, copy: Path) -> None:
    subprocess.run(["cp", "--sparse=always", disk, copy], check=True)


def command_line(
    image_: Image,
    disk_options: Sequence[str],
    places: machine.Places,
    where: Where,
    ftdi_ports: Sequence[str],
) -> list[str]:
    arguments = (
        "console=ttyS0 quiet loglevel=4 panic=-1 net.ifnames=0 mitigations=off random.trust_cpu=on"
        " root=/dev/vda rw systemd.show_status=0 systemd.getty_auto=0"
        " systemd.journald.forward_to_console=1"
        f" virtual_rig={where}"
    )
    line = [
        *(machine.QEMU, "-nodefaults", "-display", "none", "-no-reboot"),
        *("-machine", "q35", "-accel", machine.ACCELERATOR, "-cpu", "Nehalem"),
        *("-smp", "2", "-m", "1024"),
        *("-kernel", str(image_.kernel), "-initrd", str(image_.initramfs)),
        *("-append", arguments),
        *disk_options,
        *("-serial", f"file:{places.out / 'console.log'}"),
        *("-chardev", f"socket,id=ear,path={places.sockets}/ear,server=on,wait=off"),
        *("-device", "virtio-serial-pci"),
        *("-device", "virtserialport,chardev=ear,name=virtual-rig.attendant"),
        *("-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile="),
        *("-device", "qemu-xhci,id=xhci"),
    ]
    for port in ftdi_ports:
        number = port.partition("-")[2]
        socket_ = f"socket,id=ftdi{number},path={places.sockets}/ftdi-{port},server=on,wait=off"
        device = f"usb-serial,bus=xhci.0,port={number},chardev=ftdi{number},serial=RIG{port}"
        line += ["-chardev", socket_, "-device", device]
    return line


class Guest:
    """One machine, from power on until its power is cut."""

    def __init__(self, command: Sequence[str], sockets: Path, ends: FarEnds) -> None:
        for old in sockets.iterdir():
            old.unlink()
        self._machine = machine.Machine(command)
        self._ends = ends
        ear = sockets / "ear"
        if not machine.wait_for_file(ear, self._machine, 10.0):
            raise GuestSilent("QEMU did not start")
        for line in ends.lines.values():
            line.plug()
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(str(ear))
        self._lines = self._connection.makefile("rb")

    def ask(self, command: str, /, *, within_s: float = 40.0, **arguments: object) -> Any:
        """Have the attendant do something. Raises `GuestSilent` and `Fault`."""
        self._connection.settimeout(within_s)
        try:
            request = {"do": command, "with": arguments}
            self._connection.sendall(json.dumps(request).encode() + b"\n")
            answer = json.loads(self._lines.readline())
        except (OSError, ValueError) as error:
            raise GuestSilent(f"{command} {arguments}: {error!r}") from error
        if "error" in answer:
            raise Fault(f"{command} {arguments} → {answer['error']}")
        return answer["result"]

    def run(self, *command: str, within_s: float = 30.0) -> str:
        """What the command says; a code that is not 0 is a `Fault`."""
        code, said = self.try_to(*command, within_s=within_s)
        expect(code == 0, f"{' '.join(command)} → {code}: {said}")
        return said

    def try_to(self, *command: str, within_s: float = 30.0) -> tuple[int, str]:
        code, said = self.ask(
            "run", command=command, timeout_s=within_s, within_s=within_s + BOOTS_WITHIN_S
        )
        return code, said

    def properties(self) -> dict[str, str]:
        """What systemd says of the station."""
        lines = self.run("systemctl", "show", UNIT).splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def cut_power(self) -> None:
        self._machine.kill()
        self._lines.close()
        self._connection.close()
        for line in self._ends.lines.values():
            line.unplug()


class OnDisk(NamedTuple):
    """The outbox of a station without power: sequence numbers."""

    waiting: list[int]
    broken_off: list[int]


def outbox_on(disk: Path, scratch: Path) -> OnDisk:
    """Of a copy, after what the next mount would do to it. Raises `CommandFailed`."""
    copy = scratch / "disk-looked-at"
    copy_disk(disk, copy)
    subprocess.run(["/sbin/e2fsck", "-p", copy], check=False, stdout=subprocess.DEVNULL)
    for end in ("", "-wal"):
        image.read(copy, f"/var/lib/pace-station/outbox.db{end}", scratch / f"outbox.db{end}")
    copy.unlink()
    outbox = sqlite3.connect(scratch / "outbox.db")
    try:
        waiting = [row[0] for row in outbox.execute("SELECT sequence FROM outbox")]
        drafts = [json.loads(row[0]) for row in outbox.execute("SELECT body FROM draft")]
    finally:
        outbox.close()
    return OnDisk(waiting, [draft["sequence"] for draft in drafts])


class Scenario:
    """What happens to a station, in the order of the methods. Each raises `Fault`."""

    def __init__(
        self, image_: Image, host: RecordHost, out: Path, scratch: Path, figures: dict[str, float]
    ) -> None:
        """`figures` takes what is measured on the way."""
        self.host = host
        self.figures = figures
        self._image = image_
        self._out = out
        self._sockets = scratch / "sockets"
        self._sockets.mkdir()
        self._scratch = scratch
        self._ends = FarEnds(config.load(image.CONFIG), self._sockets)
        self._ends.plug_golden_units()
        self._bench = Bench(self._ends)
        self._control = ControlServer(self._bench)
        self._disk = Disk(image_.disk, scratch)
        image.configure(self._disk.kept, host.broker_port)
        self._guest: Guest | None = None
        self._boots = 0
        self._plugged: set[str] = set()
        self._begun_s = time.monotonic()

    def play(self, plan: str = "") -> None:
        """All of it; or with a plan, that one alone."""
        self.host.start()
        if plan:
            self.boot()
            self.passes_by(plan)
            return
        self.boot()
        self.is_as_installed()
        self.passes("A-0001")
        self.fails("B-0002")
        self.cut_in_the_middle("C-0003", "D-0004")
        self.boot()
        self.nothing_is_lost("C-0003", "D-0004")
        self.comes_back_from_a_kill()
        self.comes_back_from_a_hang()
        self.is_upgraded()
        self.passes("E-0005")
        self.adds_up()
        self.is_purged()

    def boot(self) -> None:
        """Until systemd says that all is up, and the bench was made safe."""
        self._boots += 1
        places = machine.Places(self._out / f"boot-{self._boots}", self._sockets)
        places.out.mkdir(parents=True)
        where = Where(machine.HOST_IN_GUEST, self._control.port, self._ends.usbip.address[1])
        ftdi_ports = sorted(self._ends.lines)
        command = command_line(self._image, self._disk.options(), places, where, ftdi_ports)
        began_s = time.monotonic()
        self._guest = Guest(command, self._sockets, self._ends)
        code, state = self.guest.try_to("systemctl", "is-system-running", "--wait", within_s=60.0)
        booted_s = time.monotonic() - began_s
        failed = self.guest.run("systemctl", "--failed", "--plain", "--no-legend")
        expect(code == 0, f"the system is {state.strip()}: {failed}")
        known = self.guest.properties()
        expect(known["ActiveState"] == "active", f"{UNIT} is {known['ActiveState']}")
        expect(known["Type"] == "notify", f"{UNIT} is of type {known['Type']}")
        unsafe = [line for line in self.journal() if "not known to be safe" in line]
        expect(not unsafe, f"at its start: {unsafe}")
        expect(not self._bench.powered, "the bench is still powered after the station's start")
        ready_s = int(known["ActiveEnterTimestampMonotonic"]) / 1e6
        started_s = int(known["ExecMainStartTimestampMonotonic"]) / 1e6
        self.figures[f"boot {self._boots}"] = booted_s
        self.figures[f"READY {self._boots}"] = ready_s - started_s
        self.say(
            f"boot {self._boots}: up after {booted_s:.1f} s, {UNIT} READY"
            f" {ready_s - started_s:.1f} s after its start"
        )

    def is_as_installed(self) -> None:
        """Enabled, watched, unprivileged and locked in."""
        known = self.guest.properties()
        expect(known["UnitFileState"] == "enabled", f"{UNIT} is {known['UnitFileState']}")
        expect(known["WatchdogUSec"] == "1min", f"watchdog: {known['WatchdogUSec']}")
        expect(known["User"] == "pace-station", f"it runs as {known['User']!r}")
        status = self.guest.run("cat", f"/proc/{known['MainPID']}/status")
        fields = dict(re.findall(r"(?m)^(\w+):\s*(.*)$", status))
        expect("0" not in fields["Uid"].split(), f"it runs as root: {fields['Uid']}")
        expect(int(fields["CapEff"], 16) == 0, f"it has capabilities: {fields['CapEff']}")
        expect(fields["NoNewPrivs"] == "1", "it may get new privileges")
        expect(fields["Seccomp"] == "2", "its system calls are not filtered")
        said = self.guest.run("systemd-analyze", "security", "--no-pager", UNIT)
        found = re.search(r"exposure level for \S+: ([\d.]+)", said)
        expect(found is not None, f"systemd-analyze security → {said[-300:]}")
        exposure = float(found[1]) if found else 10.0
        expect(exposure <= MOST_EXPOSED, f"systemd-analyze security: {exposure}")
        self.say(f"runs as {known['User']} without capabilities, exposure {exposure}")

    def passes(self, tag: str, within_s: float = RUN_WITHIN_S) -> None:
        self._bench.unseat()
        began_s = time.monotonic()
        self.plug(tag)
        held = self.arrives(tag, within_s)
        expect(held.verdict == "pass", f"{tag}, which is good: {self.told(held)}")
        self.outbox_is_empty()
        self.say(f"{tag} is good: PASS at the host {time.monotonic() - began_s:.1f} s later")

    def fails(self, tag: str) -> None:
        self._bench.unseat()
        self.plug(tag, dead_keys=[DEAD_KEY])
        held = self.arrives(tag)
        expect(held.verdict == "fail", f"{tag}, which has a dead key: {self.told(held)}")
        self.outbox_is_empty()
        self.say(f"{tag} has a dead key: FAIL")

    def cut_in_the_middle(self, finished: str, running: str) -> None:
        """The host is away; one run ends, and the power goes during the next."""
        before = [held.sequence for held in self.host.runs(STATION)]
        self.host.stop()
        self._bench.unseat()
        keyboard = self.plug(finished)
        wait_for(lambda: keyboard.presses, f"fingers on {finished}", RUN_WITHIN_S)
        wait_for(lambda: not self._bench.powered, f"the end of {finished}'s run", RUN_WITHIN_S)
        self._bench.unseat()
        keyboard = self.plug(running)
        wait_for(lambda: keyboard.presses >= 10, f"fingers on {running}", RUN_WITHIN_S)
        self.guest.cut_power()
        self._guest = None
        replayed = self._disk.lose_power()
        expect(self._bench.powered, "the supply went off with the station: then nothing is shown")
        found = outbox_on(self._disk.kept, self._scratch)
        following = len(before) + 1
        expect(before == list(range(1, following)), f"the host had {before}")
        expect(
            found == OnDisk([following], [following + 1]),
            f"on the disk: {found}, and the host had {before}",
        )
        self.say(
            f"without a host {finished} waits; power cut in the middle of {running}: of"
            f" {sum(replayed)} writes the disk has lost the last {replayed.lost}"
        )

    def nothing_is_lost(self, finished: str, running: str) -> None:
        self.host.start()
        whole, broken = self.arrives(finished), self.arrives(running)
        expect(whole.verdict == "pass", f"{finished}, which is good: {self.told(whole)}")
        expect(broken.verdict == "aborted", f"{running}, without power: {self.told(broken)}")
        steps = [
            (step["step"], step["verdict"]) for step in self.host.record(broken.record_id)["steps"]
        ]
        expect(
            steps[:5]
            == [
                ("bench.open", "pass"),
                ("power.powers_up", "pass"),
                ("keyboard.enumeration", "pass"),
                ("keyboard.stuck_keys", "pass"),
                ("keyboard.chatter", "aborted"),
            ],
            f"{running} comes back with {steps}",
        )
        expect(broken.sequence == whole.sequence + 1, f"{whole}, {broken}")
        self.outbox_is_empty()
        self.say(
            f"{finished} arrives, {running} as ABORTED with {len(steps)} steps; the supply is off"
        )

    def comes_back_from_a_kill(self) -> None:
        self.guest.ask(
            "write", path=WATCHDOG_DROP_IN, text=f"[Service]\nWatchdogSec={WATCHDOG_S}\n"
        )
        self.guest.run("systemctl", "daemon-reload")
        before = self.guest.properties()
        self.send_signal("KILL")
        after = self.comes_back(before)
        expect(after["WatchdogUSec"] == f"{WATCHDOG_S}s", f"watchdog: {after['WatchdogUSec']}")
        self.say("killed: systemd starts it again")

    def comes_back_from_a_hang(self) -> None:
        before = self.guest.properties()
        began_s = time.monotonic()
        self.send_signal("STOP")
        self.comes_back(before)
        took_s = time.monotonic() - began_s
        bitten = [line for line in self.journal() if "Watchdog timeout" in line]
        expect(len(bitten) == 1, f"the journal has of the watchdog: {bitten}")
        self.say(
            f"stopped: the watchdog (of {WATCHDOG_S} s here) restarts it, {took_s:.1f} s in all"
        )

    def send_signal(self, name: str) -> None:
        self.guest.run("systemctl", "kill", "--kill-whom=main", f"--signal={name}", UNIT)

    def is_upgraded(self) -> None:
        """While it runs. What an administrator has written stays."""
        before = self.guest.properties()
        config_before = self.guest.run("cat", "/etc/pace-station/station.toml")
        began_s = time.monotonic()
        self.guest.run("dpkg", "--install", f"/{image.NEWER}", within_s=60.0)
        took_s = time.monotonic() - began_s
        version = self.guest.run("dpkg-query", "-Wf", "${Version}", "pace-station")
        expect(version.endswith("-2"), f"installed is {version}")
        now = self.guest.properties()
        expect(now["ActiveState"] == "active", f"after the upgrade {UNIT} is {now['ActiveState']}")
        expect(now["MainPID"] != before["MainPID"], "the upgrade did not restart it")
        expect(now["Result"] == "success", f"its end for the upgrade: {now['Result']}")
        config_now = self.guest.run("cat", "/etc/pace-station/station.toml")
        expect(config_now == config_before, f"station.toml is now {config_now}")
        self.say(f"upgraded to {version} and restarted, {took_s:.1f} s")

    def is_purged(self) -> None:
        """Nothing of it runs or is left, and USB is as it was before."""
        self.guest.run("dpkg", "--purge", "pace-station", within_s=60.0)
        left = [
            path
            for path in (
                "/etc/pace-station",
                "/var/lib/pace-station",
                f"/lib/systemd/system/{UNIT}",
            )
            if self.guest.try_to("test", "-e", path)[0] == 0
        ]
        expect(not left, f"after the purge there is still {left}")
        state = self.guest.run("systemctl", "show", "--value", "-p", "ActiveState", UNIT).strip()
        expect(state == "inactive", f"after the purge {UNIT} is {state}")
        probe = self.guest.run("cat", "/sys/bus/usb/drivers_autoprobe").strip()
        expect(probe == "1", f"after the purge the kernel's drivers_autoprobe is {probe}")
        self.say("purged")

    def comes_back(self, before: dict[str, str]) -> dict[str, str]:
        """As another process, one restart later, ready."""

        def is_back() -> dict[str, str]:
            now = self.guest.properties()
            restarted = int(now["NRestarts"]) == int(before["NRestarts"]) + 1
            other = now["MainPID"] not in ("0", before["MainPID"])
            return now if restarted and other and now["ActiveState"] == "active" else {}

        return wait_for(is_back, f"{UNIT} to be back", 45.0)

    def passes_by(self, plan: str) -> None:
        """A good keyboard, by a plan that is not the first of its slot."""
        path = "/etc/pace-station/station.toml"
        text = re.sub(rf'"keyboard-quick", "{plan}"', f'"{plan}"', self.guest.run("cat", path))
        self.guest.ask("write", path=path, text=text)
        self.guest.run("systemctl", "restart", UNIT)
        self.passes("A-0001", within_s=PLAN_WITHIN_S)
        (held,) = self.host.runs(STATION)
        expect(self.host.record(held.record_id)["plan"] == plan, f"it was not tested by {plan}")

    def adds_up(self) -> None:
        """Every run is at the host once, and none is missing."""
        held = self.host.runs(STATION)
        numbers = {one.sequence for one in held}
        tags = {one.asset_tag for one in held}
        lost = max(len(self._plugged), max(numbers)) - len(numbers)
        doubled = len(held) - len(tags)
        self.figures |= {"stored": len(held), "lost": lost, "doubled": doubled}
        expect(tags == self._plugged, f"tested: {self._plugged}; at the host: {tags}")
        expect(lost == 0 and doubled == 0, f"{lost} lost, {doubled} doubled: {held}")
        expect(numbers == set(range(1, len(held) + 1)), f"sequence numbers: {held}")
        health = self.host.health()
        expect(health["refused"] == 0, f"the host refused something: {health}")

    # What it is done with

    @property
    def guest(self) -> Guest:
        if self._guest is None:
            raise GuestSilent("it is switched off")
        return self._guest

    def plug(self, tag: str, dead_keys: Sequence[int] = ()) -> FingeredKeyboard:
        keyboard = self._bench.seat(tag, dead_keys)
        self._plugged.add(tag)
        self.guest.ask("attach", port=PORT)
        return keyboard

    def arrives(self, tag: str, within_s: float = RUN_WITHIN_S) -> Held:
        def look() -> list[Held]:
            return [held for held in self.host.runs(STATION) if held.asset_tag == tag]

        held = wait_for(look, f"the record of {tag} at the host", within_s)
        expect(len(held) == 1, f"{tag} is there more than once: {held}")
        return held[0]

    def outbox_is_empty(self) -> None:
        wait_for(lambda: self.host.waiting_at(STATION) == 0, "an empty outbox", 20.0)

    def told(self, held: Held) -> str:
        steps = self.host.record(held.record_id)["steps"]
        reasons = [f"{step['step']} {step['verdict']} {step.get('reason', '')}" for step in steps]
        return f"{held.verdict}: {'; '.join(reasons)}"

    def journal(self) -> list[str]:
        return self.guest.run("journalctl", "--boot", "--no-pager", f"--unit={UNIT}").splitlines()

    def say(self, what: str) -> None:
        print(f"{time.monotonic() - self._begun_s:6.1f} s  {what}", flush=True)

    def close(self) -> None:
        if self._guest is not None:
            self._guest.cut_power()
        self._control.close()
        self._ends.close()


def last_words(out: Path, lines: int = 60) -> str:
    """What the guest said in its last boot."""
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
    """The exit code, as that of script/virtual-rig; says on stderr what was wrong."""
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
        print(last_words(OUT), host.log(), f"installed rig: {why}", sep="\n", file=sys.stderr)
        return code


def _end(number: int, frame: FrameType | None) -> None:
    raise Ended


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

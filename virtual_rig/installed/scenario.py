"""An installed station's life: the events of it, and what each must come to."""

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from station.rig import config
from virtual_rig.far_ends.control import ControlServer
from virtual_rig.far_ends.eye import Level
from virtual_rig.far_ends.wiring import FarEnds
from virtual_rig.guest.hands import Where
from virtual_rig.installed import image
from virtual_rig.installed.bench import PORT, SLOT, Bench, FingeredKeyboard
from virtual_rig.installed.guest import KIOSK, UNIT, Fault, Guest, GuestSilent, command_line, expect
from virtual_rig.installed.image import Image
from virtual_rig.installed.power import Disk, OnDisk, outbox_on
from virtual_rig.installed.record_host import Held, RecordHost
from virtual_rig.qemu import machine

RUN_WITHIN_S = 60.0
PLAN_WITHIN_S = 200.0  # every key of a keyboard, several times

STATION = "installed"
CHATTERING_KEY = 0x04  # A, by its HID usage
LAST_ZONE = 8  # of the screen's nine: the second of two slots is there
MOST_EXPOSED = 2.0
WATCHDOG_S = 6  # instead of a minute
WATCHDOG_DROP_IN = f"/run/systemd/system/{UNIT}.d/watchdog.conf"

Found = TypeVar("Found")


def wait_for(look: Callable[[], Found], what: str, within_s: float) -> Found:
    """Wait until `look` finds something; return it. Asks an absent host again. Raises `Fault`."""
    give_up_s = time.monotonic() + within_s
    while True:
        if found := look():
            return found
        if time.monotonic() > give_up_s:
            raise Fault(f"waited {within_s:g} s in vain for {what}")
        time.sleep(0.1)


def is_green(level: Level) -> bool:
    """Neither grey nor white nor red."""
    red, green, blue = level
    return green > max(red, blue) + 0.1


class Scenario:
    """The events of a station's life, in the order of the methods. Each raises `Fault`."""

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
        """Play all of it; or with a plan, that one alone."""
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
        self.is_a_kiosk("F-0006")
        self.adds_up()
        self.is_purged()

    def boot(self) -> None:
        """Boot until systemd says that all is up, and the bench was made safe."""
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
        """Expect the unit enabled, watched, unprivileged and locked in."""
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
        self.plug(tag, chattering_keys=[CHATTERING_KEY])
        held = self.arrives(tag)
        expect(held.verdict == "fail", f"{tag}, which has a chattering key: {self.told(held)}")
        self.outbox_is_empty()
        self.say(f"{tag} has a chattering key: FAIL")

    def cut_in_the_middle(self, finished: str, running: str) -> None:
        """Finish one run while the host is away, and cut the power during the next."""
        before = [held.sequence for held in self.host.runs(STATION)]
        self.host.stop()
        self._bench.unseat()
        keyboard = self.plug(finished)
        wait_for(lambda: keyboard.presses, f"fingers on {finished}", RUN_WITHIN_S)
        self.ends(finished)
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
        """Upgrade the package while it runs. An administrator's files stay."""
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

    def is_a_kiosk(self, tag: str) -> None:
        """Show the operator's screen on tty1, as docs/how-to/install-on-a-pi.md does; go back."""
        self.guest.run("systemctl", "disable", "--now", UNIT)
        self.guest.run("systemctl", "enable", "--now", KIOSK, within_s=90.0)
        known = self.guest.properties(KIOSK)
        expect(known["User"] == "pace-station", f"{KIOSK} runs as {known['User']!r}")
        login = self.guest.properties("getty@tty1.service")["ActiveState"]
        expect(login == "inactive", f"the login on tty1 is {login}")
        self.shows("adapter > ", f"F2 {SLOT}")
        self.passes(tag)
        self.shows("adapter > ", tag)  # at whose prompt that keyboard has typed nothing
        keyboards_part = self.guest.eye.look().level(LAST_ZONE)
        self.guest.take_picture(self._out / "kiosk.png")
        expect(is_green(keyboards_part), f"{tag} is good, and its part of the screen is no green")
        self.guest.press("f2")
        self.shows(f"{SLOT} > ")
        self.guest.press("ctrl", "q")
        self.comes_back(known, KIOSK)
        self.shows("adapter > ")
        self.guest.run("systemctl", "disable", "--now", KIOSK)
        self.guest.run("systemctl", "enable", "--now", UNIT, within_s=90.0)
        self.say("operator's screen on tty1: a green PASS, keys are heard, Ctrl+Q starts it anew")

    def shows(self, *texts: str) -> None:
        def look() -> bool:
            shown = self.guest.screen_text()
            return all(text in shown for text in texts)

        wait_for(look, f"{' and '.join(map(repr, texts))} on the screen", 30.0)

    def is_purged(self) -> None:
        """Purge the package: nothing of it runs or is left, and USB is as it was before."""
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

    def comes_back(self, before: dict[str, str], unit: str = UNIT) -> dict[str, str]:
        """Expect the unit back as another process, one restart later, ready."""

        def is_back() -> dict[str, str]:
            now = self.guest.properties(unit)
            restarted = int(now["NRestarts"]) == int(before["NRestarts"]) + 1
            other = now["MainPID"] not in ("0", before["MainPID"])
            return now if restarted and other and now["ActiveState"] == "active" else {}

        return wait_for(is_back, f"{unit} to be back", 45.0)

    def passes_by(self, plan: str) -> None:
        """Pass a good keyboard, by a plan that is not the first of its slot."""
        path = "/etc/pace-station/station.toml"
        text = re.sub(rf'"keyboard-quick", "{plan}"', f'"{plan}"', self.guest.run("cat", path))
        self.guest.ask("write", path=path, text=text)
        self.guest.run("systemctl", "restart", UNIT)
        self.passes("A-0001", within_s=PLAN_WITHIN_S)
        (held,) = self.host.runs(STATION)
        expect(self.host.record(held.record_id)["plan"] == plan, f"it was not tested by {plan}")

    def adds_up(self) -> None:
        """Expect every run at the host once, and none missing."""
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

    def plug(self, tag: str, chattering_keys: Sequence[int] = ()) -> FingeredKeyboard:
        keyboard = self._bench.seat(tag, chattering_keys)
        self._plugged.add(tag)
        self.guest.ask("attach", port=PORT)
        return keyboard

    def arrives(self, tag: str, within_s: float = RUN_WITHIN_S) -> Held:
        def look() -> list[Held]:
            return [held for held in self.host.runs(STATION) if held.asset_tag == tag]

        held = wait_for(look, f"the record of {tag} at the host", within_s)
        expect(len(held) == 1, f"{tag} is there more than once: {held}")
        return held[0]

    def ends(self, tag: str) -> None:
        """Wait for the end of a run, as the station logs it: its supply is off before that."""
        word = f"slot {SLOT}: {tag} ends as "
        wait_for(
            lambda: any(word in line for line in self.journal()),
            f"the end of {tag}'s run",
            RUN_WITHIN_S,
        )

    def outbox_is_empty(self) -> None:
        wait_for(lambda: self.host.waiting_at(STATION) == 0, "an empty outbox", 20.0)

    def told(self, held: Held) -> str:
        steps = self.host.record(held.record_id)["steps"]
        reasons = [
            f"{step['step']} {step['verdict']} {step.get('reason', {}).get('text', '')}"
            for step in steps
        ]
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

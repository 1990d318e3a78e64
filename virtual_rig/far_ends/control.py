"""The commands by which tests in the guest act on the far ends, one JSON line each way."""

import contextlib
import hashlib
import inspect
import json
import logging
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from drivers.formats import edid
from drivers.formats.key_layouts import LAYOUTS
from drivers.sim.devices.keyboard import SimulatedKeyboard
from drivers.sim.languages.smbus import SimulatedSmbusChip
from drivers.sim.languages.usb_hub import SimulatedHub, SimulatedVbus
from drivers.sim.lead import Fault
from drivers.sim.linux.usb import SimulatedUsbBackend
from drivers.sim.onset import Onset
from drivers.sim.world import SimulatedTime
from virtual_rig.far_ends.cdc_acm import SimulatedCdcAcm
from virtual_rig.far_ends.eye import Eye, on_the_glass
from virtual_rig.far_ends.fixture_board import FixtureBoard
from virtual_rig.far_ends.scripted import ScriptedDevice
from virtual_rig.far_ends.wiring import BENCH_SPEED, FarEnds, RigError

EDIDS = Path(__file__).resolve().parents[3] / "shared/data/edid.txt"

_log = logging.getLogger(__name__)


class Control:
    """Each public method is a command; its keyword arguments are the command's."""

    def __init__(self, ends: FarEnds) -> None:
        self._ends = ends
        self._keyboards: dict[str, SimulatedKeyboard] = {}
        self._scripted: dict[str, ScriptedDevice] = {}
        self._hubs: dict[str, SimulatedHub] = {}
        self._boards: dict[str, FixtureBoard] = {}

    def bench_speed(self) -> float:
        """Return the speed of the twins' time, as a multiple of ours."""
        return BENCH_SPEED

    def current_a(self, slot: str) -> float:
        """Return the current that really flows between the slot's device and its bench, in A."""
        world = self._ends.world(slot)
        with self._ends.lock:
            return world.circuit.current_a

    # What is plugged into USB/IP ports

    def offer_keyboard(self, port: str, *, layout: str = "ansi-104", **settings: Any) -> None:
        """Offer a keyboard to the guest. In a slot's port it is that slot's device under test.

        It has the keys of `layout`; `settings` are `SimulatedKeyboard`'s.
        """
        slot = self._ends.wiring.devices.get(port)
        its_time = self._ends.world(slot).time if slot else SimulatedTime(1.0)
        keyboard = SimulatedKeyboard(its_time, keys=LAYOUTS[layout].usages, **settings)
        self._ends.usbip.offer(port, keyboard)
        self._keyboards[port] = keyboard
        if slot:
            with self._ends.lock:
                self._ends.seat(slot, keyboard)

    def offer_scripted(
        self,
        port: str,
        *,
        device: str,
        configuration: str,
        strings: list[str],
        answers: dict[str, str],
        speed: int = 2,
    ) -> None:
        """Offer a `ScriptedDevice`, with everything of it in hexadecimal."""
        scripted = ScriptedDevice(
            bytes.fromhex(device),
            bytes.fromhex(configuration),
            strings,
            answers={bytes.fromhex(ask): bytes.fromhex(say) for ask, say in answers.items()},
            speed=speed,
        )
        self._ends.usbip.offer(port, scripted)
        self._scripted[port] = scripted

    def offer_hub(self, port: str, *, mode: str = "individual", welded: bool = False) -> None:
        """Offer a hub with four sockets; a welded one keeps its 5 V whatever the hub says."""
        its_time = SimulatedTime(1.0)
        vbus = [SimulatedVbus(its_time, welded=welded) for _ in range(4)]
        hub = SimulatedHub(its_time, SimulatedUsbBackend(its_time), port, mode=mode, vbus=vbus)
        self._ends.usbip.offer(port, hub)
        self._hubs[port] = hub

    def offer_fixture_board(self, port: str, *, kind: str) -> None:
        """Offer a fixture board that runs its own firmware."""
        board = FixtureBoard(kind)
        self._boards[port] = board
        self._ends.usbip.offer(port, SimulatedCdcAcm(board, serial_number=f"BOARD{port}"))

    def outputs(self, port: str) -> list[tuple[int, str, str]]:
        """Return what the outputs of a fixture board did: µs of the board, output, value.

        It can be asked after its cable was pulled.
        """
        return self._boards[port].told

    def socket_v(self, port: str, number: int) -> float:
        """Return the volts that a meter reads in a socket, from 1, of the hub at `port`."""
        return self._hubs[port].vbus[number - 1].voltage_at(0.0)

    def say(self, port: str, endpoint: int, report: str) -> None:
        """Send the host a report or transfer of a scripted device, in hexadecimal."""
        self._scripted[port].say(endpoint, bytes.fromhex(report))

    def heard(self, port: str) -> list[tuple[int, str]]:
        """Return the data that a scripted device was sent: endpoints, and bytes in hexadecimal."""
        return [(endpoint, data.hex()) for endpoint, data in self._scripted[port].heard]

    def press(self, port: str, usage: int) -> None:
        """Press a key, by its HID usage, and hold it."""
        self._keyboard(port).press(usage)

    def release(self, port: str, usage: int) -> None:
        self._keyboard(port).release(usage)

    def type(self, port: str, usages: list[int], hold_s: float = 0.03) -> None:
        """Press one key after the other, each held and let go for `hold_s`."""
        for usage in usages:
            self.press(port, usage)
            time.sleep(hold_s)
            self.release(port, usage)
            time.sleep(hold_s)

    def keep_typing(self, port: str, usages: list[int], for_s: float) -> None:
        """Type the same keys over and over, from now on and even if no program listens."""
        until_s = time.monotonic() + for_s

        def work() -> None:
            with contextlib.suppress(RigError):  # it was pulled
                while time.monotonic() < until_s:
                    self.type(port, usages)

        threading.Thread(target=work, name=f"fingers at {port}", daemon=True).start()

    def leds(self, port: str) -> list[str]:
        """Return the LEDs that are lit, in alphabetical order."""
        return sorted(self._keyboard(port).leds)

    def freeze(self, port: str, *, frozen: bool) -> None:
        """Freeze the device at `port`: it answers nothing any more."""
        if port not in self._ends.usbip.cables:
            raise RigError(f"nothing that we could freeze at {port}")
        self._ends.usbip.cables[port].frozen = frozen

    # The other devices under test

    def plug_device(self, slot: str, **parameters: Any) -> None:
        """Replace the slot's device: it has these parameters, as a world file names them.

        All others are those of the golden unit.
        """
        self._ends.world(slot)
        with self._ends.lock:
            self._ends.plug_anew(slot, **parameters)

    def real_edids(self, count: int) -> list[str]:
        """Of real monitors, in hexadecimal: sound ones of one or two blocks, spread over what there
        is beside the checkout; none where there is nothing."""
        if not EDIDS.exists():
            return []
        lines = EDIDS.read_text().splitlines()
        found = [bytes.fromhex(one.partition("\t")[2]) for one in lines if one[:1] != "#"]
        short = [data for data in found if len(data) in (128, 256)]
        sound = [data.hex() for data in short if not edid.parse(data).errors]
        return sound[:: max(1, len(sound) // count)][:count]

    def count_dots(self, slot: str, *, bright: bool) -> int:
        """Count the pixels of the slot's monitor that are brighter, or darker, than the picture."""
        device = self._ends.world(slot).device
        seen = device.seen if device is not None else {}
        if "bright_pixels" not in seen:
            raise RigError(f"nobody could look at a screen in slot {slot}")
        picture = on_the_glass(
            self._eye(), bright_pixels=seen["bright_pixels"], dark_pixels=seen["dark_pixels"]
        )
        return picture.dots(bright=bright)

    # The screen

    def pixel(self, x: int, y: int) -> list[int]:
        """Return red, green and blue of a pixel that the guest shows, 0 to 255."""
        return list(self._eye().look().pixel(x, y))

    def picture_sha256(self) -> str:
        """Return the hash of all pixels in rows, three bytes each, as `Screen.show` takes them."""
        return hashlib.sha256(self._eye().look().rgb_rows).hexdigest()

    # The bench

    def break_finger(self, slot: str, usage: int) -> None:
        """Break the actuator's finger over a key."""
        broken = Fault("finger", Onset(), keys={usage}, does="nothing")
        self._ends.world(slot).add(broken)

    def loosen_lead(self, slot: str) -> None:
        """Take the meter's sense lead off its terminal."""
        self._ends.world(slot).add(Fault("gain", Onset(), "voltage", 0.4), "meter")

    def fixed_ports(self) -> list[str]:
        """Return the USB/IP ports of the fixed devices, in the order in which to attach them."""
        return sorted(self._ends.fixed)

    def i2c_bus(self, port: str) -> int | None:
        """Return the number of the bus that the adapter at `port` makes, if it is one."""
        return self._ends.wiring.i2c.get(port)

    def pull(self, port: str) -> None:
        """Pull the USB cable at `port`, of whatever device."""
        if port in self._ends.lines:
            self._ends.lines[port].unplug()
            return
        self._ends.usbip.unplug(port)
        if port in self._boards:
            self._boards[port].lose_usb()
        self._keyboards.pop(port, None)
        self._scripted.pop(port, None)
        self._hubs.pop(port, None)
        if slot := self._ends.wiring.devices.get(port):
            with self._ends.lock:
                self._ends.world(slot).unplug()

    def restore(self, port: str) -> bool:
        """Plug an instrument in again; whether the guest has to attach it."""
        if port in self._ends.lines:
            self._ends.lines[port].plug()
            return False
        self._ends.usbip.offer(port, self._ends.fixed[port])
        return True

    def set_serial(self, port: str, *, mute: bool = False, garbled: bool = False) -> None:
        """Set the fault of the instrument's answers from now on; none by default."""
        self._ends.serial[port].mute = mute
        self._ends.serial[port].garbled = garbled

    def solder_battery(self, bus: int, *, wrong_pec: bool = False) -> None:
        """Add a smart battery's gauge at 0x0b: 12.608 V, its maker's name, packet error codes."""
        values, blocks = {0x09: bytes.fromhex("40 31")}, {0x20: b"ACME"}
        gauge = SimulatedSmbusChip(0x0B, pec=True, values=values, blocks=blocks)
        gauge.wrong_pec = wrong_pec
        self._ends.i2c[bus].solder({0x0B: gauge})

    def set_absent(self, bus: int, addresses: list[int]) -> None:
        """Take the chips at `addresses` off the board, and put all others back."""
        self._ends.i2c[bus].absent = set(addresses)

    def _eye(self) -> Eye:
        if self._ends.eye is None:
            raise RigError("QEMU does not let us look at its screen")
        return self._ends.eye

    def _keyboard(self, port: str) -> SimulatedKeyboard:
        if port not in self._keyboards:
            raise RigError(f"no keyboard at {port}")
        return self._keyboards[port]


def commands(control: Control) -> dict[str, Callable[..., Any]]:
    return {
        name: method
        for name, method in inspect.getmembers(control, inspect.ismethod)
        if not name.startswith("_")
    }


class ControlServer:
    """Serves any number of connections, each in a thread."""

    def __init__(self, control: Control, host: str = "127.0.0.1") -> None:
        self._commands = commands(control)
        self._listener = socket.create_server((host, 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name="control", daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def answer(self, line: bytes) -> dict[str, Any]:
        """Return the answer to one request; any mistake in it is answered as `error`."""
        try:
            request = json.loads(line)
            command = self._commands[request["do"]]
            return {"result": command(**request.get("with", {}))}
        except Exception as error:
            _log.info("%r", line, exc_info=True)
            return {"error": f"{type(error).__name__}: {error}"}

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, connection.makefile("rb") as lines:
            for line in lines:
                connection.sendall(json.dumps(self.answer(line)).encode() + b"\n")

"""The firmware of fixture boards: what a station has of it, and how it comes onto a board.

A board keeps two copies. The one that does not run is written, checked by its hashes, and chosen at
the end by renaming one file; an update that is broken off leaves the board as it was. Copying is
done by MicroPython's own tool, mpremote, as a process.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from drivers.buses import Hardware
from drivers.errors import DriverError, NoReply, NotConnected
from drivers.languages.fixture_lines import TIMEOUT_S, FixtureLines, Hello
from drivers.linux.discovery import Found, SerialPort

FIRMWARE = Path(__file__).parents[1] / "firmware"
COMMON = ("line.py", "board.py", "kinds.py", "hw_rp2.py", "dma_rp2.py")
KINDS: Mapping[str, tuple[str, ...]] = {
    "fingers": ("fingers.py",),
    "light": ("light.py", "capture.py"),
    "atx": ("atx.py", "capture.py", "pio_atx.py"),
    "ps2": ("ps2.py", "pio_ps2.py"),
}
"""The kinds of boards, and the modules of each besides those that all have."""

LOADER = "main.py"
VERSION_LINE = "VERSION = "
RASPBERRY_PI = 0x2E8A
BAUDRATE = 115200
RESTARTS_WITHIN_S = 10.0
COPIES_WITHIN_S = 60.0

_STATE = (
    "import os; print('slot', (open('/active').read(1) if 'active' in os.listdir('/') else '-'))"
)
_CLEAR = """
import os
for slot in ('a', 'b'):
    if slot not in os.listdir('/'):
        os.mkdir('/' + slot)
for name in os.listdir('/{slot}'):
    os.remove('/{slot}/' + name)
"""
_CHECK = """
import sys
sys.path.insert(0, '/')
sys.modules.pop('main', None)
import main
found = main.manifest_of('', '{slot}')
print('whole', found['hash'] if found else '-')
"""
_CHOOSE = """
import os
with open('/active.new', 'w') as file:
    file.write('{slot}')
os.rename('/active.new', '/active')
"""
_NEW_LOADER = "import os; os.rename('/main.new', '/main.py')"
_RESTART = "import machine; machine.reset()"


class FlashError(Exception):
    """The firmware could not be renewed; the board runs what it ran before."""


@dataclass(frozen=True)
class Image:
    """The firmware for a kind of board: its files, and the manifest that a board checks them by."""

    kind: str
    version: str
    files: Mapping[str, bytes]

    @property
    def manifest(self) -> bytes:
        files = {name: hashlib.sha256(held).hexdigest() for name, held in self.files.items()}
        return json.dumps({"kind": self.kind, "version": self.version, "files": files}).encode()

    @property
    def hash(self) -> str:
        """The first 16 digits of the manifest's SHA-256, as a board says them in its hello."""
        return hashlib.sha256(self.manifest).hexdigest()[:16]


def image_of(kind: str) -> Image:
    """Return this station's firmware for a kind. Raises `FlashError` for an unknown kind."""
    if kind not in KINDS:
        raise FlashError(f"there is no firmware for {kind!r}; there is for {', '.join(KINDS)}")
    files = {name: (FIRMWARE / name).read_bytes() for name in (*COMMON, *KINDS[kind])}
    lines = files["board.py"].decode().splitlines()
    (version,) = (line for line in lines if line.startswith(VERSION_LINE))
    return Image(kind, version.removeprefix(VERSION_LINE).strip('"'), files)


def boards_of(items: tuple[Found, ...]) -> Iterator[SerialPort]:
    """Yield the serial ports that may be fixture boards: those of Raspberry Pi's USB vendor."""
    yield from (one for one in items if isinstance(one, SerialPort) and is_pico(one))


def is_pico(port: SerialPort) -> bool:
    """Tell whether a serial port is a Raspberry Pi Pico's."""
    return port.vendor_id == RASPBERRY_PI


def greet(hardware: Hardware, port: str) -> Hello | None:
    """Return what a board says of itself, or None where no firmware of ours answers.

    Its outputs are off then. Raises `DriverError` where the port is in use or gone.
    """
    with closing(hardware.serial(port, baudrate=BAUDRATE, timeout_s=TIMEOUT_S)) as line:
        try:
            return FixtureLines(line, port, time=hardware.time).greet("")
        except NoReply:
            return None


def fits(hello: Hello) -> bool:
    """Tell whether a board runs exactly this station's firmware."""
    return hello.kind in KINDS and hello.firmware_hash == image_of(hello.kind).hash


def misfits(hardware: Hardware, boards: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield a sentence for each board, kind and port, that does not run this station's firmware."""
    for kind, port in boards:
        try:
            hello = greet(hardware, port)
        except DriverError as error:
            yield f"{port}: {error}"
            continue
        if hello is None:
            yield f"{port}: no firmware answers; pace rig flash --board {kind} puts it there"
        elif hello.kind != kind:
            yield f"{port}: a board for {hello.kind}, not for {kind}"
        elif not fits(hello):
            mine = image_of(kind)
            yield (
                f"{port}: firmware {hello.firmware} ({hello.firmware_hash}) does not fit this"
                f" station's {mine.version} ({mine.hash}); pace rig flash renews it"
            )


def flash(
    hardware: Hardware,
    port: str,
    kind: str,
    path_of: Callable[[str], str],
    tell: Callable[[str], None],
) -> Hello | None:
    """Put this station's firmware onto the board at a port; None where it has it already.

    `kind` may be empty for a board that says its own. `path_of` finds the device path, which may
    change with each restart. Raises `FlashError`, `DriverError`.
    """
    hello = greet(hardware, port)
    if hello is None and not kind:
        raise FlashError(f"{port}: no firmware answers; say which board it is with --board")
    if hello is not None and kind not in ("", hello.kind):
        raise FlashError(f"{port}: the board is for {hello.kind}, not for {kind}")
    image = image_of(hello.kind if hello is not None else kind)
    if hello is not None and hello.firmware_hash == image.hash:
        return None
    if hello is not None:
        tell(f"{port}: {hello.kind} board {hello.board_id}, firmware {hello.firmware} stops")
        _stop(hardware, port, hello.kind)
    path = _wait_for(port, path_of)
    slot = _copy(path, image, tell)
    choose = _CHOOSE.format(slot=slot)
    _mpremote(path, "exec", choose, "+", "exec", "--no-follow", _RESTART)
    return _come_back(hardware, port, image)


def _stop(hardware: Hardware, port: str, kind: str) -> None:
    """Have a board restart without firmware."""
    with closing(hardware.serial(port, baudrate=BAUDRATE, timeout_s=TIMEOUT_S)) as line:
        lines = FixtureLines(line, port, time=hardware.time)
        lines.greet(kind)
        lines.ask("update")
    time.sleep(1.0)  # until it has gone; it comes back as another device


def _copy(path: str, image: Image, tell: Callable[[str], None]) -> str:
    """Write an image into the slot that does not run, check it there, and return the slot."""
    said = _mpremote(path, "exec", _STATE)
    slot = "b" if said.split()[-1:] == ["a"] else "a"
    with tempfile.TemporaryDirectory() as folder:
        for name, held in image.files.items():
            (Path(folder) / name).write_bytes(held)
        (Path(folder) / "manifest.json").write_bytes(image.manifest)
        (Path(folder) / "main.new").write_bytes((FIRMWARE / LOADER).read_bytes())
        files = [f"{folder}/{name}" for name in (*image.files, "manifest.json")]
        tell(f"{path}: {len(files)} files of firmware {image.version} into slot {slot}")
        said = _mpremote(
            path,
            *("exec", _CLEAR.format(slot=slot), "+", "cp", *files, f":/{slot}/"),
            *("+", "cp", f"{folder}/main.new", ":/main.new"),
            *("+", "exec", _NEW_LOADER, "+", "exec", _CHECK.format(slot=slot)),
        )
    if f"whole {image.hash}" not in said:  # what mpremote says of its copying may stand behind it
        raise FlashError(f"{path}: the copy on the board is not whole: {said.strip()!r}")
    return slot


def _mpremote(path: str, *arguments: str) -> str:
    """Run mpremote on a board, and return what it printed. Raises `FlashError`."""
    command = [sys.executable, "-m", "mpremote", "connect", path, "resume", *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=COPIES_WITHIN_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise FlashError(f"{path}: mpremote {arguments[0]} took {COPIES_WITHIN_S:g} s") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise FlashError(f"{path}: mpremote {arguments[0]} failed: {' '.join(said)}")
    return done.stdout


def _wait_for(port: str, path_of: Callable[[str], str]) -> str:
    give_up_s = time.monotonic() + RESTARTS_WITHIN_S
    while True:
        try:
            return path_of(port)
        except NotConnected:
            if time.monotonic() > give_up_s:
                raise
            time.sleep(0.1)


def _come_back(hardware: Hardware, port: str, image: Image) -> Hello:
    """Wait until the board has restarted, and make sure that it runs the image."""
    give_up_s = time.monotonic() + RESTARTS_WITHIN_S
    why = "it did not come back"
    while time.monotonic() < give_up_s:
        time.sleep(0.3)
        try:
            hello = greet(hardware, port)
        except DriverError as error:
            why = str(error)
            continue
        if hello is None:
            why = "no firmware answers"
        elif (hello.kind, hello.firmware_hash) == (image.kind, image.hash):
            return hello
        else:
            why = f"it runs {hello.kind} {hello.firmware}, {hello.firmware_hash}"
    raise FlashError(f"{port}: after the copy, {why}")

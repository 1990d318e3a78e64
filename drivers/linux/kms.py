"""Full-screen pictures on a video output of the kernel's: a DRM dumb buffer and plain ioctls.

No X, no Wayland, no libdrm. What is asked is described in Linux Documentation/gpu/drm-uapi.rst and
drm-kms.rst. Only one program at a time, the DRM master, may change what the outputs of a card show.
"""

import contextlib
import ctypes
import errno
import fcntl
import mmap
import os
import threading
from collections.abc import Callable, Iterator
from ctypes import c_uint32
from pathlib import Path
from types import TracebackType
from typing import Any

from drivers.errors import DriverError, NotConnected, NotPermitted, Refused
from drivers.linux.drm_mode import (
    CONNECTOR_NAMES,
    DRM_IOCTL_MODE_ADDFB,
    DRM_IOCTL_MODE_CREATE_DUMB,
    DRM_IOCTL_MODE_DESTROY_DUMB,
    DRM_IOCTL_MODE_DIRTYFB,
    DRM_IOCTL_MODE_GETCONNECTOR,
    DRM_IOCTL_MODE_GETCRTC,
    DRM_IOCTL_MODE_GETENCODER,
    DRM_IOCTL_MODE_GETRESOURCES,
    DRM_IOCTL_MODE_MAP_DUMB,
    DRM_IOCTL_MODE_RMFB,
    DRM_IOCTL_MODE_SETCRTC,
    DRM_IOCTL_SET_MASTER,
    DRM_MODE_CONNECTED,
    DRM_MODE_TYPE_PREFERRED,
    DrmModeCardRes,
    DrmModeCreateDumb,
    DrmModeCrtc,
    DrmModeFbCmd,
    DrmModeFbDirtyCmd,
    DrmModeGetConnector,
    DrmModeGetEncoder,
    DrmModeMapDumb,
    DrmModeModeinfo,
    Number,
)

BITS_PER_PIXEL = 32  # XRGB8888: the bytes B, G, R and one that is not used
COLOUR_DEPTH = 24

Ioctl = Callable[[int, int, Any], object]


def find_card(connector: str, *, sysfs: Path = Path("/sys/class/drm")) -> str:
    """The device path of the card that `connector` is on. Connector names are unique in a system.

    Raises `NotConnected` when there is no such output, and names those that are there.
    """
    outputs: dict[str, str] = {}
    for path in sorted(sysfs.glob("card*-*")):
        card, _, name = path.name.partition("-")
        outputs[name] = card
    if connector not in outputs:
        there = ", ".join(outputs) or "none at all"
        raise NotConnected(f"{connector}: no such video output; there is {there}")
    return f"/dev/dri/{outputs[connector]}"


class Card:
    """One graphics card, open with us as its master as long as somebody is inside `with card:`.

    Each screen is, until it is closed: another program can be master again when the last one is.
    Entering raises `NotConnected` when there is no such card, `NotPermitted` when we may not open
    it or another program is its master.
    """

    def __init__(self, path: str, ioctl: Ioctl = fcntl.ioctl) -> None:
        self.path = path
        self.descriptor = -1
        self._ioctl = ioctl
        self._lock = threading.Lock()
        self._inside = 0

    def __enter__(self) -> "Card":
        with self._lock:
            if not self._inside:
                self._open()
            self._inside += 1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._close()

    def ask(self, what: str, request: int, argument: Any) -> None:
        """One ioctl; `what` is for the complaint."""
        try:
            self.call(request, argument)
        except OSError as error:
            raise self.failed(what, error) from error

    def call(self, request: int, argument: Any) -> None:
        """The same, with the kernel's own `OSError`."""
        if self.descriptor < 0:
            raise NotConnected(f"{self.path}: closed")
        while True:
            try:
                self._ioctl(self.descriptor, request, argument)
            except (InterruptedError, BlockingIOError):
                continue  # as libdrm does
            return

    def map(self, size: int, offset: int) -> mmap.mmap:
        try:
            return mmap.mmap(self.descriptor, size, offset=offset)
        except OSError as error:
            raise self.failed("map a buffer", error) from error

    def crtcs(self) -> list[int]:
        """Numbers of the scan-out engines. Their order is what `possible_crtcs` counts in."""
        return self._resources()[0]

    def connectors(self) -> list[int]:
        return self._resources()[1]

    def connector(
        self, number: int, *, probe: bool = False
    ) -> tuple[DrmModeGetConnector, list[DrmModeModeinfo], list[int]]:
        """A connector with its modes and encoders; `probe` asks the display again (100 ms)."""
        known = DrmModeGetConnector(connector_id=number, count_modes=0 if probe else 1)
        if not probe:  # room for one mode is what tells the kernel not to probe
            room = DrmModeModeinfo()
            known.modes_ptr = ctypes.addressof(room)
        self.ask("look at a connector", DRM_IOCTL_MODE_GETCONNECTOR, known)
        while True:
            modes = (DrmModeModeinfo * max(1, known.count_modes))()
            encoders = (c_uint32 * known.count_encoders)()
            filled = DrmModeGetConnector(
                connector_id=number,
                modes_ptr=ctypes.addressof(modes),
                count_modes=len(modes),
                encoders_ptr=ctypes.addressof(encoders),
                count_encoders=len(encoders),
            )
            self.ask("look at a connector", DRM_IOCTL_MODE_GETCONNECTOR, filled)
            if filled.count_modes <= len(modes) and filled.count_encoders <= len(encoders):
                return filled, list(modes)[: filled.count_modes], list(encoders)
            known = filled  # it was plugged in between the two questions

    def encoder(self, number: int) -> DrmModeGetEncoder:
        encoder = DrmModeGetEncoder(encoder_id=number)
        self.ask("look at an encoder", DRM_IOCTL_MODE_GETENCODER, encoder)
        return encoder

    def _open(self) -> None:
        try:
            self.descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise self._not_opened(error) from error
        try:
            self.ask("become master", DRM_IOCTL_SET_MASTER, 0)
        except BaseException:
            self._close()
            raise

    def _close(self) -> None:
        os.close(self.descriptor)
        self.descriptor = -1

    def _resources(self) -> tuple[list[int], list[int]]:
        count = DrmModeCardRes()
        self.ask("list its outputs", DRM_IOCTL_MODE_GETRESOURCES, count)
        crtcs = (c_uint32 * count.count_crtcs)()
        connectors = (c_uint32 * count.count_connectors)()
        filled = DrmModeCardRes(
            crtc_id_ptr=ctypes.addressof(crtcs),
            count_crtcs=len(crtcs),
            connector_id_ptr=ctypes.addressof(connectors),
            count_connectors=len(connectors),
        )
        self.ask("list its outputs", DRM_IOCTL_MODE_GETRESOURCES, filled)
        return list(crtcs), list(connectors)

    def _not_opened(self, error: OSError) -> DriverError:
        match error.errno:
            case errno.EACCES | errno.EPERM:
                return NotPermitted(
                    f"{self.path}: no permission: add this user to the group video"
                    f" (sudo adduser $USER video, then log in again), to which udev's own rules"
                    f" (50-udev-default.rules) give graphics cards"
                )
            case _:
                return NotConnected(f"{self.path}: no such graphics card ({error.strerror})")

    def failed(self, what: str, error: OSError) -> DriverError:
        match error.errno:
            case errno.EACCES | errno.EPERM | errno.EBUSY:
                return NotPermitted(
                    f"{self.path}: {what}: another program is master of the screens"
                    f" ({error.strerror}): end the desktop (systemctl isolate multi-user.target)"
                )
            case errno.ENODEV | errno.ENXIO | errno.EIO | errno.ENOENT:
                return NotConnected(f"{self.path}: {what}: gone ({error.strerror})")
            case errno.EOPNOTSUPP | errno.ENOTTY:
                return Refused(f"{self.path}: {what}: drives no screens ({error.strerror})")
            case _:
                return Refused(f"{self.path}: {what}: {error.strerror}")


class KmsScreen:
    """Implements `drivers.buses.Screen` on one output, in the display's preferred mode.

    Black at first; `close` restores what was shown before. Raises `NotConnected` when there is no
    such output or no display on it, `Refused` when the card has no scan-out engine left for it.
    """

    def __init__(self, card: Card, connector: str) -> None:
        self.closed = False
        self._card = card
        self.name = connector
        with contextlib.ExitStack() as undo:
            undo.enter_context(card)
            number = self._find()
            state, modes, encoders = card.connector(number, probe=True)
            if state.connection != DRM_MODE_CONNECTED or not modes:
                raise NotConnected(f"{connector}: no display is connected, or it is off")
            mode = next((one for one in modes if one.type & DRM_MODE_TYPE_PREFERRED), modes[0])
            self.width_px: int = mode.hdisplay
            self.height_px: int = mode.vdisplay
            self._connector = c_uint32(number)
            self._before = DrmModeCrtc(crtc_id=self._choose_crtc(state, encoders))
            card.ask("see what it shows", DRM_IOCTL_MODE_GETCRTC, self._before)
            self._buffer = _Buffer(card, self.width_px, self.height_px)
            undo.callback(self._buffer.close)
            self._set_crtc(self._buffer.fb_id, mode)
            self._undo = undo.pop_all()

    def show(self, rgb_rows: bytes) -> None:
        """One frame, 3 bytes per pixel in the order R, G, B; `width_px` × `height_px` × 3 bytes."""
        expected = self.width_px * self.height_px * 3
        if len(rgb_rows) != expected:
            raise ValueError(
                f"{self.name}: a frame of {self.width_px}x{self.height_px} pixels is {expected}"
                f" bytes, not {len(rgb_rows)}"
            )
        if self.closed:
            raise NotConnected(f"{self.name}: closed")
        self._buffer.fill(rgb_rows)

    def close(self) -> None:
        """Show again what was there before. Closing twice is fine."""
        if self.closed:
            return
        self.closed = True
        with self._undo:
            self._show_what_was_before()

    def _show_what_was_before(self) -> None:
        before = self._before
        try:
            self._set_crtc(before.fb_id, before.mode if before.mode_valid else None)
        except DriverError:  # what was shown before is gone
            with contextlib.suppress(DriverError):
                self._set_crtc(0, None)

    def _find(self) -> int:
        names = {}
        for number in self._card.connectors():
            state, _, _ = self._card.connector(number)
            names[_connector_name(state)] = number
        if self.name not in names:
            raise NotConnected(
                f"{self.name}: no such output on {self._card.path}, only {', '.join(names)}"
            )
        return names[self.name]

    def _choose_crtc(self, state: DrmModeGetConnector, encoders: list[int]) -> int:
        """The engine that feeds the connector now, or one that can and feeds no other."""
        if state.encoder_id and (now := self._card.encoder(state.encoder_id).crtc_id):
            return int(now)
        crtcs = self._card.crtcs()
        taken = set(self._crtcs_of_others())
        for encoder in encoders:
            possible = self._card.encoder(encoder).possible_crtcs
            for place, crtc in enumerate(crtcs):
                if possible >> place & 1 and crtc not in taken:
                    return crtc
        raise Refused(f"{self.name}: every scan-out engine of {self._card.path} is in use")

    def _crtcs_of_others(self) -> Iterator[int]:
        for number in self._card.connectors():
            state, _, _ = self._card.connector(number)
            if state.encoder_id and number != self._connector.value:
                yield self._card.encoder(state.encoder_id).crtc_id

    def _set_crtc(self, fb_id: int, mode: DrmModeModeinfo | None) -> None:
        wanted = DrmModeCrtc(crtc_id=self._before.crtc_id)
        if mode is not None:
            wanted.set_connectors_ptr = ctypes.addressof(self._connector)
            wanted.count_connectors = 1
            wanted.fb_id = fb_id
            wanted.mode = mode
            wanted.mode_valid = 1
        self._card.ask(f"show a picture on {self.name}", DRM_IOCTL_MODE_SETCRTC, wanted)


class _Buffer:
    """A dumb buffer that an output can show, mapped into memory. Black at first."""

    def __init__(self, card: Card, width_px: int, height_px: int) -> None:
        self._card = card
        self._row_size = width_px * BITS_PER_PIXEL // 8
        self._scanned_out_directly = False
        created = DrmModeCreateDumb(width=width_px, height=height_px, bpp=BITS_PER_PIXEL)
        card.ask("make a buffer", DRM_IOCTL_MODE_CREATE_DUMB, created)
        self._pitch: int = created.pitch
        with contextlib.ExitStack() as undo:
            undo.callback(self._forget, DRM_IOCTL_MODE_DESTROY_DUMB, created.handle)
            picture = DrmModeFbCmd(
                width=width_px,
                height=height_px,
                pitch=created.pitch,
                bpp=BITS_PER_PIXEL,
                depth=COLOUR_DEPTH,
                handle=created.handle,
            )
            card.ask("make a picture of a buffer", DRM_IOCTL_MODE_ADDFB, picture)
            undo.callback(self._forget, DRM_IOCTL_MODE_RMFB, picture.fb_id)
            self.fb_id: int = picture.fb_id
            place = DrmModeMapDumb(handle=created.handle)
            card.ask("map a buffer", DRM_IOCTL_MODE_MAP_DUMB, place)
            self._pixels = card.map(created.size, place.offset)
            undo.callback(self._pixels.close)
            self._pixels[:] = bytes(created.size)
            self._undo = undo.pop_all()

    def fill(self, rgb_rows: bytes) -> None:
        frame = to_xrgb(rgb_rows)
        if self._pitch == self._row_size:
            self._pixels[: len(frame)] = frame
        else:
            for row in range(len(frame) // self._row_size):
                ours, theirs = row * self._row_size, row * self._pitch
                self._pixels[theirs : theirs + self._row_size] = frame[ours : ours + self._row_size]
        self._tell()

    def close(self) -> None:
        self._undo.close()

    def _tell(self) -> None:
        """Say that there is something new. virtio-gpu and USB displays copy only then."""
        if self._scanned_out_directly:
            return
        try:
            self._card.call(DRM_IOCTL_MODE_DIRTYFB, DrmModeFbDirtyCmd(fb_id=self.fb_id))
        except OSError as error:
            if error.errno != errno.ENOSYS:
                raise self._card.failed("show a new picture", error) from error
            self._scanned_out_directly = True

    def _forget(self, request: int, number: int) -> None:
        with contextlib.suppress(OSError):  # the card may be gone, and all of it with it
            self._card.call(request, Number(number))


def to_xrgb(rgb_rows: bytes) -> bytearray:
    """Pixels R, G, B as the little-endian XRGB8888 of DRM: B, G, R and a zero."""
    frame = bytearray(len(rgb_rows) // 3 * 4)
    frame[0::4] = rgb_rows[2::3]
    frame[1::4] = rgb_rows[1::3]
    frame[2::4] = rgb_rows[0::3]
    return frame


def _connector_name(state: DrmModeGetConnector) -> str:
    """As the kernel names it, such as HDMI-A-1."""
    kind = state.connector_type
    name = CONNECTOR_NAMES[kind] if kind < len(CONNECTOR_NAMES) else CONNECTOR_NAMES[0]
    return f"{name}-{state.connector_type_id}"

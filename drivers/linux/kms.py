"""Full-screen pictures on a video output of the kernel's: a DRM dumb buffer.

No X, no Wayland, no libdrm; see `drm_card` for the requests.
"""

import contextlib
import ctypes
import errno
from collections.abc import Iterator
from ctypes import c_uint32

from drivers.errors import DriverError, NotConnected, Refused
from drivers.linux.drm_card import Card
from drivers.linux.drm_mode import (
    CONNECTOR_NAMES,
    DRM_IOCTL_MODE_ADDFB,
    DRM_IOCTL_MODE_CREATE_DUMB,
    DRM_IOCTL_MODE_DESTROY_DUMB,
    DRM_IOCTL_MODE_DIRTYFB,
    DRM_IOCTL_MODE_GETCRTC,
    DRM_IOCTL_MODE_MAP_DUMB,
    DRM_IOCTL_MODE_RMFB,
    DRM_IOCTL_MODE_SETCRTC,
    DRM_MODE_CONNECTED,
    DRM_MODE_TYPE_PREFERRED,
    DrmModeCreateDumb,
    DrmModeCrtc,
    DrmModeFbCmd,
    DrmModeFbDirtyCmd,
    DrmModeGetConnector,
    DrmModeMapDumb,
    DrmModeModeinfo,
    Number,
)

BITS_PER_PIXEL = 32  # XRGB8888: the bytes B, G, R and one that is not used
COLOUR_DEPTH = 24


class KmsScreen:
    """Implements `drivers.buses.Screen` on one output, in the display's preferred mode.

    The screen is black at first; `close` restores the picture that was shown before. Raises
    `NotConnected` when there is no such output or no display on it, `Refused` when the card has no
    scan-out engine left for it.
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
            self._mode = mode
            self._sends = False
            self._send()
            self._undo = undo.pop_all()

    def show(self, rgb_rows: bytes) -> None:
        """Show a frame of `width_px` × `height_px` pixels, each three bytes R, G, B."""
        expected = self.width_px * self.height_px * 3
        if len(rgb_rows) != expected:
            raise ValueError(
                f"{self.name}: a frame of {self.width_px}x{self.height_px} pixels is {expected}"
                f" bytes, not {len(rgb_rows)}"
            )
        if self.closed:
            raise NotConnected(f"{self.name}: closed")
        self._buffer.fill(rgb_rows)
        self._send()

    def lose_signal(self) -> None:
        """Switch the output off until a frame is shown."""
        if self.closed:
            raise NotConnected(f"{self.name}: closed")
        self._set_crtc(0, None)
        self._sends = False

    def _send(self) -> None:
        if not self._sends:
            self._set_crtc(self._buffer.fb_id, self._mode)
            self._sends = True

    def close(self) -> None:
        """Restore the picture that was shown before. It can be closed twice."""
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
        """Return the engine that feeds the connector now, or one that can and feeds no other."""
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
        """Tell the card that the picture is new: virtio-gpu and USB displays copy only then."""
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
    """Return pixels R, G, B as the little-endian XRGB8888 of DRM: B, G, R and a zero."""
    frame = bytearray(len(rgb_rows) // 3 * 4)
    frame[0::4] = rgb_rows[2::3]
    frame[1::4] = rgb_rows[1::3]
    frame[2::4] = rgb_rows[0::3]
    return frame


def _connector_name(state: DrmModeGetConnector) -> str:
    """Return the kernel's name of a connector, such as HDMI-A-1."""
    kind = state.connector_type
    name = CONNECTOR_NAMES[kind] if kind < len(CONNECTOR_NAMES) else CONNECTOR_NAMES[0]
    return f"{name}-{state.connector_type_id}"

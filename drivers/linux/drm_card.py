"""A graphics card through plain ioctls, with this program as its DRM master.

Linux Documentation/gpu/drm-uapi.rst and drm-kms.rst describe the requests. Only one program at a
time, the DRM master, may change what the outputs of a card show.
"""

import ctypes
import errno
import fcntl
import mmap
import os
import threading
from collections.abc import Callable
from ctypes import c_uint32
from pathlib import Path
from types import TracebackType
from typing import Any

from drivers.errors import DriverError, NotConnected, NotPermitted, Refused
from drivers.linux.drm_mode import (
    DRM_IOCTL_MODE_GETCONNECTOR,
    DRM_IOCTL_MODE_GETENCODER,
    DRM_IOCTL_MODE_GETRESOURCES,
    DRM_IOCTL_SET_MASTER,
    DrmModeCardRes,
    DrmModeGetConnector,
    DrmModeGetEncoder,
    DrmModeModeinfo,
)

Ioctl = Callable[[int, int, Any], object]


def find_card(connector: str, *, sysfs: Path = Path("/sys/class/drm")) -> str:
    """Return the device path of the card with this connector, whose name is unique in a system.

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
    """One graphics card, open with this program as its master while a `with card:` is entered.

    Each screen enters it until it is closed; after the last one another program can be master.
    Entering raises `NotConnected` when there is no such card, `NotPermitted` when this user may not
    open it or another program is its master.
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
        """Make one request; `what` names it in the error."""
        try:
            self.call(request, argument)
        except OSError as error:
            raise self.failed(what, error) from error

    def call(self, request: int, argument: Any) -> None:
        """Make one request. Raises the kernel's own `OSError`."""
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
        """Return the numbers of the scan-out engines, in the order of `possible_crtcs`."""
        return self._resources()[0]

    def connectors(self) -> list[int]:
        return self._resources()[1]

    def connector(
        self, number: int, *, probe: bool = False
    ) -> tuple[DrmModeGetConnector, list[DrmModeModeinfo], list[int]]:
        """Return a connector, its modes and encoders; `probe` asks the display again (100 ms)."""
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

"""The structures, numbers and names of Linux's mode setting (DRM).

From Linux include/uapi/drm/drm.h and drm_mode.h; connector names from drm_connector.c.
"""

import ctypes
from ctypes import Structure, c_char, c_uint16, c_uint32, c_uint64

DRM_MODE_CONNECTED = 1
DRM_MODE_TYPE_PREFERRED = 1 << 3

# drm_connector_enum_list; the place is DRM_MODE_CONNECTOR_…
CONNECTOR_NAMES = (
    "Unknown",
    "VGA",
    "DVI-I",
    "DVI-D",
    "DVI-A",
    "Composite",
    "SVIDEO",
    "LVDS",
    "Component",
    "DIN",
    "DP",
    "HDMI-A",
    "HDMI-B",
    "TV",
    "eDP",
    "Virtual",
    "DSI",
    "DPI",
    "Writeback",
    "SPI",
    "USB",
)


class DrmModeCardRes(Structure):
    """`struct drm_mode_card_res`"""

    _fields_ = (
        ("fb_id_ptr", c_uint64),
        ("crtc_id_ptr", c_uint64),
        ("connector_id_ptr", c_uint64),
        ("encoder_id_ptr", c_uint64),
        ("count_fbs", c_uint32),
        ("count_crtcs", c_uint32),
        ("count_connectors", c_uint32),
        ("count_encoders", c_uint32),
        ("min_width", c_uint32),
        ("max_width", c_uint32),
        ("min_height", c_uint32),
        ("max_height", c_uint32),
    )


class DrmModeModeinfo(Structure):
    """`struct drm_mode_modeinfo`"""

    _fields_ = (
        ("clock", c_uint32),
        ("hdisplay", c_uint16),
        ("hsync_start", c_uint16),
        ("hsync_end", c_uint16),
        ("htotal", c_uint16),
        ("hskew", c_uint16),
        ("vdisplay", c_uint16),
        ("vsync_start", c_uint16),
        ("vsync_end", c_uint16),
        ("vtotal", c_uint16),
        ("vscan", c_uint16),
        ("vrefresh", c_uint32),
        ("flags", c_uint32),
        ("type", c_uint32),
        ("name", c_char * 32),
    )


class DrmModeCrtc(Structure):
    """`struct drm_mode_crtc`"""

    _fields_ = (
        ("set_connectors_ptr", c_uint64),
        ("count_connectors", c_uint32),
        ("crtc_id", c_uint32),
        ("fb_id", c_uint32),
        ("x", c_uint32),
        ("y", c_uint32),
        ("gamma_size", c_uint32),
        ("mode_valid", c_uint32),
        ("mode", DrmModeModeinfo),
    )


class DrmModeGetEncoder(Structure):
    """`struct drm_mode_get_encoder`"""

    _fields_ = (
        ("encoder_id", c_uint32),
        ("encoder_type", c_uint32),
        ("crtc_id", c_uint32),
        ("possible_crtcs", c_uint32),
        ("possible_clones", c_uint32),
    )


class DrmModeGetConnector(Structure):
    """`struct drm_mode_get_connector`"""

    _fields_ = (
        ("encoders_ptr", c_uint64),
        ("modes_ptr", c_uint64),
        ("props_ptr", c_uint64),
        ("prop_values_ptr", c_uint64),
        ("count_modes", c_uint32),
        ("count_props", c_uint32),
        ("count_encoders", c_uint32),
        ("encoder_id", c_uint32),
        ("connector_id", c_uint32),
        ("connector_type", c_uint32),
        ("connector_type_id", c_uint32),
        ("connection", c_uint32),
        ("mm_width", c_uint32),
        ("mm_height", c_uint32),
        ("subpixel", c_uint32),
        ("pad", c_uint32),
    )


class DrmModeFbCmd(Structure):
    """`struct drm_mode_fb_cmd`"""

    _fields_ = (
        ("fb_id", c_uint32),
        ("width", c_uint32),
        ("height", c_uint32),
        ("pitch", c_uint32),
        ("bpp", c_uint32),
        ("depth", c_uint32),
        ("handle", c_uint32),
    )


class DrmModeFbDirtyCmd(Structure):
    """`struct drm_mode_fb_dirty_cmd`; without clips it is about the whole buffer."""

    _fields_ = (
        ("fb_id", c_uint32),
        ("flags", c_uint32),
        ("color", c_uint32),
        ("num_clips", c_uint32),
        ("clips_ptr", c_uint64),
    )


class DrmModeCreateDumb(Structure):
    """`struct drm_mode_create_dumb`"""

    _fields_ = (
        ("height", c_uint32),
        ("width", c_uint32),
        ("bpp", c_uint32),
        ("flags", c_uint32),
        ("handle", c_uint32),
        ("pitch", c_uint32),
        ("size", c_uint64),
    )


class DrmModeMapDumb(Structure):
    """`struct drm_mode_map_dumb`"""

    _fields_ = (("handle", c_uint32), ("pad", c_uint32), ("offset", c_uint64))


class Number(Structure):
    """The one `u32` that RMFB and DESTROY_DUMB take."""

    _fields_ = (("value", c_uint32),)


def _io(number: int) -> int:
    """Return the number of a `DRM_IO` request, which carries nothing."""
    return ord("d") << 8 | number


def _iowr(number: int, structure: type[Structure]) -> int:
    """Return the number of a `DRM_IOWR` request, whose structure goes in and comes back."""
    read_and_write = 3
    return read_and_write << 30 | ctypes.sizeof(structure) << 16 | ord("d") << 8 | number


DRM_IOCTL_SET_MASTER = _io(0x1E)
DRM_IOCTL_MODE_GETRESOURCES = _iowr(0xA0, DrmModeCardRes)
DRM_IOCTL_MODE_GETCRTC = _iowr(0xA1, DrmModeCrtc)
DRM_IOCTL_MODE_SETCRTC = _iowr(0xA2, DrmModeCrtc)
DRM_IOCTL_MODE_GETENCODER = _iowr(0xA6, DrmModeGetEncoder)
DRM_IOCTL_MODE_GETCONNECTOR = _iowr(0xA7, DrmModeGetConnector)
DRM_IOCTL_MODE_ADDFB = _iowr(0xAE, DrmModeFbCmd)
DRM_IOCTL_MODE_RMFB = _iowr(0xAF, Number)
DRM_IOCTL_MODE_DIRTYFB = _iowr(0xB1, DrmModeFbDirtyCmd)
DRM_IOCTL_MODE_CREATE_DUMB = _iowr(0xB2, DrmModeCreateDumb)
DRM_IOCTL_MODE_MAP_DUMB = _iowr(0xB3, DrmModeMapDumb)
DRM_IOCTL_MODE_DESTROY_DUMB = _iowr(0xB4, Number)

"""The KMS screen, on a graphics card that answers as drm-uapi.rst says, with a file as memory.

The card takes requests apart by the layouts of drm_mode.h written down here once more: numbers
and sizes were printed by a C program that includes that header.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.buses import Screen
from drivers.errors import DriverError, NotConnected, NotPermitted, Refused
from drivers.linux import drm_mode, kms
from drivers.linux.drm_card import Card, find_card
from drivers.linux.kms import KmsScreen

SET_MASTER = 0x641E
GETRESOURCES = 0xC04064A0
GETCRTC = 0xC06864A1
SETCRTC = 0xC06864A2
GETENCODER = 0xC01464A6
GETCONNECTOR = 0xC05064A7
ADDFB = 0xC01C64AE
RMFB = 0xC00464AF
DIRTYFB = 0xC01864B1
CREATE_DUMB = 0xC02064B2
MAP_DUMB = 0xC01064B3
DESTROY_DUMB = 0xC00464B4

HDMI_A, VIRTUAL = 11, 15
PREFERRED = 8
NOBODY = 65534


def mode(width_px: int, height_px: int, kind: int = 0) -> bytes:
    """Return a `struct drm_mode_modeinfo`."""
    timing = (width_px, width_px, width_px, width_px, 0, height_px, height_px, height_px, height_px)
    name = f"{width_px}x{height_px}".encode()
    return struct.pack("I10H3I32s", 25175, *timing, 0, 60, 0, kind, name)


class Output:
    """A connector with one encoder."""

    def __init__(self, kind: int, number: int, *modes: bytes, possible_crtcs: int = 0b11) -> None:
        self.kind = kind
        self.number = number
        self.modes = list(modes)
        self.connected = bool(modes)
        self.possible_crtcs = possible_crtcs
        self.crtc = 0


class GraphicsCard:
    """Connectors are 30, 31, …, their encoders 40, 41, …, scan-out engines 50 and 51."""

    PAGE = 4096

    def __init__(self, memory: Path, *outputs: Output, padding: int = 0) -> None:
        self.memory = memory
        self.memory.write_bytes(b"\xa5" * 4_000_000)
        self.outputs = {30 + place: output for place, output in enumerate(outputs)}
        self.crtcs: dict[int, tuple[int, bytes]] = {50: (0, b""), 51: (0, b"")}
        self.buffers: dict[int, tuple[int, int, int]] = {}
        self.pictures: dict[int, int] = {}
        self.dirty: list[int] = []
        self.probed: list[int] = []
        self.faults: dict[int, list[int]] = {}
        self.masters = 0
        self.padding = padding
        self.plugged_between: Callable[[], None] | None = None

    def picture(self, crtc: int = 50) -> list[bytes]:
        """Return the rows that `crtc` scans out, as R, G, B."""
        fb_id, now = self.crtcs[crtc]
        width, height = struct.unpack_from("H", now, 4)[0], struct.unpack_from("H", now, 14)[0]
        offset, pitch, _ = self.buffers[self.pictures[fb_id]]
        content = self.memory.read_bytes()[offset:]
        rows = [content[row * pitch :][: width * 4] for row in range(height)]
        return [b"".join(row[at : at + 3][::-1] for at in range(0, width * 4, 4)) for row in rows]

    def ioctl(self, descriptor: int, request: int, argument: Any) -> int:
        assert os.path.samefile(f"/proc/self/fd/{descriptor}", self.memory)
        if faults := self.faults.get(request):
            number = faults.pop(0)
            raise OSError(number, os.strerror(number))
        if request == SET_MASTER:
            self.masters += 1
            return 0
        answer = getattr(self, f"_{request:x}")(*struct.unpack(FORMATS[request], bytes(argument)))
        if answer is not None:
            data = struct.pack(FORMATS[request], *answer)
            ctypes.memmove(ctypes.addressof(argument), data, len(data))
        return 0

    def _c04064a0(self, *fields: int) -> tuple[int, ...]:
        _, crtcs, connectors, encoders, _, room_crtcs, room, room_encoders, *_ = fields
        put(crtcs, room_crtcs, list(self.crtcs))
        put(connectors, room, list(self.outputs))
        put(encoders, room_encoders, [number + 10 for number in self.outputs])
        counts = (0, len(self.crtcs), len(self.outputs), len(self.outputs))
        return (*fields[:4], *counts, 1, 8192, 1, 8192)

    def _c05064a7(self, *fields: int) -> tuple[int, ...]:
        encoders, modes, _, _, room_modes, _, room_encoders, _, number, *_ = fields
        output = self.outputs[number]
        if room_modes == 0:
            self.probed.append(number)
        if output.modes and room_modes >= len(output.modes):
            data = b"".join(output.modes)
            ctypes.memmove(modes, data, len(data))
        put(encoders, room_encoders, [number + 10])
        encoder = number + 10 if output.crtc else 0
        kind = (number, output.kind, output.number, 1 if output.connected else 2)
        answer = (*fields[:4], len(output.modes), 0, 1, encoder, *kind, 520, 290, 1, 0)
        if self.plugged_between is not None:
            self.plugged_between()
        return answer

    def _c01464a6(self, number: int, *_: int) -> tuple[int, ...]:
        output = self.outputs[number - 10]
        return number, 2, output.crtc, output.possible_crtcs, 0

    def _c06864a1(self, *fields: Any) -> tuple[Any, ...]:
        fb_id, now = self.crtcs[fields[2]]
        return (0, 0, fields[2], fb_id, 0, 0, 256, 1 if now else 0, now)

    def _c06864a2(self, *fields: Any) -> None:
        pointer, count, crtc, fb_id, _, _, _, valid, wanted = fields
        if not valid:
            assert (pointer, count, fb_id) == (0, 0, 0)
            self.crtcs[crtc] = (0, b"")
            for output in self.outputs.values():
                output.crtc = 0 if output.crtc == crtc else output.crtc
            return
        if fb_id not in self.pictures:
            raise OSError(errno.ENOENT, "No such file or directory")
        (connector,) = struct.unpack("I", ctypes.string_at(pointer, 4 * count))
        assert self.outputs[connector].possible_crtcs >> list(self.crtcs).index(crtc) & 1
        self.outputs[connector].crtc = crtc
        self.crtcs[crtc] = (fb_id, wanted)

    def _c02064b2(self, height: int, width: int, bpp: int, *_: int) -> tuple[int, ...]:
        assert bpp == 32
        pitch = width * 4 + self.padding
        handle = 1 + max(self.buffers, default=0)
        offset = self.PAGE * 100 * handle
        self.buffers[handle] = (offset, pitch, height * pitch)
        return height, width, bpp, 0, handle, pitch, height * pitch

    def _c01c64ae(self, _: int, *fields: int) -> tuple[int, ...]:
        pitch, bpp, depth, handle = fields[2:]
        assert (pitch, bpp, depth) == (self.buffers[handle][1], 32, 24)
        fb_id = 70 + handle
        self.pictures[fb_id] = handle
        return (fb_id, *fields)

    def _c01064b3(self, handle: int, *_: int) -> tuple[int, ...]:
        return handle, 0, self.buffers[handle][0]

    def _c01864b1(self, fb_id: int, flags: int, colour: int, clips: int, pointer: int) -> None:
        assert (flags, colour, clips, pointer) == (0, 0, 0, 0)
        self.dirty.append(fb_id)

    def _c00464af(self, fb_id: int) -> None:
        del self.pictures[fb_id]

    def _c00464b4(self, handle: int) -> None:
        del self.buffers[handle]


FORMATS = {
    GETRESOURCES: "4Q8I",
    GETCRTC: "Q7I68s",
    SETCRTC: "Q7I68s",
    GETENCODER: "5I",
    GETCONNECTOR: "4Q12I",
    ADDFB: "7I",
    RMFB: "I",
    DIRTYFB: "4IQ",
    CREATE_DUMB: "6IQ",
    MAP_DUMB: "2IQ",
    DESTROY_DUMB: "I",
}


def put(pointer: int, room: int, numbers: list[int]) -> None:
    """Commit as the kernel does: all or nothing."""
    if numbers and room >= len(numbers):
        ctypes.memmove(pointer, struct.pack(f"{len(numbers)}I", *numbers), 4 * len(numbers))


def find_open(path: Path) -> int:
    """Count the files that this program has open there."""
    links = Path("/proc/self/fd").iterdir()
    return sum(os.path.realpath(link) == str(path.resolve()) for link in links)


SMALL = mode(4, 2, PREFERRED)


@pytest.fixture
def hdmi() -> Output:
    return Output(HDMI_A, 1, mode(8, 4), SMALL)


@pytest.fixture
def graphics(tmp_path: Path, hdmi: Output) -> GraphicsCard:
    return GraphicsCard(tmp_path / "card1", hdmi, Output(HDMI_A, 2, mode(6, 3)))


@pytest.fixture
def card(graphics: GraphicsCard) -> Iterator[Card]:
    with Card(str(graphics.memory), graphics.ioctl) as card:
        yield card


RED, GREEN, BLUE, GREY = b"\xff\x00\x00", b"\x00\xff\x00", b"\x00\x00\xff", b"\x12\x34\x56"
FRAME = (RED + GREEN + BLUE + GREY) + (GREY + RED + GREEN + BLUE)
ROWS = [FRAME[:12], FRAME[12:]]
BLACK = [bytes(12), bytes(12)]


@pytest.mark.parametrize(
    ("ours", "number", "structure", "size"),
    [
        (drm_mode.DRM_IOCTL_MODE_GETRESOURCES, GETRESOURCES, drm_mode.DrmModeCardRes, 64),
        (drm_mode.DRM_IOCTL_MODE_GETCRTC, GETCRTC, drm_mode.DrmModeCrtc, 104),
        (drm_mode.DRM_IOCTL_MODE_SETCRTC, SETCRTC, drm_mode.DrmModeCrtc, 104),
        (drm_mode.DRM_IOCTL_MODE_GETENCODER, GETENCODER, drm_mode.DrmModeGetEncoder, 20),
        (drm_mode.DRM_IOCTL_MODE_GETCONNECTOR, GETCONNECTOR, drm_mode.DrmModeGetConnector, 80),
        (drm_mode.DRM_IOCTL_MODE_ADDFB, ADDFB, drm_mode.DrmModeFbCmd, 28),
        (drm_mode.DRM_IOCTL_MODE_RMFB, RMFB, drm_mode.Number, 4),
        (drm_mode.DRM_IOCTL_MODE_DIRTYFB, DIRTYFB, drm_mode.DrmModeFbDirtyCmd, 24),
        (drm_mode.DRM_IOCTL_MODE_CREATE_DUMB, CREATE_DUMB, drm_mode.DrmModeCreateDumb, 32),
        (drm_mode.DRM_IOCTL_MODE_MAP_DUMB, MAP_DUMB, drm_mode.DrmModeMapDumb, 16),
        (drm_mode.DRM_IOCTL_MODE_DESTROY_DUMB, DESTROY_DUMB, drm_mode.Number, 4),
    ],
)
def test_requests_have_the_numbers_and_sizes_of_the_kernels_header(
    ours: int, number: int, structure: type[ctypes.Structure], size: int
) -> None:
    assert ours == number
    assert ctypes.sizeof(structure) == size


def test_the_remaining_numbers_are_those_of_the_kernels_header() -> None:
    assert drm_mode.DRM_IOCTL_SET_MASTER == SET_MASTER
    assert ctypes.sizeof(drm_mode.DrmModeModeinfo) == 68
    assert drm_mode.CONNECTOR_NAMES.index("HDMI-A") == HDMI_A
    assert drm_mode.CONNECTOR_NAMES.index("Virtual") == VIRTUAL
    assert len(drm_mode.CONNECTOR_NAMES) == 21


@pytest.mark.parametrize("padding", [0, 48])
def test_what_is_shown_is_what_the_output_scans_out(
    tmp_path: Path, hdmi: Output, padding: int
) -> None:
    graphics = GraphicsCard(tmp_path / "card1", hdmi, padding=padding)
    screen: Screen = KmsScreen(Card(str(graphics.memory), graphics.ioctl), "HDMI-A-1")
    assert (screen.width_px, screen.height_px) == (4, 2)
    assert graphics.picture() == BLACK
    screen.show(FRAME)
    assert graphics.picture() == ROWS
    screen.close()


def test_the_display_is_asked_anew_what_it_can_do(graphics: GraphicsCard, card: Card) -> None:
    KmsScreen(card, "HDMI-A-1").close()
    assert graphics.probed == [30]


def test_without_a_preferred_mode_the_first_is_taken(graphics: GraphicsCard, card: Card) -> None:
    screen = KmsScreen(card, "HDMI-A-2")
    assert (screen.width_px, screen.height_px) == (6, 3)


def test_a_signal_that_was_taken_away_is_back_with_the_next_frame(
    graphics: GraphicsCard, card: Card
) -> None:
    screen = KmsScreen(card, "HDMI-A-1")
    screen.show(FRAME)
    sent = dict(graphics.crtcs)
    screen.lose_signal()
    changed = [one for one in sent if graphics.crtcs[one] != sent[one]]
    assert [graphics.crtcs[one] for one in changed] == [(0, b"")]
    screen.show(FRAME)
    assert graphics.crtcs == sent
    assert graphics.picture() == ROWS
    screen.close()
    with pytest.raises(NotConnected, match="closed"):
        screen.lose_signal()


def test_a_frame_of_another_size_is_the_callers_mistake(graphics: GraphicsCard, card: Card) -> None:
    screen = KmsScreen(card, "HDMI-A-1")
    screen.show(FRAME)
    for wrong in (b"", FRAME[:-1], FRAME + b"\x00"):
        with pytest.raises(ValueError, match="4x2 pixels is 24 bytes"):
            screen.show(wrong)
    assert graphics.picture() == ROWS


def test_a_card_that_copies_is_told_and_one_that_scans_out_directly_is_left_in_peace(
    graphics: GraphicsCard, card: Card
) -> None:
    screen = KmsScreen(card, "HDMI-A-1")
    screen.show(FRAME)
    assert len(graphics.dirty) == 1
    graphics.faults[DIRTYFB] = [errno.ENOSYS, errno.EIO]
    screen.show(FRAME)
    screen.show(FRAME)
    assert graphics.faults[DIRTYFB] == [errno.EIO]


def test_a_picture_that_does_not_get_out_is_an_error(graphics: GraphicsCard, card: Card) -> None:
    screen = KmsScreen(card, "HDMI-A-1")
    graphics.faults[DIRTYFB] = [errno.ENODEV]
    with pytest.raises(NotConnected, match="show a new picture: gone"):
        screen.show(FRAME)


def test_an_unknown_output_is_named_with_those_that_are_there(card: Card) -> None:
    with pytest.raises(NotConnected, match=r"HDMI-A-3: no such output .* HDMI-A-1, HDMI-A-2"):
        KmsScreen(card, "HDMI-A-3")


@pytest.mark.parametrize("state", ["unplugged", "without a mode"])
def test_an_output_without_a_display_is_not_connected(
    graphics: GraphicsCard, card: Card, hdmi: Output, state: str
) -> None:
    if state == "unplugged":
        hdmi.connected = False
    else:
        hdmi.modes.clear()
    with pytest.raises(NotConnected, match="HDMI-A-1: no display is connected"):
        KmsScreen(card, "HDMI-A-1")
    assert graphics.buffers == {}


def test_a_display_plugged_in_between_two_questions_is_seen_whole(
    graphics: GraphicsCard, card: Card, hdmi: Output
) -> None:
    def plug() -> None:
        hdmi.modes.append(mode(16, 8, PREFERRED))
        graphics.plugged_between = None

    hdmi.modes[:] = [mode(8, 4)]
    graphics.plugged_between = plug
    _, modes, _ = card.connector(30)
    assert [one.hdisplay for one in modes] == [8, 16]


def test_the_engine_that_feeds_the_output_already_is_kept(
    graphics: GraphicsCard, card: Card, hdmi: Output
) -> None:
    hdmi.crtc = 51
    KmsScreen(card, "HDMI-A-1").show(FRAME)
    assert graphics.picture(51) == ROWS
    assert graphics.crtcs[50] == (0, b"")


def test_two_outputs_of_one_card_show_two_pictures(graphics: GraphicsCard, card: Card) -> None:
    first, second = KmsScreen(card, "HDMI-A-1"), KmsScreen(card, "HDMI-A-2")
    first.show(FRAME)
    second.show(GREY * 18)
    assert graphics.picture(50) == ROWS
    assert graphics.picture(51) == [GREY * 6] * 3
    first.close()
    assert graphics.picture(51) == [GREY * 6] * 3


def test_an_output_without_an_engine_left_is_refused(
    graphics: GraphicsCard, card: Card, hdmi: Output
) -> None:
    hdmi.possible_crtcs = 0b10
    graphics.outputs[31].crtc = 51
    with pytest.raises(Refused, match="every scan-out engine"):
        KmsScreen(card, "HDMI-A-1")
    assert graphics.buffers == {}


def test_closing_shows_again_what_was_there_and_gives_everything_back(
    graphics: GraphicsCard, card: Card, hdmi: Output
) -> None:
    graphics.pictures[9] = 99  # the console's
    graphics.crtcs[50] = (9, mode(8, 4))
    hdmi.crtc = 50
    screen = KmsScreen(card, "HDMI-A-1")
    screen.show(FRAME)
    screen.close()
    screen.close()
    assert graphics.crtcs[50] == (9, mode(8, 4))
    assert graphics.pictures == {9: 99}
    assert graphics.buffers == {}
    with pytest.raises(NotConnected, match="HDMI-A-1: closed"):
        screen.show(FRAME)


@pytest.mark.parametrize("before", [(0, b""), (9, mode(8, 4))])
def test_closing_switches_off_what_was_off_and_what_cannot_be_shown_again(
    graphics: GraphicsCard, card: Card, before: tuple[int, bytes]
) -> None:
    graphics.crtcs[50] = before
    KmsScreen(card, "HDMI-A-1").close()
    assert graphics.crtcs[50] == (0, b"")


def test_a_card_that_is_pulled_can_still_be_closed(graphics: GraphicsCard, card: Card) -> None:
    screen = KmsScreen(card, "HDMI-A-1")
    gone = [errno.ENODEV] * 2
    graphics.faults = {SETCRTC: gone.copy(), RMFB: gone.copy(), DESTROY_DUMB: gone.copy()}
    screen.close()
    assert graphics.faults[DESTROY_DUMB] == [errno.ENODEV]


@pytest.mark.parametrize("request_number", [ADDFB, MAP_DUMB, SETCRTC])
def test_a_screen_that_fails_half_way_leaves_nothing_behind(
    graphics: GraphicsCard, card: Card, request_number: int
) -> None:
    graphics.faults[request_number] = [errno.EINVAL]
    with pytest.raises(Refused, match="Invalid argument"):
        KmsScreen(card, "HDMI-A-1")
    assert graphics.buffers == {}
    assert graphics.pictures == {}


@pytest.mark.parametrize(
    ("number", "kind", "says"),
    [
        (errno.EACCES, NotPermitted, "another program is master"),
        (errno.EBUSY, NotPermitted, "systemctl isolate"),
        (errno.ENODEV, NotConnected, "gone"),
        (errno.EOPNOTSUPP, Refused, "drives no screens"),
        (errno.ENOMEM, Refused, "Cannot allocate memory"),
    ],
)
def test_a_card_that_will_not_have_us_says_why(
    graphics: GraphicsCard, number: int, kind: type[DriverError], says: str
) -> None:
    graphics.faults[SET_MASTER] = [number]
    card = Card(str(graphics.memory), graphics.ioctl)
    with pytest.raises(kind, match=rf"become master: .*{says}"), card:
        pass
    assert find_open(graphics.memory) == 0
    with card:
        assert card.crtcs() == [50, 51]


def test_an_interrupted_request_is_made_again(graphics: GraphicsCard) -> None:
    graphics.faults[SET_MASTER] = [errno.EINTR, errno.EAGAIN]
    with Card(str(graphics.memory), graphics.ioctl):
        assert graphics.faults[SET_MASTER] == []


def test_a_card_is_open_and_has_its_master_while_a_screen_of_it_is_open(
    graphics: GraphicsCard,
) -> None:
    card = Card(str(graphics.memory), graphics.ioctl)
    assert find_open(graphics.memory) == 0
    first, second = KmsScreen(card, "HDMI-A-1"), KmsScreen(card, "HDMI-A-2")
    first.close()
    first.close()
    second.show(GREY * 18)
    assert graphics.masters == 1
    second.close()
    assert find_open(graphics.memory) == 0
    KmsScreen(card, "HDMI-A-1").close()
    assert graphics.masters == 2
    assert find_open(graphics.memory) == 0


def test_a_screen_that_does_not_open_leaves_the_card_closed(graphics: GraphicsCard) -> None:
    card = Card(str(graphics.memory), graphics.ioctl)
    with pytest.raises(NotConnected, match="no such output"):
        KmsScreen(card, "HDMI-A-3")
    assert find_open(graphics.memory) == 0


def test_a_closed_card_is_asked_nothing(graphics: GraphicsCard) -> None:
    with pytest.raises(NotConnected, match="card1: closed"):
        Card(str(graphics.memory), graphics.ioctl).crtcs()


def test_a_missing_card_is_not_connected(tmp_path: Path) -> None:
    with pytest.raises(NotConnected, match="card7: no such graphics card"):
        KmsScreen(Card(str(tmp_path / "card7")), "HDMI-A-1")


def test_a_file_that_is_no_card_is_refused_by_the_real_kernel(tmp_path: Path) -> None:
    (tmp_path / "card7").touch()
    with pytest.raises(Refused, match="drives no screens"):
        KmsScreen(Card(str(tmp_path / "card7")), "HDMI-A-1")


def test_a_missing_permission_names_the_group(graphics: GraphicsCard) -> None:
    graphics.memory.chmod(0)
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        with pytest.raises(NotPermitted, match="group video"):
            KmsScreen(Card(str(graphics.memory), graphics.ioctl), "HDMI-A-1")
    finally:
        os.seteuid(before)


def test_the_card_of_an_output_is_found_by_its_name(tmp_path: Path) -> None:
    for name in ("card0", "card1", "card1-HDMI-A-1", "card1-HDMI-A-2", "card0-DSI-1", "version"):
        (tmp_path / name).mkdir()
    assert find_card("HDMI-A-2", sysfs=tmp_path) == "/dev/dri/card1"
    assert find_card("DSI-1", sysfs=tmp_path) == "/dev/dri/card0"
    with pytest.raises(NotConnected, match=r"DP-1: .*there is DSI-1, HDMI-A-1, HDMI-A-2"):
        find_card("DP-1", sysfs=tmp_path)
    with pytest.raises(NotConnected, match="none at all"):
        find_card("DP-1", sysfs=tmp_path / "nowhere")


@given(st.lists(st.tuples(*[st.integers(0, 255)] * 3), max_size=50))
def test_every_pixel_keeps_its_colour(pixels: list[tuple[int, ...]]) -> None:
    frame = kms.to_xrgb(b"".join(map(bytes, pixels)))
    assert [tuple(frame[at : at + 4]) for at in range(0, len(frame), 4)] == [
        (blue, green, red, 0) for red, green, blue in pixels
    ]

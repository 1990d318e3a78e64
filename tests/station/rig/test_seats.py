"""The device in a seat, and whether its plan begins by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from records import Phrase
from station.console import PluggedDevice, PluggedNotice, WhenPlugged
from station.rig.seats import (
    NO_TAG,
    RETURNS_WITHIN_S,
    STARTS_WITHIN_S,
    SWAPPED,
    Seat,
    is_another,
)

ONE = PluggedDevice("046a:0011", "Cherry", "G80-3000", "KB-1")
OTHER = PluggedDevice("046a:0011", "Cherry", "G80-3000", "KB-2")
NAMELESS = PluggedDevice("413c:2003", "Dell", "Keyboard")
K120 = PluggedDevice("046d:c31c", "Logitech", "USB Keyboard")
K280E = PluggedDevice("046d:c328", "Logitech", "USB Keyboard")
HUB = PluggedDevice("2109:2817", "VIA Labs", "USB2.0 Hub", hub_at="1-1.4")
FAST_HUB = PluggedDevice("2109:0817", "VIA Labs", "USB3.0 Hub", hub_at="2-1.4")
SOON_S, LATER_S = RETURNS_WITHIN_S - 0.1, RETURNS_WITHIN_S + 0.1

FULL = Phrase("refused.cannot_keep", text="the disk is full")


class Port:
    """A seat with a clock and hands; a device that begins is under test until `ends`."""

    def __init__(self, when_plugged: WhenPlugged = "start", *, switched: bool = False) -> None:
        self.seat = Seat("left", when_plugged, switched=switched)
        self.now_s = 100.0

    def wait(self, seconds: float) -> None:
        self.now_s += seconds

    def plug(self, device: PluggedDevice, *, just_now: bool = True) -> str:
        tag = self.seat.came(device, self.now_s, just_now=just_now)
        if tag:
            self.begins()
        return tag

    def pull(self) -> None:
        self.seat.gone(self.now_s)

    def begins(self) -> None:
        self.seat.run_began()

    def ends(self) -> None:
        self.seat.run_ended(self.now_s)

    @property
    def notice(self) -> PluggedNotice:
        return self.seat.notice


def test_a_device_that_comes_is_offered_with_its_serial_number_as_tag() -> None:
    port = Port("offer")
    assert port.plug(ONE) == ""
    assert port.notice == PluggedNotice("left", ONE, offered=True, suggested_tag="KB-1")


def test_a_device_that_comes_begins_where_the_slot_says_so_and_is_not_offered() -> None:
    port = Port()
    assert port.plug(ONE) == "KB-1"
    assert port.notice == PluggedNotice("left", ONE, suggested_tag="KB-1")


def test_one_that_was_there_already_is_offered_and_never_begins() -> None:
    port = Port()
    assert port.plug(ONE, just_now=False) == ""
    assert port.notice.offered
    assert port.notice.reason is None


def test_one_without_a_serial_number_is_offered_and_the_operator_told_why() -> None:
    port = Port()
    assert port.plug(NAMELESS) == ""
    assert port.notice == PluggedNotice("left", NAMELESS, offered=True, reason=NO_TAG)


def test_an_offer_ends_when_a_run_begins_or_the_device_goes() -> None:
    port = Port("offer")
    port.plug(ONE)
    port.begins()
    assert port.notice == PluggedNotice("left", ONE, suggested_tag="KB-1")
    port.ends()
    port.pull()
    assert port.notice == PluggedNotice("left")
    port.plug(OTHER)
    port.pull()
    assert port.notice == PluggedNotice("left")


def test_a_device_whose_run_was_refused_is_offered_with_the_reason() -> None:
    port = Port()
    port.seat.came(ONE, port.now_s, just_now=True)
    port.seat.refused(FULL)
    assert port.notice.offered
    assert port.notice.reason == FULL
    port.begins()
    port.seat.refused(Phrase("refused.busy", {"slot": "left"}))
    assert port.notice.offered is False
    assert port.notice.reason is None


# Never twice


def test_after_its_run_it_begins_again_only_when_it_has_been_away() -> None:
    port = Port()
    port.plug(ONE)
    port.wait(60)
    port.ends()
    port.wait(60)
    port.pull()
    port.wait(LATER_S)
    assert port.plug(ONE) == "KB-1"


@pytest.mark.parametrize("away_s", [0.0, 0.3, SOON_S])
def test_a_loose_contact_is_no_second_plugging_in(away_s: float) -> None:
    port = Port()
    port.plug(ONE)
    port.ends()
    port.wait(60)
    port.pull()
    port.wait(away_s)
    assert port.plug(ONE) == ""
    assert not port.notice.offered
    port.wait(60)
    assert port.plug(ONE) == ""  # told twice
    port.pull()
    port.wait(LATER_S)
    assert port.plug(ONE) == "KB-1"


def test_one_that_flickers_and_says_less_in_between_begins_no_second_run() -> None:
    port = Port()
    port.plug(ONE)
    port.wait(30)
    port.ends()
    port.wait(60)
    for device in (replace(ONE, serial_number=""), ONE):
        port.pull()
        port.wait(0.5)
        assert port.plug(device) == ""
    assert port.notice == PluggedNotice("left", ONE, suggested_tag="KB-1")


def test_one_that_was_tested_does_not_begin_right_after_its_run_whoever_came_between() -> None:
    port = Port()
    port.plug(ONE)
    for device in (OTHER, ONE):
        port.wait(30)
        port.pull()
        if device == ONE:
            port.ends()
        assert port.plug(device) == ""


def test_one_that_appears_anew_right_after_its_run_has_had_its_run() -> None:
    port = Port()
    port.plug(ONE)
    port.wait(30)
    port.pull()
    port.wait(30)
    port.ends()
    port.wait(SOON_S)
    assert port.plug(ONE) == ""
    assert port.notice == PluggedNotice("left", ONE, suggested_tag="KB-1")


def test_one_whose_port_a_run_has_switched_is_offered_however_late_it_is_back() -> None:
    """No person plugged it in: it needs long to start. Else it would be tested without end."""
    port = Port(switched=True)
    port.plug(ONE)
    port.pull()
    port.ends()
    port.wait(LATER_S)
    assert port.plug(ONE) == ""
    assert port.notice.offered
    port.pull()
    port.wait(LATER_S)
    assert port.plug(ONE) == "KB-1"


@pytest.mark.parametrize("switched", [True, False])
def test_one_that_comes_when_its_port_was_switched_on_at_the_start_was_there_before(
    *, switched: bool
) -> None:
    """The station was killed in a run, while the port had no power."""
    port = Port(switched=switched)
    port.seat.made_safe(port.now_s)
    port.wait(STARTS_WITHIN_S - 0.1)
    assert port.plug(ONE) == ("" if switched else "KB-1")
    if switched:
        assert port.notice.offered
        port.pull()
        port.wait(LATER_S)
        assert port.plug(ONE) == "KB-1"


def test_one_that_was_pulled_out_of_its_run_begins_again_when_it_is_put_back() -> None:
    port = Port()
    port.plug(ONE)
    port.pull()
    port.ends()
    port.wait(LATER_S)
    assert port.plug(ONE) == "KB-1"


def test_one_that_flickers_during_its_run_begins_no_other() -> None:
    port = Port()
    port.plug(ONE)
    for away_s in (0.1, LATER_S):
        port.wait(10)
        port.pull()
        port.wait(away_s)
        assert port.plug(ONE) == ""
        assert not port.notice.offered


def test_one_that_appears_when_its_run_switches_the_port_on_is_under_test() -> None:
    port = Port()
    port.begins()
    assert port.plug(ONE) == ""
    assert not port.notice.offered
    port.pull()
    port.ends()
    port.wait(SOON_S)
    assert port.plug(ONE) == ""


def test_another_device_that_comes_during_a_run_is_offered_when_it_is_over() -> None:
    port = Port()
    port.plug(ONE)
    port.pull()
    assert port.plug(OTHER) == ""
    assert port.notice.offered
    port.ends()
    assert port.notice.device == OTHER
    assert port.notice.offered


def test_a_run_whose_device_was_replaced_by_another_is_known_as_such() -> None:
    port = Port()
    port.plug(ONE)
    port.pull()
    assert not port.seat.swapped
    port.plug(OTHER)
    assert port.seat.swapped
    assert port.notice == PluggedNotice("left", OTHER, True, "KB-2", SWAPPED)
    port.ends()
    assert not port.seat.swapped


@pytest.mark.parametrize(
    ("one", "other", "another"),
    [
        (ONE, ONE, False),
        (ONE, replace(ONE, serial_number=""), False),  # too hasty to read it
        (ONE, PluggedDevice(ONE.usb_id), False),
        (NAMELESS, replace(ONE, serial_number=""), True),
        (ONE, OTHER, True),
        (K120, K280E, True),
        (K120, replace(K280E, serial_number="1"), True),
        (replace(K120, serial_number="1"), replace(K280E, serial_number="1"), True),
        (K120, replace(K120, product="Gaming Keyboard"), True),  # of makers that share a number
        (K120, replace(K120, maker="Dell"), True),
        (HUB, FAST_HUB, False),
        (HUB, replace(FAST_HUB, usb_id="05e3:0617"), True),
        (replace(HUB, serial_number="1"), replace(FAST_HUB, serial_number="2"), True),
        (HUB, replace(FAST_HUB, hub_at=HUB.hub_at), True),
        (HUB, replace(FAST_HUB, hub_at=""), True),
    ],
)
def test_what_cannot_be_the_same_device_is_another(
    one: PluggedDevice, other: PluggedDevice, *, another: bool
) -> None:
    assert is_another(one, other) is another
    assert is_another(other, one) is another


def test_one_that_was_away_when_its_run_began_is_under_test_when_it_is_back() -> None:
    port = Port("offer")
    port.plug(ONE)
    port.pull()
    port.begins()
    port.plug(ONE)
    assert not port.notice.offered
    port.plug(OTHER)
    assert port.seat.swapped


def test_another_device_begins_however_quick_the_hand() -> None:
    port = Port()
    port.plug(ONE)
    port.ends()
    port.pull()
    port.wait(0.2)
    assert port.plug(OTHER) == "KB-2"


def test_one_that_was_offered_and_flickers_is_still_offered() -> None:
    port = Port()
    port.plug(NAMELESS)
    before = port.notice
    port.pull()
    port.wait(0.3)
    assert port.plug(NAMELESS) == ""
    assert port.notice == before


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["plug", "pull", "run", "end"]), st.sampled_from([ONE, OTHER]),
            st.floats(0, 5),
        ),
        max_size=40,
    )
)  # fmt: skip
def test_no_run_begins_while_another_goes_on_or_for_one_that_never_left(
    story: list[tuple[str, PluggedDevice, float]],
) -> None:
    port, running = Port(), False
    here: PluggedDevice | None = None
    tested: PluggedDevice | None = None
    tested_s = 0.0
    for what, device, wait_s in story:
        port.wait(wait_s)
        if what == "plug" and here is None:
            here = device
            if port.plug(device):
                assert not running
                assert device != tested or port.now_s - tested_s >= RETURNS_WITHIN_S
                running, tested = True, device
        elif what == "pull":
            here = None
            port.pull()
        elif what == "run" and not running:
            running, tested = True, here
            port.begins()
        elif what == "end" and running:
            running, tested_s = False, port.now_s
            port.ends()
        assert port.notice.device == here

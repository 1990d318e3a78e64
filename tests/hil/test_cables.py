"""Cables pulled by hand, and what is asked over a cable to know whether it is in."""

import pytest

from drivers.capabilities import Identity, Instrument
from drivers.errors import NoReply
from hil_tests.rigs.cables import Cables, CablesByHand, exchange


class Stranger(Instrument):
    identity = Identity("ACME", "plotter")


def test_whoever_is_at_the_rig_is_told_what_to_pull_and_to_put_back() -> None:
    told: list[str] = []
    cables = CablesByHand(lambda role: f"{role} at usb:1-1.2", told.append)
    with cables.pulled("load"):
        assert told == ["Pull the data cable of the load at usb:1-1.2."]
    assert told[1:] == ["Plug the data cable of the load at usb:1-1.2 in again."]


def test_a_cable_is_put_back_although_the_test_has_failed() -> None:
    told: list[str] = []
    cables = CablesByHand(str, told.append)
    with pytest.raises(RuntimeError), cables.pulled("load"):
        raise RuntimeError
    assert told[-1] == "Plug the data cable of the load in again."


def test_what_nobody_knows_how_to_ask_is_a_mistake_and_no_answer() -> None:
    with pytest.raises(TypeError, match="Stranger"):
        exchange(Stranger())


class Jammed(Cables):
    """Its relay reports a fault once the cable is out."""

    def __init__(self) -> None:
        self.is_in = True

    def _pull(self, role: str) -> None:
        self.is_in = False
        raise NoReply("relay board: no answer")

    def _plug(self, role: str) -> None:
        self.is_in = True


def test_a_cable_that_was_pulled_with_an_error_is_back_in() -> None:
    cables = Jammed()
    with pytest.raises(NoReply), cables.pulled("load"):
        pass
    assert cables.is_in

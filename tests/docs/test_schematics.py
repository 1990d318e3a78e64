"""The pictures of fixture boards are those of the wiring in their pages."""

import re
from xml.etree import ElementTree

import pytest

from station.rig.flash import KINDS
from tests.docs.schematics import FOLDER, Wire, drawn, pictures, wires_of

HARDWARE = (FOLDER.parents[1] / "station" / "firmware" / "hw_rp2.py").read_text()
PINS = re.compile(r"^    ([A-Z_, ]+) = ([\d, ()]+)$", re.M)


def test_each_board_has_a_page_with_a_picture_as_its_wiring_says() -> None:
    assert {path.stem for path in pictures()} == set(KINDS)
    for path, picture in pictures().items():
        assert path.read_text() == picture, "python -m tests.docs.schematics"
        assert f"]({path.name})" in path.with_suffix(".md").read_text()


def test_a_picture_is_xml_with_each_pin_and_note() -> None:
    picture = drawn([Wire("Pico", "GP1", "<Q1>", "gate", "100 Ω & more")], "One wire")
    texts = [one.text for one in ElementTree.fromstring(picture).iter() if one.text]
    assert {"GP1", "<Q1>", "gate", "100 Ω & more"} <= set(texts)


def test_a_line_that_is_no_wire_is_told() -> None:
    assert wires_of("no block") == []
    with pytest.raises(ValueError, match="no wire: 'Pico GP1'"):
        wires_of("```wiring\nPico GP1\n```")


def test_each_pin_that_the_firmware_uses_is_wired_in_a_page() -> None:
    wired = {
        wire.pin.split("/")[0]
        for page in FOLDER.glob("*.md")
        for wire in wires_of(page.read_text())
    }
    pins = {
        f"GP{pin}"
        for name, numbers in PINS.findall(HARDWARE)
        if not name.endswith("_US")
        for pin in re.findall(r"\d+", numbers)
    }
    assert len(pins) >= 7
    assert pins <= wired

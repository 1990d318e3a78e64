"""The grammar of USB ports: one for the kernel's names, the station's file and libusb's numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.formats import serial_ports, usb_ports
from drivers.formats.serial_ports import SerialPortName
from drivers.formats.usb_ports import MOST_HUBS, MOST_PORTS, UsbPort

PORTS = st.builds(
    UsbPort,
    st.integers(1, 999),
    st.lists(st.integers(1, MOST_PORTS), min_size=1, max_size=MOST_HUBS + 1).map(tuple),
)
NO_PORTS = (
    "", "1", "1-", "-1", "0-1", "01-1", "1-01", "1-1.", "1-.1", "1-1..2", "1-1.0", "1-0.1", "1_1",
    "1-1.4 ", " 1-1", "1-1\n", "usb1", "usb:1-1", "1-1:1.0", "1-\u0664", "\u0661-1", "1-1,2",
    "1234-1", "/1-1",
)  # fmt: skip


@given(PORTS)
def test_a_name_is_read_as_the_port_that_has_it(port: UsbPort) -> None:
    assert usb_ports.parse(str(port)) == port
    assert port.sysfs_name == str(port)


@pytest.mark.parametrize(
    ("port", "hub", "number"),
    [
        ("1-1.4", "1-1", 4),
        ("2-3.12.1", "2-3.12", 1),
        ("2-3", "2-0", 3),
        ("10-10", "10-0", 10),
    ],
)
def test_a_port_is_of_the_hub_above_it(port: str, hub: str, number: int) -> None:
    place = usb_ports.parse(port)
    assert (str(place.hub), place.number) == (hub, number)


def test_a_root_hub_is_a_place_and_no_port() -> None:
    root = usb_ports.parse("2-0", root_hub=True)
    assert (root, str(root), root.sysfs_name) == (UsbPort(2), "2-0", "usb2")
    assert root.is_root_hub
    assert not usb_ports.parse("2-1").is_root_hub
    with pytest.raises(ValueError, match=r"'2-0' is no USB port; one looks like 1-1\.4"):
        usb_ports.parse("2-0")
    for ask in (lambda: root.hub, lambda: root.number, lambda: root.port_device):
        with pytest.raises(ValueError, match="2-0 is a root hub, which is at no port"):
            ask()


@pytest.mark.parametrize("name", NO_PORTS)
def test_what_is_no_name_of_a_port_is_refused_with_an_example(name: str) -> None:
    with pytest.raises(ValueError, match=r"is no USB port; one looks like 1-1\.4") as caught:
        usb_ports.parse(name, root_hub=True)
    assert str(caught.value).startswith(repr(name))


@pytest.mark.parametrize("number", ["256", "999", "1000", "9" * 5000])
def test_no_hub_has_more_ports_than_its_descriptor_can_count(number: str) -> None:
    with pytest.raises(ValueError, match="the ports of a hub are 1 to 255"):
        usb_ports.parse(f"1-1.{number}")


def test_no_device_is_behind_more_hubs_than_usb_allows() -> None:
    assert usb_ports.parse("1-1.2.3.4.5.6").way == (1, 2, 3, 4, 5, 6)
    with pytest.raises(
        ValueError, match=r"'1-1\.2\.3\.4\.5\.6\.7' is behind 6 hubs, and USB allows 5"
    ):
        usb_ports.parse("1-1.2.3.4.5.6.7")


def test_the_hubs_above_a_port_are_told_from_the_nearest_to_the_root() -> None:
    assert [str(hub) for hub in usb_ports.parse("1-4.3.2").hubs()] == ["1-4.3", "1-4", "1-0"]


@pytest.mark.parametrize(
    ("port", "place", "behind"),
    [
        ("1-1.4", "1-1", True),
        ("1-1.4.2", "1-1", True),
        ("1-1.4", "1-0", True),
        ("1-1.4", "1-1.4", False),
        ("1-1", "1-1.4", False),
        ("1-14", "1-1", False),
        ("2-1.4", "1-1", False),
        ("1-1.10", "1-1.1", False),
    ],
)
def test_a_port_is_behind_a_hub_by_its_way_and_not_by_its_letters(
    port: str, place: str, *, behind: bool
) -> None:
    assert usb_ports.parse(port).is_behind(usb_ports.parse(place, root_hub=True)) is behind


@given(PORTS)
def test_a_port_is_behind_its_hub_and_all_hubs_above_and_behind_nothing_else(port: UsbPort) -> None:
    assert next(port.hubs()) == port.hub
    assert all(port.is_behind(hub) for hub in port.hubs())
    assert not port.is_behind(port)
    assert not port.hub.is_behind(port)


def test_ports_sort_by_number() -> None:
    names = ["1-1.10", "1-2", "1-1.9", "10-1", "2-1", "1-1"]
    assert sorted(names, key=usb_ports.parse) == ["1-1", "1-1.9", "1-1.10", "1-2", "2-1", "10-1"]


@pytest.mark.parametrize(
    ("port", "path"),
    [("1-1.4", "1-1:1.0/1-1-port4"), ("2-3", "2-0:1.0/usb2-port3")],
)
def test_the_kernels_device_of_a_port_is_below_its_hubs_interface(port: str, path: str) -> None:
    place = usb_ports.parse(port)
    assert place.port_device == path
    assert usb_ports.parse_port_device(path.partition("/")[2]) == place


@pytest.mark.parametrize(
    "name", ["", "usb1", "1-port2", "1-0-port2", "usb1-1-port2", "1-1-port0", "x", "usb1-port2\n"]
)
def test_other_names_in_sysfs_are_no_ports(name: str) -> None:
    with pytest.raises(ValueError, match="is no port of a hub in sysfs"):
        usb_ports.parse_port_device(name)


@given(PORTS)
def test_a_ports_device_in_sysfs_is_read_as_the_port(port: UsbPort) -> None:
    assert usb_ports.parse_port_device(port.port_device.partition("/")[2]) == port


@given(st.text() | st.from_regex(r"[0-9]*-[0-9.]*", fullmatch=True))
def test_any_text_is_a_port_or_a_sentence(text: str) -> None:
    for parse in (usb_ports.parse, serial_ports.parse, usb_ports.parse_port_device):
        said = repr(text)
        try:
            parse(text)
        except ValueError as error:
            said = str(error)
        assert said.startswith(repr(text))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("/dev/ttyAMA0", SerialPortName(path="/dev/ttyAMA0")),
        ("serial:A50285BI", SerialPortName(serial_number="A50285BI")),
        ("serial:a:b", SerialPortName(serial_number="a:b")),
        ("usb:1-1.2", SerialPortName(usb_port=UsbPort(1, (1, 2)))),
        ("usb:1-1.2:1.0", SerialPortName(usb_port=UsbPort(1, (1, 2)), interface=(1, 0))),
        ("usb:1-1.2:1.13", SerialPortName(usb_port=UsbPort(1, (1, 2)), interface=(1, 13))),
    ],
)
def test_a_serial_port_is_named_by_path_usb_port_or_serial_number(
    name: str, said: SerialPortName
) -> None:
    assert serial_ports.parse(name) == said


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "; one looks like usb:1-1.2, serial:A50285BI or /dev/ttyAMA0"),
        ("COM3", "; one looks like"),
        ("1-1.2", "; one looks like"),
        ("usb:", "; one looks like"),
        ("serial:", "; one looks like"),
        ("usb:1-0", ": '1-0' is no USB port; one looks like 1-1.4"),
        ("usb:1-1.256", ": '1-1.256': the ports of a hub are 1 to 255"),
        ("usb:1-1.2:", ": an interface looks like 1.0, and not like $"),
        ("usb:1-1.2:1.256", ": an interface looks like 1.0, and not like 1.256"),
        ("usb:1-1.2:\u0661.0", ": an interface looks like 1.0"),
    ],
)
def test_what_is_no_name_of_a_serial_port_is_told_why(name: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{name!r} is no serial port{why}"):
        serial_ports.parse(name)

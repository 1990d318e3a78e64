"""The rules of the slots' USB ports, from station.toml to what udev reads."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.cli import main
from station.rig.config import ConfigError, StationConfig, load
from station.rig.udev_rules import rules, slot_ports

SLOT = """
[slots.{slot}]
equipment = ["usb-keyboard"]
[slots.{slot}.roles]
keyboard = {{ driver = "hid_keyboard", port = "{port}" }}
supply = {{ driver = "ka3000", port = "{supply}" }}
meter = {{ driver = "ina219", bus = 1, address = {address}, shunt_ohm = 0.1, max_a = 1.0 }}
"""


def station(folder: Path, *slots: tuple[str, str, str]) -> Path:
    """Write a station.toml of slots: (name, port of the keyboard, port of the supply)."""
    path = folder / "station.toml"
    tables = (
        SLOT.format(slot=slot, port=port, supply=supply, address=0x40 + number)
        for number, (slot, port, supply) in enumerate(slots)
    )
    path.write_text('station = "here"\n' + "".join(tables))
    return path


def config(folder: Path, *slots: tuple[str, str, str]) -> StationConfig:
    return load(station(folder, *slots))


def kept_at_bay(text: str) -> dict[str, str]:
    """Ports and slots, as udev would read them."""
    rule = r'(?m)^SUBSYSTEMS=="usb", KERNELS=="([^"]*)", ENV\{PACE_SLOT\}="([^"]*)"$'
    return dict(re.findall(rule, text))


def hubs(text: str) -> list[str]:
    return re.findall(r'(?m)^SUBSYSTEM=="usb", KERNEL=="([^"]*)", ENV\{PACE_HUB\}="1"$', text)


def test_devices_under_test_are_kept_at_bay_and_instruments_are_not(tmp_path: Path) -> None:
    made = config(tmp_path, ("left", "1-1.2", "usb:1-1.3"), ("right", "1-2", "usb:1-1.4"))
    text = rules(slot_ports(made), tmp_path)
    assert kept_at_bay(text) == {"1-1.2": "left", "1-2": "right"}
    assert hubs(text) == ["1-1", "usb1"]


def test_the_superspeed_port_of_the_same_socket_belongs_to_the_slot(tmp_path: Path) -> None:
    for port, peer in (
        ("1-0:1.0/usb1-port2", "../../usb2/2-0:1.0/usb2-port3"),
        ("1-1:1.0/1-1-port4", "../../2-1/2-1:1.0/2-1-port4"),
        ("1-1.1:1.0/1-1.1-port1", "../../2-1.4/2-1.4:1.0/2-1.4-port2"),
    ):
        (tmp_path / port).mkdir(parents=True)
        (tmp_path / port / "peer").symlink_to(peer)
    ports = {"1-2": "a", "1-1.4": "b", "1-1.1.1": "c", "1-3": "d"}
    text = rules(ports, tmp_path)
    assert kept_at_bay(text) == {**ports, "2-3": "a", "2-1.4": "b", "2-1.4.2": "c"}
    assert hubs(text) == ["1-1", "1-1.1", "2-1", "2-1.4", "usb1", "usb2"]


def test_a_peer_that_is_no_port_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "1-0:1.0/usb1-port2").mkdir(parents=True)
    (tmp_path / "1-0:1.0/usb1-port2/peer").symlink_to("../something/else")
    assert kept_at_bay(rules({"1-2": "a"}, tmp_path)) == {"1-2": "a"}


def test_more_ports_of_a_slot_can_be_named(tmp_path: Path) -> None:
    made = config(tmp_path, ("left", "1-1.2", "usb:1-1.3"))
    assert slot_ports(made, ["left=2-1"]) == {"1-1.2": "left", "2-1": "left"}


def test_a_port_whose_power_the_slot_switches_is_the_slots_at_both_speeds(tmp_path: Path) -> None:
    path = station(tmp_path, ("left", "1-1.2", "usb:1-1.3"), ("right", "1-2", "usb:1-1.4"))
    path.write_text(
        path.read_text()
        + """
[slots.left.roles.port_power]
driver = "usb_port_power"
port = "1-1.2"
superspeed_port = "2-1.2"
[slots.right.roles.port_power]
driver = "usb_port_power"
port = "1-4"
"""
    )
    ports = slot_ports(load(path))
    assert ports == {"1-1.2": "left", "2-1.2": "left", "1-2": "right", "1-4": "right"}
    assert hubs(rules(ports, tmp_path)) == ["1-1", "2-1", "usb1"]


@pytest.mark.parametrize("also", ["2-1", "middle=2-1", "left=", "left=usb2", "left=2-0"])
def test_a_wrong_port_or_slot_is_one_clear_line(also: str, tmp_path: Path) -> None:
    made = config(tmp_path, ("left", "1-1.2", "usb:1-1.3"))
    with pytest.raises(ConfigError, match=r"^[^\n]*(--also|left)[^\n]*$"):
        slot_ports(made, [also])


@pytest.mark.parametrize("supply", ["usb:1-1.2", "usb:1-1.2:1.0", "usb:1-1.2.4"])
def test_an_instrument_at_a_slots_port_would_never_work_and_is_refused(
    supply: str, tmp_path: Path
) -> None:
    """By `pace station check` and every start, and by the rules for more ports of the slot."""
    said = r"slots\.left\.roles\.supply\.port: usb:1-1\.2.* is at the port of slot left"
    with pytest.raises(ConfigError, match=said):
        config(tmp_path, ("left", "1-1.2", supply))
    made = config(tmp_path, ("left", "1-1.3", supply))
    with pytest.raises(ConfigError, match=said):
        slot_ports(made, ["left=1-1.2"])


def test_a_neighbour_with_a_longer_number_is_not_behind_the_slots_port(tmp_path: Path) -> None:
    made = config(tmp_path, ("left", "1-1.2", "usb:1-1.21"))
    assert slot_ports(made) == {"1-1.2": "left"}


@given(st.text(min_size=1))
def test_no_slots_name_can_say_something_to_udev(name: str) -> None:
    text = rules({"1-2": name}, Path("/nowhere"))
    ((port, slot),) = kept_at_bay(text).items()
    assert port == "1-2"
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", slot)
    assert len(text.splitlines()) == len(rules({"1-2": "plain"}, Path("/nowhere")).splitlines())


def test_the_command_prints_the_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = station(tmp_path, ("left", "1-1.2", "usb:1-1.3"))
    assert main(["rig", "rules", "--config", str(path), "--also", "left=9-9"]) == 0
    assert kept_at_bay(capsys.readouterr().out).items() >= {"1-1.2": "left", "9-9": "left"}.items()


def test_a_mistake_names_the_file_on_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = station(tmp_path, ("left", "1-1.2", "usb:1-1.2"))
    assert main(["rig", "rules", "--config", str(path)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"{path}: slots.left.roles.supply.port: ")

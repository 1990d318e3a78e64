"""The USB ports of slots, as the udev rules that keep what is plugged in there at bay.

What becomes of a device at such a port stands in systemd/udev/65-pace-station.rules and
90-pace-station.rules. Sources: udev(7); Linux Documentation/ABI/testing/sysfs-bus-usb, for the
names of ports and for `peer`, the port of the other speed in the same socket.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from drivers.formats import usb_ports
from drivers.formats.usb_ports import UsbPort
from station.rig.config import ConfigError
from station.rig.slots import StationConfig, instruments_at

DEVICES = Path("/sys/bus/usb/devices")
RULES_FILE = "/etc/udev/rules.d/59-pace-slots.rules"

_ODD = re.compile(r"[^A-Za-z0-9_.-]")


def slot_ports(config: StationConfig, also: Iterable[str] = ()) -> dict[str, str]:
    """Return each USB port at which a device is tested, and its slot. `also`: more, as `left=2-1`.

    Raises `ConfigError` when there is none, or when an instrument is plugged in at one.
    """
    ports = {port: slot.name for slot in config.slots.values() for port in slot.device_ports()}
    for one in also:
        slot, _, port = one.rpartition("=")
        if slot not in config.slots:
            known = ", ".join(config.slots)
            raise ConfigError(f"--also {one!r}: SLOT=PORT is right, with one of the slots {known}")
        ports[port] = slot
    for port, slot in ports.items():
        try:
            usb_ports.parse(port)
        except ValueError as error:
            raise ConfigError(f"slot {slot}: {error}") from None
    if not ports:
        raise ConfigError("no slot has a device at a USB port: there is nothing to keep at bay")
    if wrong := list(instruments_at(ports, config)):
        raise ConfigError(*wrong)
    return ports


def rules(ports: Mapping[str, str], devices: Path = DEVICES) -> str:
    """Return the text of `RULES_FILE`. `ports` as from `slot_ports`; `devices` as in sysfs."""
    everywhere = {usb_ports.parse(port): slot for port, slot in ports.items()}
    for port, slot in list(everywhere.items()):
        if (peer := _peer(port, devices)) is not None:
            everywhere.setdefault(peer, slot)
    lines = [
        f"# {RULES_FILE}: what is under test, made by `pace rig rules`.",
        "# When slots move to other ports, make it again, and then:",
        "#   udevadm control --reload && udevadm trigger --subsystem-match=usb --action=add",
        "",
    ]
    lines += [_rule(port, slot) for port, slot in sorted(everywhere.items())]
    lines += ["", "# Hubs that may switch the power of these ports."]
    lines += [
        f'SUBSYSTEM=="usb", KERNEL=="{hub}", ENV{{PACE_HUB}}="1"'
        for hub in sorted({port.hub.sysfs_name for port in everywhere})
    ]
    return "\n".join(lines) + "\n"


def _rule(port: UsbPort, slot: str) -> str:
    """Return the rule for the device, its interfaces, their drivers' nodes, and all behind a hub.

    KERNELS is the name of the device itself or of any that it hangs on.
    """
    name = _ODD.sub("_", slot)  # a name could hold quotes, or what udev would replace
    return f'SUBSYSTEMS=="usb", KERNELS=="{port}", ENV{{PACE_SLOT}}="{name}"'


def _peer(port: UsbPort, devices: Path) -> UsbPort | None:
    """Return the port of the other speed in the same socket; None where the kernel knows none."""
    try:
        return usb_ports.parse_port_device((devices / port.port_device / "peer").readlink().name)
    except (OSError, ValueError):
        return None

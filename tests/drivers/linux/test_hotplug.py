"""Changes of what is plugged in, on recorded devices in memory."""

import errno
import logging
import queue
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.linux.discovery import (
    Connector,
    I2cAdapter,
    SerialPort,
    UsbPeripheral,
    scan,
)
from drivers.linux.hotplug import Hotplug, Watch, watch
from tests.drivers.linux.recorded_udev import (
    CH340,
    CH340_TTY,
    CONSOLE,
    FTDI,
    FTDI_ITSELF,
    FTDI_PORT,
    FTDI_TTY,
    KEYBOARD,
    NO_UART,
    ROOT_HUB,
    UART,
    Recorded,
    RecordedUdev,
    adapter,
    graphics_card,
)


@pytest.fixture
def graphics(tmp_path: Path) -> dict[str, Recorded]:
    return graphics_card(tmp_path)


class Listener:
    """Collects events; taking one waits for it."""

    def __init__(self) -> None:
        self.events: queue.Queue[Hotplug] = queue.Queue()

    def __call__(self, event: Hotplug) -> None:
        self.events.put(event)

    def take(self) -> Hotplug:
        return self.events.get(timeout=10)


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def udev() -> Iterator[RecordedUdev]:
    udev = RecordedUdev(CH340, CH340_TTY)
    yield udev
    for monitor in udev.monitors:
        monitor.close()


def test_a_watch_begins_with_what_is_there_and_tells_what_comes_and_goes(
    udev: RecordedUdev, listener: Listener
) -> None:
    with watch(listener, udev) as watching:
        assert watching.present == scan(RecordedUdev(CH340, CH340_TTY))
        udev.plug(FTDI)
        assert listener.take() == Hotplug("add", "1-1.2", FTDI_ITSELF)
        udev.plug(FTDI_TTY)
        assert listener.take() == Hotplug("add", "1-1.2", FTDI_PORT)
        udev.pull(FTDI_TTY)
        assert listener.take() == Hotplug("remove", "1-1.2", FTDI_PORT)
        udev.pull(FTDI)
        assert listener.take() == Hotplug("remove", "1-1.2", FTDI_ITSELF)
    assert listener.events.empty()


def test_what_came_while_the_watch_began_is_not_told_twice(
    udev: RecordedUdev, listener: Listener
) -> None:
    with watch(listener, udev):
        udev.monitors[-1].send(replace(CH340, action="add"))
        udev.plug(KEYBOARD)
        assert listener.take().port == "1-1.10"


def test_another_device_in_the_same_place_is_a_removal_and_an_addition(
    udev: RecordedUdev, listener: Listener
) -> None:
    with watch(listener, udev):
        udev.plug(FTDI)
        udev.plug(replace(FTDI, attributes={**FTDI.attributes, "serial": b"OTHER"}))
        told = [listener.take() for _ in range(3)]
    assert [event.kind for event in told] == ["add", "remove", "add"]
    assert isinstance(told[2].what, UsbPeripheral)
    assert told[2].what.serial_number == "OTHER"


def test_what_is_of_no_use_to_a_station_is_not_told(udev: RecordedUdev, listener: Listener) -> None:
    with watch(listener, udev):
        for device in (CONSOLE, NO_UART, ROOT_HUB):
            udev.plug(device)
            udev.pull(device)
        udev.monitors[-1].send(replace(CH340, action="bind"))
        udev.plug(UART)
        assert listener.take() == Hotplug("add", "/dev/ttyAMA0", SerialPort("/dev/ttyAMA0", ""))


def test_a_display_that_is_plugged_in_is_a_change_of_its_output(
    udev: RecordedUdev, listener: Listener, graphics: dict[str, Recorded]
) -> None:
    udev.plugged += graphics.values()
    second = graphics["HDMI-A-2"]
    with watch(listener, udev):
        udev.change(second, replace(second, attributes={"status": b"connected"}), graphics["card"])
        assert listener.take() == Hotplug(
            "change", "HDMI-A-2", Connector("card1", "HDMI-A-2", "connected")
        )
        udev.plug(adapter(1, b"tiny"))
        assert listener.take() == Hotplug("add", "i2c-1", I2cAdapter(1, "tiny", ""))


def test_events_that_were_lost_are_told_after_the_error(
    udev: RecordedUdev, listener: Listener
) -> None:
    with watch(listener, udev):
        udev.plugged.remove(CH340_TTY)
        udev.plugged.append(FTDI)
        udev.monitors[-1].send(OSError(errno.ENOBUFS, "No buffer space available"))
        told = [listener.take() for _ in range(3)]
        assert told[0].kind == "error"
        assert "No buffer space available" in told[0].reason
        assert {(event.kind, event.port) for event in told[1:]} == {
            ("remove", "1-1.3"),
            ("add", "1-1.2"),
        }
        udev.plug(KEYBOARD)
        assert listener.take().port == "1-1.10"
    assert len(udev.monitors) == 2


def test_a_watch_outlives_an_udev_that_does_not_answer(
    udev: RecordedUdev,
    listener: Listener,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("drivers.linux.hotplug._RETRY_S", 0.001)
    with watch(listener, udev):
        udev.plugged.append(FTDI)
        udev.fails = 3
        udev.monitors[-1].send(OSError(errno.EIO, "Input/output error"))
        assert [listener.take().kind for _ in range(2)] == ["error", "add"]
    assert caplog.text.count("udev does not answer") == 3


def test_a_callback_that_fails_is_logged_and_hears_the_next_event(
    udev: RecordedUdev, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    def fragile(event: Hotplug) -> None:
        listener(event)
        raise RuntimeError("no plan for this")

    with caplog.at_level(logging.ERROR), watch(fragile, udev):
        udev.plug(FTDI)
        udev.plug(KEYBOARD)
        assert [listener.take().port for _ in range(2)] == ["1-1.2", "1-1.10"]
    assert [record.message.split()[:3] for record in caplog.records] == [
        ["the", "callback", "failed"]
    ] * 2


def test_a_watch_can_be_closed_from_its_callback_and_then_is_silent(
    udev: RecordedUdev, listener: Listener
) -> None:
    watches: list[Watch] = []

    def once(event: Hotplug) -> None:
        watches[0].close()
        listener(event)

    watches.append(Watch(once, udev))
    udev.monitors[-1].send(replace(FTDI, action="add"))
    udev.monitors[-1].send(replace(KEYBOARD, action="add"))
    assert listener.take().port == "1-1.2"
    watches[0].close()
    watches[0].close()
    assert listener.events.empty()

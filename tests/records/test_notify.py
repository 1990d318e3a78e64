"""The messages of station and host to systemd."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from records import notify
from tests.systemd.notify_socket import manager


@pytest.mark.parametrize("name", ["notify", "with@sign"])
def test_a_message_reaches_a_socket_in_the_file_system(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with manager(str(tmp_path / name)) as systemd:
        monkeypatch.setenv("NOTIFY_SOCKET", systemd.address)
        notify.sd_notify("READY=1\nSTATUS=ä")
        assert systemd.hear(1.0) == "READY=1\nSTATUS=ä"


def test_a_message_reaches_an_abstract_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    with manager(f"@pace-test-{os.getpid()}") as systemd:
        monkeypatch.setenv("NOTIFY_SOCKET", systemd.address)
        notify.sd_notify("WATCHDOG=1")
        assert systemd.hear(1.0) == "WATCHDOG=1"


@pytest.mark.parametrize("address", [None, "", "vsock:2:1234", "relative/path"])
def test_nothing_is_sent_where_nobody_can_listen(
    address: str | None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if address is None:
        monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    else:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify.sd_notify("READY=1")
    assert caplog.records == []


@pytest.mark.parametrize("path", ["/nowhere/notify", "/" + "long" * 40])
def test_a_manager_that_is_gone_is_worth_a_warning_and_no_more(
    path: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    notify.sd_notify("READY=1")
    (warning,) = caplog.records
    assert warning.levelno == logging.WARNING
    assert "READY=1" in warning.getMessage()


def test_a_manager_that_does_not_read_cannot_hang_the_service(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(notify, "PATIENCE_S", 0.01)
    with manager(str(tmp_path / "notify")) as systemd:
        monkeypatch.setenv("NOTIFY_SOCKET", systemd.address)
        for _ in range(10_000):  # until the kernel queues no more
            notify.sd_notify("WATCHDOG=1")
            if caplog.records:
                break
    assert "timed out" in caplog.text


@pytest.mark.parametrize(
    ("variables", "period_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, 20.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 20.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_fed_three_times_as_often_as_asked(
    variables: dict[str, str],
    period_s: float | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    watchdog_period_s: Callable[[], float | None] = notify.watchdog_period_s
    assert watchdog_period_s() == period_s
